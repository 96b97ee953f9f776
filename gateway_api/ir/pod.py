"""What the pod of a proxy and the Envoy in it have to agree on: ports, paths and files."""

ADMIN_PORT = 19000
"""On loopback alone."""
METRICS_PORT = 19001
READY_PORT = 19003
RESERVED_PORTS = frozenset({ADMIN_PORT, METRICS_PORT, READY_PORT})
"""What a proxy binds for itself: no listener gets them, and no backend is looked for there."""

METRICS_PATH = "/stats/prometheus"
READY_PATH = "/ready"

BOOTSTRAP_FILE = "bootstrap.yaml"


def drain_path(secret: str) -> str:
    """Return what is asked for on the readiness port to have the proxy drain: whoever knows the secret can."""
    return f"/drain/{secret}"
