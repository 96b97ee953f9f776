"""Routes of bytes → filter chains, and where datagrams go."""

from collections.abc import Iterator, Mapping, Set
from typing import NamedTuple

import msgspec

from gateway_api.graph.gateways.listener import terminates_tls
from gateway_api.graph.hostnames import ANY
from gateway_api.graph.routes.claims import claims
from gateway_api.graph.types import BackendNode, Graph, ListenerNode, RouteId
from gateway_api.ir import xds as ir
from gateway_api.lowering.backends import l4_destinations
from gateway_api.lowering.downstream_tls import downstream_tls
from gateway_api.lowering.route_tables import owner
from k8s_watch.keys import ObjectKey


class Served(NamedTuple):
    """A route of bytes that serves a place."""

    id: RouteId
    backends: tuple[BackendNode, ...]


type ServedBy = Mapping[str, Mapping[str, Served]]
"""Listener name → hostname → the route that serves it."""


def served_by(graph: Graph, gateway: ObjectKey) -> ServedBy:
    """Say which routes of bytes serve which places of a Gateway.

    Spec: see `gateway_api.graph.routes.claims`
    """
    found: dict[str, dict[str, Served]] = {}
    for place, (first, *_) in claims(graph, gateway).items():
        [rule] = graph.l4[first.kind].nodes[first.key].rules
        found.setdefault(place.listener, {})[place.hostname] = Served(first, rule.backends)
    return found


def tls_chains(
    listener: ListenerNode, on_port: Set[str], routes: Mapping[str, Served]
) -> Iterator[tuple[ir.FilterChain, tuple[BackendNode, ...]]]:
    """Pass the connections of a TLS listener to backends by server name, and close what no route of it serves.

    `on_port` has the hostnames of all listeners of the port. As in `route_tables`, a proxy knows no listeners within a
    port and the most specific server name wins: so the listener's own hostname always has a chain, and a route gets
    nothing that another listener is more specific for.

    Spec: Gateway API v1.6 TLSRouteSpec.hostnames; GatewaySpec.listeners, "Listener Isolation"
    """
    own, decrypts = listener.hostname, terminates_tls(listener.spec)
    hostnames: dict[RouteId, list[str]] = {}
    backends: dict[RouteId, tuple[BackendNode, ...]] = {}
    for hostname, route in routes.items():
        if owner(hostname, on_port) == own:
            hostnames.setdefault(route.id, []).append(hostname)
            backends[route.id] = route.backends if decrypts else tuple(map(_unencrypted, route.backends))
    # No protocol is offered: what the bytes mean is between client and backend.
    tls = msgspec.structs.replace(downstream_tls(listener), alpn=()) if decrypts else None
    for id_, names in hostnames.items():
        name = f"{_prefix(listener)}/{id_.kind.lower()}/{id_.key.namespace}/{id_.key.name}"
        yield _chain(name, tuple(names), backends[id_], tls), backends[id_]
    if own not in routes:
        yield closing_chain(listener), ()


def closing_chain(listener: ListenerNode) -> ir.FilterChain:
    """Close the connections for a listener's hostname. No certificate is shown."""
    return _chain(_prefix(listener), (listener.hostname,), (), None)


def _prefix(listener: ListenerNode) -> str:
    return f"tls-{listener.spec.port}/{listener.name}"


def _unencrypted(backend: BackendNode) -> BackendNode:
    """The backend as it is for connections that clients have encrypted."""
    if backend.unencrypted is None:
        return backend
    return BackendNode(weight=backend.weight, cluster=backend.unencrypted)


def _chain(
    name: str, hostnames: tuple[str, ...], backends: tuple[BackendNode, ...], tls: ir.DownstreamTls | None
) -> ir.FilterChain:
    return ir.FilterChain(
        name=name,
        handler=ir.TcpChain(destinations=l4_destinations(backends)),
        server_names=() if ANY in hostnames else hostnames,
        tls=tls,
    )
