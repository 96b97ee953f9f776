"""ClusterSnapshot: the watched objects at one moment. The one type that leaves this folder."""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from flow.latest import Latest
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.backends import XBackend
from k8s_watch.objects.core import ConfigMap, Deployment, EndpointSlice, Namespace, Secret, Service
from k8s_watch.objects.gateway import Gateway, GatewayClass, ListenerSet, ReferenceGrant
from k8s_watch.objects.grpc_route import GRPCRoute
from k8s_watch.objects.policies import BackendTLSPolicy, XBackendTrafficPolicy
from k8s_watch.objects.routes import HTTPRoute, TCPRoute, TLSRoute, UDPRoute


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """An object that the source could not take in: what, where, why. Everything else goes on."""

    kind: str
    """"" when not even the kind could be read."""
    key: ObjectKey | None
    where: str
    """File with line or document number; or the API path."""
    reason: str
    """Names the field and the remedy."""

    @property
    def object(self) -> str:
        """What it is about, for people: `HTTPRoute/default/web`, as far as it could be read."""
        return f"{self.kind}/{self.key}" if self.key else self.kind or "document"


class PassedOver(msgspec.Struct, frozen=True, kw_only=True):
    """Objects in a file of kinds that are not ours to read. Nothing is wrong with them."""

    where: str
    """The file."""
    what: str
    """How many of each kind: `1 Deployment, 2 ServiceAccount`."""


class ClusterSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The watched objects, one mapping a kind, by namespace and name.

    Never mutated. An object, or a whole mapping, that did not change between two snapshots of one source is the same
    Python object in both, so `is` answers "did it change?". The mappings are `immutables.Map`s, whose keys are no set.
    """

    revision: int
    """Counts snapshots of this source, from 1."""
    changed: Mapping[str, frozenset[ObjectKey]] | None = None
    """Kind name → keys added, changed or removed since revision - 1; None when everything may have (the first).

    For EndpointSlice they are the keys of `slices_by_service`: the Services whose slices changed.
    """
    gateway_classes: Mapping[ObjectKey, GatewayClass] = {}
    gateways: Mapping[ObjectKey, Gateway] = {}
    grpc_routes: Mapping[ObjectKey, GRPCRoute] = {}
    listener_sets: Mapping[ObjectKey, ListenerSet] = {}
    http_routes: Mapping[ObjectKey, HTTPRoute] = {}
    tcp_routes: Mapping[ObjectKey, TCPRoute] = {}
    tls_routes: Mapping[ObjectKey, TLSRoute] = {}
    udp_routes: Mapping[ObjectKey, UDPRoute] = {}
    backend_tls_policies: Mapping[ObjectKey, BackendTLSPolicy] = {}
    backend_traffic_policies: Mapping[ObjectKey, XBackendTrafficPolicy] = {}
    backends: Mapping[ObjectKey, XBackend] = {}
    grants: Mapping[ObjectKey, ReferenceGrant] = {}
    namespaces: Mapping[ObjectKey, Namespace] = {}
    services: Mapping[ObjectKey, Service] = {}
    secrets: Mapping[ObjectKey, Secret] = {}
    config_maps: Mapping[ObjectKey, ConfigMap] = {}
    deployments: Mapping[ObjectKey, Deployment] = {}
    slices_by_service: Mapping[ObjectKey, tuple[EndpointSlice, ...]] = {}
    """By the Service they belong to; slices of one Service sorted by name."""
    rejected: tuple[Rejected, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()
    """Of files alone."""


FIELDS: Mapping[str, str] = {
    "BackendTLSPolicy": "backend_tls_policies",
    "ConfigMap": "config_maps",
    "Deployment": "deployments",
    "GRPCRoute": "grpc_routes",
    "Gateway": "gateways",
    "GatewayClass": "gateway_classes",
    "HTTPRoute": "http_routes",
    "ListenerSet": "listener_sets",
    "Namespace": "namespaces",
    "ReferenceGrant": "grants",
    "Secret": "secrets",
    "Service": "services",
    "TCPRoute": "tcp_routes",
    "TLSRoute": "tls_routes",
    "UDPRoute": "udp_routes",
    "XBackend": "backends",
    "XBackendTrafficPolicy": "backend_traffic_policies",
}
"""Kind name → the field of the snapshot that holds its objects as they are."""


def objects_of(cluster: ClusterSnapshot, kind: str) -> Mapping[ObjectKey, Any]:
    """Return the objects of one of `FIELDS`; raises `KeyError` for another kind."""
    found: Mapping[ObjectKey, Any] = getattr(cluster, FIELDS[kind])
    return found


class Source(Protocol):
    """Where objects come from: a cluster, or a folder of YAML."""

    @property
    def revision(self) -> Latest[int]:
        """Counts changes; stays 0 until everything has been read once."""
        ...

    def snapshot(self) -> ClusterSnapshot:
        """The present state. Cost: follows what changed since the last call, as far as the source can."""
        ...

    async def run(self) -> None:
        """Read until cancelled."""
        ...
