"""Two graphs, one after the other → which nodes differ."""

from collections.abc import Mapping

import msgspec

from gateway_api.graph.types import GatewayNode, Graph, Node, RouteNode
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.gateway import Gateway, GatewayClass
from k8s_watch.objects.gateway import GatewayClassStatus as ObservedClassStatus
from k8s_watch.objects.gateway import GatewayStatus as ObservedGatewayStatus
from k8s_watch.objects.routes import Route
from k8s_watch.objects.routes import RouteStatus as ObservedRouteStatus

_NO_KEYS: frozenset[ObjectKey] = frozenset()

type _Source = Gateway | GatewayClass | Route


class GraphChange(Node, frozen=True):
    """The nodes that were added, removed, or are different by value since the graph `before`.

    All other nodes are the same Python objects in both graphs. The sets named `…_served` are the parts of the others
    that can make a difference to proxies and infrastructure: neither an observed status nor a count of attached routes
    does, and those are most of what changes.
    """

    before: Graph | None = None
    """None when everything is new."""
    gateway_classes: frozenset[ObjectKey] = _NO_KEYS
    gateways: frozenset[ObjectKey] = _NO_KEYS
    listener_sets: frozenset[ObjectKey] = _NO_KEYS
    routes: Mapping[str, frozenset[ObjectKey]] = {}
    """By kind; a kind that is not there has none."""
    policies: Mapping[str, frozenset[ObjectKey]] = {}
    """By kind; a kind that is not there has none."""
    gateways_served: frozenset[ObjectKey] = _NO_KEYS
    routes_served: Mapping[str, frozenset[ObjectKey]] = {}
    """By kind; a kind that is not there has none."""

    @property
    def everything(self) -> bool:
        """Whether there was no graph before."""
        return self.before is None


def gateway_serves_alike(one: GatewayNode | None, other: GatewayNode | None) -> bool:
    """Whether both mean the same to proxies and infrastructure. Neither may have its routes counted yet."""
    if one is None or other is None:
        return one is other
    return (
        _unobserved(one.source) == _unobserved(other.source)
        and _unobserved(one.gateway_class) == _unobserved(other.gateway_class)
        and (one.all_listeners, one.problems) == (other.all_listeners, other.problems)
        and one.client_certificate == other.client_certificate
    )


def route_serves_alike(one: RouteNode | None, other: RouteNode | None) -> bool:
    """Whether both mean the same to proxies."""
    if one is None or other is None:
        return one is other
    return all(
        getattr(one, field) == getattr(other, field) for field in one.__struct_fields__ if field != "source"
    ) and (_unobserved(one.source) == _unobserved(other.source))


def _unobserved(source: _Source) -> _Source:
    """Return the object as its user wrote it: without its status, and without the version that each write changes."""
    metadata = msgspec.structs.replace(source.metadata, resource_version="")
    match source:
        case Gateway():
            return msgspec.structs.replace(source, metadata=metadata, status=ObservedGatewayStatus())
        case GatewayClass():
            return msgspec.structs.replace(source, metadata=metadata, status=ObservedClassStatus())
        case Route():
            return msgspec.structs.replace(source, metadata=metadata, status=ObservedRouteStatus())
