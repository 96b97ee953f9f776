"""InfraIR → Envoy processes on this machine; Statuses → a local file. What a cluster does for us, without one.

No process outlives us: not a removed Gateway, not an orderly end, not our own sudden death.
"""

from k8s_apply.local.binary import EnvoyNotFoundError, find_envoy
from k8s_apply.local.proxies import LocalProxies
from k8s_apply.local.status_file import StatusFile, StatusReport, read_status_file

__all__ = ["EnvoyNotFoundError", "LocalProxies", "StatusFile", "StatusReport", "find_envoy", "read_status_file"]
