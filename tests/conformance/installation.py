"""A running lab → the controller installed in it, Ready, with an accepted GatewayClass."""

from lab.binaries import GATEWAY_API_CRDS
from lab.cluster import kubectl
from lab.places import PROJECT

GATEWAY_CLASS = "eg"
SYSTEM = "envoy-gateway-system"


def install() -> None:
    """Apply the CRDs, `docker/install.yaml` and the GatewayClass; restart the controller, for today's image."""
    kubectl("apply", "--server-side", "-f", str(GATEWAY_API_CRDS / "experimental"))
    kubectl("wait", "--for=condition=Established", "crd/httproutes.gateway.networking.k8s.io", "--timeout=30s")
    kubectl("apply", "--server-side", "--force-conflicts", "-f", str(PROJECT / "docker" / "install.yaml"))
    kubectl("rollout", "restart", "-n", SYSTEM, "deployment/envoy-gateway")
    kubectl("rollout", "status", "-n", SYSTEM, "deployment/envoy-gateway", "--timeout=120s")
    kubectl("apply", "-f", str(PROJECT / "examples" / "tutorial" / "gatewayclass.yaml"))
    kubectl("wait", "--for=condition=Accepted", f"gatewayclass/{GATEWAY_CLASS}", "--timeout=60s")


def controller_log() -> str:
    """Return what the controller has logged so far."""
    return kubectl("logs", "-n", SYSTEM, "deployment/envoy-gateway", "--tail=-1")
