"""Graph + FleetReport + InfraReport → Statuses: what we want to see written, without timestamps."""
