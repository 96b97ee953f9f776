"""Graph + FleetReport + InfraReport → ObjectStatus: what we want to see written, without timestamps."""
