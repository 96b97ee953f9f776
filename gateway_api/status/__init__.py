"""Graph + FleetReport + InfraReport → Statuses: what we want to see written, without timestamps.

`build` is the definition, `keeper` arrives at the same at the cost of what changes; beside them one module a kind of
object. Every condition is made in `catalogue`. `observed` reads what was written before, by us or by another replica.
"""
