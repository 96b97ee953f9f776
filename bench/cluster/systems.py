"""The two control planes: how each is installed in the lab, switched on and off, and found among the processes."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.cluster import envoy_gateway
from bench.cluster.api import Api, Json
from tests.lab import cluster as lab
from tests.lab.binaries import GATEWAY_API_CRDS
from tests.lab.places import CONTAINERD_SOCKET, PROJECT
from tests.lab.processes import wait_for
from tests.lab.project_images import ENVOY_IMAGE

DEPLOYMENT = "envoy-gateway"
SELECTOR = "control-plane=envoy-gateway"
"""Both carry the tutorial's names, each in a namespace of its own."""


@dataclass(frozen=True, kw_only=True)
class System:
    """One of the two."""

    key: str
    title: str
    namespace: str
    gateway_class: str
    controller_name: str

    def switch_on(self) -> None:
        """Return when the control plane's one pod is Ready."""
        lab.kubectl("scale", "-n", self.namespace, f"deployment/{DEPLOYMENT}", "--replicas=1")
        lab.kubectl("rollout", "status", "-n", self.namespace, f"deployment/{DEPLOYMENT}", "--timeout=180s")

    def switch_off(self, api: Api) -> None:
        """Return when the control plane's pod is gone."""
        lab.kubectl("scale", "-n", self.namespace, f"deployment/{DEPLOYMENT}", "--replicas=0")
        wait_for(
            f"the end of {self.title}",
            lambda: not api.list("Pod", namespace=self.namespace, labels=SELECTOR),
            patience=90,
        )

    def pid(self, api: Api) -> int:
        """Process id of the control plane."""
        (pod,) = api.list("Pod", namespace=self.namespace, labels=SELECTOR)
        return pid_of(pod, DEPLOYMENT)

    def envoy_pod(self, api: Api, gateway: str) -> Json:
        """The one proxy pod of the Gateway that is not on its way out."""
        labels = f"gateway.envoyproxy.io/owning-gateway-name={gateway}"
        pods = api.list("Pod", namespace=self.namespace, labels=labels)
        (pod,) = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        return pod


LYCHGATE = System(
    key="lychgate",
    title="Lychgate",
    namespace="lychgate-system",
    gateway_class="lychgate",
    controller_name="lychgate.bench/gatewayclass-controller",
)
ENVOY_GATEWAY = System(
    key="envoy-gateway",
    title=f"Envoy Gateway {envoy_gateway.VERSION}",
    namespace="envoy-gateway-system",
    gateway_class="envoy-gateway",
    controller_name="gateway.envoyproxy.io/gatewayclass-controller",
)
SYSTEMS = (LYCHGATE, ENVOY_GATEWAY)


def install(api: Api, systems: tuple[System, ...]) -> None:
    """Install the CRDs and the systems with today's images, and leave them switched off."""
    _apply(GATEWAY_API_CRDS / "experimental")
    lab.kubectl("wait", "--for=condition=Established", "crd/httproutes.gateway.networking.k8s.io", "--timeout=30s")
    if LYCHGATE in systems:
        _install_lychgate()
    if ENVOY_GATEWAY in systems:
        _install_envoy_gateway()
    for system in systems:
        api.apply(_gateway_class(system))
        wait_for(f"{system.title}'s class", lambda s=system: _is_accepted(api, s), patience=120)  # type: ignore[misc]
        system.switch_off(api)


def pid_of(pod: Json, container: str) -> int:
    """Process id of a pod's container, as the machine counts."""
    statuses = pod["status"]["containerStatuses"]
    (name,) = (s["containerID"].removeprefix("containerd://") for s in statuses if s["name"] == container)
    command = ["ctr", "--address", str(CONTAINERD_SOCKET), "--namespace", "k8s.io", "tasks", "list"]
    tasks = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return next(int(line.split()[1]) for line in tasks.splitlines() if line.startswith(name))


def _install_lychgate() -> None:
    """Apply `docker/install.yaml` in a namespace of its own, with a controllerName of its own."""
    text = (PROJECT / "docker" / "install.yaml").read_text().replace("envoy-gateway-system", LYCHGATE.namespace)
    lab.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text)
    settings = f"LYCHGATE_CONTROLLER_NAME={LYCHGATE.controller_name}", "LYCHGATE_PROXY_DRAIN_SECONDS=10"
    lab.kubectl("set", "env", "-n", LYCHGATE.namespace, f"deployment/{DEPLOYMENT}", *settings)
    LYCHGATE.switch_on()  # an earlier run left it scaled to 0, which the manifest leaves alone


def _install_envoy_gateway() -> None:
    lab.load([envoy_gateway.image()])
    for file in envoy_gateway.crds():
        _apply(file)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ENVOY_GATEWAY.namespace}}
    Api().apply(namespace)
    manifest = envoy_gateway.manifest(ENVOY_GATEWAY.namespace, ENVOY_IMAGE)
    lab.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=manifest)
    lab.kubectl("rollout", "status", "-n", ENVOY_GATEWAY.namespace, f"deployment/{DEPLOYMENT}", "--timeout=180s")


def _apply(place: Path) -> None:
    lab.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(place))


def _gateway_class(system: System) -> Json:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": system.gateway_class},
        "spec": {"controllerName": system.controller_name},
    }


def _is_accepted(api: Api, system: System) -> bool:
    conditions = api.get("GatewayClass", system.gateway_class).get("status", {}).get("conditions", [])
    return any(c["type"] == "Accepted" and c["status"] == "True" for c in conditions)
