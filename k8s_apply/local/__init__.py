"""InfraIR → Envoy processes on this machine; Statuses → a local file. What a cluster does for us, without one.

No process outlives us: not a removed Gateway, not an orderly end, not our own sudden death.
"""
