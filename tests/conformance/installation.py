"""A running lab → the controller installed in it, Ready, with an accepted GatewayClass."""

import json
from enum import Enum

from gateway_api.features import supported
from tests.lab.binaries import GATEWAY_API_CRDS
from tests.lab.cluster import kubectl
from tests.lab.places import PROJECT
from tests.lab.processes import wait_for

GATEWAY_CLASS = "eg"
SYSTEM = "envoy-gateway-system"


class Mode(Enum):
    """Where the proxies run; how `docker/` is applied."""

    GATEWAY_NAMESPACE = "gateway-namespace"
    SYSTEM_NAMESPACE = "system-namespace"

    @property
    def features(self) -> tuple[str, ...]:
        """What the GatewayClass claims."""
        return supported(gateway_namespace_mode=self is Mode.GATEWAY_NAMESPACE)


def install(mode: Mode) -> None:
    """Apply the CRDs, `docker/` and the GatewayClass; restart the controller, for today's image and this mode."""
    kubectl("apply", "--server-side", "-f", str(GATEWAY_API_CRDS / "experimental"))
    kubectl("wait", "--for=condition=Established", "crd/httproutes.gateway.networking.k8s.io", "--timeout=30s")
    _apply("install.yaml")
    _apply("gateway-namespace-mode.yaml")
    if mode is Mode.SYSTEM_NAMESPACE:  # its roles stay: what the other mode has left can be removed with them
        kubectl("delete", "-n", SYSTEM, "configmap/envoy-gateway-settings")
    # Nothing asks after the health of nodes here, and proxies of earlier tests would fill this one for longer.
    kubectl("set", "env", "-n", SYSTEM, "deployment/envoy-gateway", "LYCHGATE_PROXY_DRAIN_SECONDS=10")
    kubectl("rollout", "restart", "-n", SYSTEM, "deployment/envoy-gateway")
    kubectl("rollout", "status", "-n", SYSTEM, "deployment/envoy-gateway", "--timeout=120s")
    kubectl("apply", "-f", str(PROJECT / "examples" / "tutorial" / "gatewayclass.yaml"))
    kubectl("wait", "--for=condition=Accepted", f"gatewayclass/{GATEWAY_CLASS}", "--timeout=60s")
    wait_for("today's features in the GatewayClass", lambda: _claimed() == set(mode.features), patience=60)


def controller_log() -> str:
    """Return what the controller has logged so far."""
    return kubectl("logs", "-n", SYSTEM, "deployment/envoy-gateway", "--tail=-1")


def _apply(file: str) -> None:
    kubectl("apply", "--server-side", "--force-conflicts", "-f", str(PROJECT / "docker" / file))


def _claimed() -> set[str]:
    """What the suite will test. A class that was accepted in another mode still says what was true there."""
    answer = kubectl("get", "gatewayclass", GATEWAY_CLASS, "-o", "jsonpath={.status.supportedFeatures}")
    return {feature["name"] for feature in json.loads(answer or "[]")}
