"""Which routes of bytes want one place, and who gets it.

Bytes tell nothing that could choose between two routes, but the server name in front of TLS. So a place is a hostname
of a listener, and of the routes bound there one serves while the others wait: the one whose own hostname is the most
specific, among equals the first in order of precedence.

Spec: Gateway API v1.6 HTTPRouteSpec.hostnames, "precedence must be given"; GEP-713 conflict rules, "oldest"
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from gateway_api.graph.hostnames import specificity
from gateway_api.graph.precedence import asked_for, seniority
from gateway_api.graph.types import Graph, L4RouteNode, RouteId
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.routes import TLSRoute


class Place(NamedTuple):
    """A hostname of a listener; `*` for one without hostnames."""

    listener: str
    hostname: str


type Claims = Mapping[Place, tuple[RouteId, ...]]
"""The routes bound at each place: the first serves."""


def claims(graph: Graph, gateway: ObjectKey) -> Claims:
    """List who claims what of a Gateway.

    Cost: linear in the hostnames of all routes of bytes that the Gateway has.
    """
    found: dict[Place, dict[RouteId, L4RouteNode]] = {}
    for id_, node in _in_order(graph, gateway):
        for parent in node.parents:
            if parent.gateway == gateway:
                for binding in parent.bindings:
                    for hostname in binding.hostnames:
                        found.setdefault(Place(binding.listener, hostname), {})[id_] = node
    return {place: _ranked(place.hostname, routes) for place, routes in found.items()}


def _in_order(graph: Graph, gateway: ObjectKey) -> Iterator[tuple[RouteId, L4RouteNode]]:
    kinds = (
        [(RouteId(kind, key), routes.nodes[key]) for key in routes.of.get(gateway, ())]
        for kind, routes in graph.l4.items()
    )
    return heapq.merge(*kinds, key=lambda route: seniority(route[1].source))


def _ranked(hostname: str, routes: Mapping[RouteId, L4RouteNode]) -> tuple[RouteId, ...]:
    if len(routes) == 1:
        return tuple(routes)
    return tuple(sorted(routes, key=lambda id_: specificity(asked_for(hostname, _own(routes[id_])))))


def _own(node: L4RouteNode) -> Iterable[str]:
    return node.source.spec.hostnames if isinstance(node.source, TLSRoute) else ()
