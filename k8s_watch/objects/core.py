"""Core, discovery and apps kinds."""

from collections.abc import Mapping
from typing import Any

import msgspec

from k8s_watch.objects.meta import Condition, Object, Shape


class Namespace(Object, frozen=True):
    """Only its labels matter to us."""


class ServicePort(Shape, frozen=True):
    """`target_port` is that of the pods, by number or name; None is `port`."""

    port: int
    name: str = ""
    protocol: str = "TCP"
    app_protocol: str | None = None
    target_port: int | str | None = None


class ServiceSpec(Shape, frozen=True):
    ports: tuple[ServicePort, ...] = ()
    type: str = "ClusterIP"
    cluster_ip: str = msgspec.field(name="clusterIP", default="")
    cluster_ips: tuple[str, ...] = msgspec.field(name="clusterIPs", default=())
    selector: dict[str, str] = {}
    traffic_distribution: str | None = None


class LoadBalancerIngress(Shape, frozen=True):
    ip: str = ""
    hostname: str = ""


class LoadBalancerStatus(Shape, frozen=True):
    ingress: tuple[LoadBalancerIngress, ...] = ()


class ServiceStatus(Shape, frozen=True):
    load_balancer: LoadBalancerStatus = LoadBalancerStatus()


class Service(Object, frozen=True):
    spec: ServiceSpec = ServiceSpec()
    status: ServiceStatus = ServiceStatus()


class EndpointConditions(Shape, frozen=True):
    """None means unknown. Spec: Kubernetes discovery/v1 EndpointConditions: unknown ready and serving count as true."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class ForZone(Shape, frozen=True):
    name: str


class EndpointHints(Shape, frozen=True):
    for_zones: tuple[ForZone, ...] = ()


class Endpoint(Shape, frozen=True):
    addresses: tuple[str, ...]
    conditions: EndpointConditions = EndpointConditions()
    zone: str | None = None
    hints: EndpointHints | None = None


class EndpointPort(Shape, frozen=True):
    """`port` None means all ports."""

    port: int | None = None
    name: str = ""
    protocol: str = "TCP"
    app_protocol: str | None = None


class EndpointSlice(Object, frozen=True):
    """Belongs to the Service named by its label `kubernetes.io/service-name`."""

    address_type: str = "IPv4"
    endpoints: tuple[Endpoint, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class Secret(Object, frozen=True):
    """`data` values stay base64 text until somebody needs the bytes. Never printed."""

    type: str = "Opaque"
    data: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Secret({self.key}, type={self.type!r}, data=[redacted])"

    __str__ = __repr__

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Tell what tracebacks that print local variables may show."""
        return [("key", str(self.key)), ("data", "[redacted]")]


class ConfigMap(Object, frozen=True):
    data: dict[str, str] = {}


def authority_alone(source: ConfigMap) -> ConfigMap:
    """Keep the entry with the authorities alone: ConfigMaps of a cluster hold dashboards and rule files of megabytes,
    and we read nothing else of them."""
    return _holding(source, *authority_entry(source.data))


def authority_entry(data: Mapping[str, str]) -> tuple[str, ...]:
    """Return the name of the entry of a ConfigMap that holds authorities: `ca.crt`, else `tls.crt`, else the only one
    if there is a certificate in it, as trust-manager names it; or nothing."""
    for name in ("ca.crt", "tls.crt"):
        if name in data:
            return (name,)
    is_clear = len(data) == 1 and all("-----BEGIN CERTIFICATE-----" in text for text in data.values())
    return tuple(data) if is_clear else ()


def certificate_alone(source: Secret) -> Secret:
    """Keep the certificate with its key, and the authority: what else is secret in a cluster is large, too, and none
    of our business."""
    return _holding(source, "tls.crt", "tls.key", "ca.crt")


def _holding[T: (Secret, ConfigMap)](source: T, *names: str) -> T:
    kept = {name: source.data[name] for name in names if name in source.data}
    return source if len(kept) == len(source.data) else msgspec.structs.replace(source, data=kept)


class DeploymentStatus(Shape, frozen=True):
    replicas: int = 0
    ready_replicas: int = 0
    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()


class DeploymentSpec(Shape, frozen=True):
    replicas: int = 1


class Deployment(Object, frozen=True):
    """Watched only where we own it."""

    spec: DeploymentSpec = DeploymentSpec()
    status: DeploymentStatus = DeploymentStatus()


class NodeAddress(Shape, frozen=True):
    """`type` is InternalIP, ExternalIP or a kind of name."""

    type: str
    address: str


class NodeStatus(Shape, frozen=True):
    addresses: tuple[NodeAddress, ...] = ()
    conditions: tuple[Condition, ...] = ()


class Node(Object, frozen=True):
    status: NodeStatus = NodeStatus()


class PlacedEndpoint(Shape, frozen=True):
    node_name: str | None = None
    conditions: EndpointConditions = EndpointConditions()


class PlacedSlice(Object, frozen=True):
    """An EndpointSlice, for the nodes of its endpoints: those that are watched, many thousands, do without."""

    endpoints: tuple[PlacedEndpoint, ...] = ()


class CustomResourceDefinition(Object, frozen=True):
    """Its annotations say of which version it is."""
