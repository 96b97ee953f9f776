"""A system → that system switched on alone, with a Gateway that answers; afterwards nothing of it is left."""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException

from bench.cluster.api import Api, Json
from bench.cluster.objects import BACKENDS, GATEWAY, LABELS, NAMESPACE, backend, gateway, host
from bench.cluster.systems import System, pid_of
from bench.processes import cpu_seconds
from tests.lab import cluster as lab
from tests.lab.processes import NotReady, wait_for

HTTP_INSIDE = 10080
"""The port of the plain listener inside a proxy's pod, in both systems."""

SELECTOR = ",".join(f"{key}={value}" for key, value in LABELS.items())


@dataclass(frozen=True)
class Cpu:
    """CPU seconds so far."""

    control_plane: float
    envoy: float

    def __sub__(self, other: "Cpu") -> "Cpu":
        return Cpu(self.control_plane - other.control_plane, self.envoy - other.envoy)


class Client:
    """One HTTP client that keeps its connection."""

    def __init__(self, address: str, port: int = 80) -> None:
        self._connection = HTTPConnection(address, port, timeout=5)

    def status(self, host: str, path: str = "/") -> int:
        """The status of the answer; 0 when there was none."""
        try:
            self._connection.request("GET", path, headers={"Host": host})
            response = self._connection.getresponse()
            response.read()
        except (OSError, HTTPException):
            self._connection.close()
            return 0
        return response.status


@dataclass
class Run:
    """One system under test."""

    api: Api
    system: System
    address: str
    backends: list[str]
    """Addresses of pods that answer on port 3000."""
    routes: int = 0
    """How many plain routes there are."""
    turns: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    """Numbers that make each change differ from all before."""
    doubled: set[int] = field(default_factory=set)
    """The slices with two endpoints; the others have one."""
    say: Callable[[str], None] = print

    @property
    def slices(self) -> int:
        """How many of the plain routes have a Service and a slice of their own: the first so many."""
        return min(self.routes, BACKENDS)

    def control_plane(self) -> int:
        """Process id of the control plane."""
        return self.system.pid(self.api)

    def envoy(self) -> int:
        """Process id of the Gateway's Envoy."""
        return pid_of(self.envoy_pod(), "envoy")

    def envoy_pod(self) -> Json:
        """The Gateway's one proxy pod."""
        return self.system.envoy_pod(self.api, GATEWAY)

    def cpu(self) -> Cpu:
        """CPU seconds of both so far."""
        return Cpu(cpu_seconds(self.control_plane()), cpu_seconds(self.envoy()))

    def client(self) -> Client:
        """A client of the Gateway's address."""
        return Client(self.address)

    def until_all_answer(self, *, patience: float = 900.0) -> float:
        """Return the seconds until every plain route answered 200, the last one first."""
        client, start = self.client(), time.perf_counter()
        for index in reversed(range(self.routes)):
            until(lambda i=index: client.status(host(i)) == 200, patience=patience)  # type: ignore[misc]
        return time.perf_counter() - start

    def until_quiet(self, *, patience: float = 120.0) -> bool:
        """Return when the control plane rests: below a twentieth of a core for two seconds. Who gives up says so."""
        pid, deadline, calm = self.control_plane(), time.monotonic() + patience, 0
        while calm < 4:
            if time.monotonic() > deadline:
                self.say(f"    {self.system.title} still works after {patience:.0f} s: measured on")
                return False
            before = cpu_seconds(pid)
            time.sleep(0.5)
            calm = calm + 1 if cpu_seconds(pid) - before < 0.03 else 0
        return True


def until(what: Callable[[], bool], *, patience: float = 120.0, pause: float = 0.005) -> float:
    """Return the seconds until it was so. Raises TimeoutError."""
    start = time.perf_counter()
    while not what():
        if time.perf_counter() - start > patience:
            raise TimeoutError(f"not after {patience:.0f} s")
        time.sleep(pause)
    return time.perf_counter() - start


def prepare(api: Api) -> list[str]:
    """Make the namespace and the backends that every run shares; return the addresses of one backend's pods."""
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    for name in ("backend", "backend-a", "backend-b"):
        api.apply_all(backend(name))
        lab.kubectl("rollout", "status", "-n", NAMESPACE, f"deployment/{name}", "--timeout=120s")
    pods = api.list("Pod", namespace=NAMESPACE, labels="app=backend")
    return [pod["status"]["podIP"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]


@contextmanager
def switched_on(api: Api, system: System, say: Callable[[str], None]) -> Iterator[Run]:
    """Switch the system on with an empty Gateway; on leaving remove what was made and switch it off."""
    backends = prepare(api)
    system.switch_on()
    try:
        api.apply(gateway(system.gateway_class))
        wait_for("the Gateway", lambda: is_programmed(api), patience=180)
        address = api.get("Gateway", GATEWAY, namespace=NAMESPACE)["status"]["addresses"][0]["value"]
        run = Run(api, system, address, backends, say=say)
        client = run.client()
        until(lambda: client.status("nothing.example.com") == 404)
        run.until_quiet()
        yield run
    finally:
        remove_world(api)
        remove_gateway(api, system)
        system.switch_off(api)


def remove_world(api: Api) -> None:
    """Delete the routes, Services and slices of a measurement."""
    for kind in ("HTTPRoute", "Secret", "EndpointSlice"):
        api.delete(kind, namespace=NAMESPACE, labels=SELECTOR)
    for service in api.list("Service", namespace=NAMESPACE, labels=SELECTOR):  # has no deletion of many
        api.delete("Service", service["metadata"]["name"], namespace=NAMESPACE)


def remove_gateway(api: Api, system: System) -> None:
    """Delete the Gateway and wait until its proxies are gone."""
    api.delete("Gateway", GATEWAY, namespace=NAMESPACE)
    labels = f"gateway.envoyproxy.io/owning-gateway-name={GATEWAY}"
    with suppress(NotReady):
        wait_for("the end of the proxies", lambda: not _deployments(api, system, labels), patience=180)
    for deployment in _deployments(api, system, labels):  # a control plane that did not come to it
        api.delete("Deployment", deployment["metadata"]["name"], namespace=system.namespace)


def is_programmed(api: Api) -> bool:
    """Whether the Gateway says so, for its newest generation."""
    document = api.get("Gateway", GATEWAY, namespace=NAMESPACE)
    newest = document["metadata"]["generation"]
    conditions = document.get("status", {}).get("conditions", [])
    return any(
        c["type"] == "Programmed" and c["status"] == "True" and c["observedGeneration"] == newest for c in conditions
    )


def _deployments(api: Api, system: System, labels: str) -> list[Json]:
    return api.list("Deployment", namespace=system.namespace, labels=labels)
