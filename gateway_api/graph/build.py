"""ClusterSnapshot → Graph: the order in which the judges are asked."""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping

import msgspec

from gateway_api.graph.gateway import judge_gateway
from gateway_api.graph.gateway_class import judge_gateway_class
from gateway_api.graph.http_route import judge_http_route
from gateway_api.graph.precedence import route_precedence
from gateway_api.graph.reference_grant import Grants, Resolver
from gateway_api.graph.tcp_route import judge_tcp_route
from gateway_api.graph.types import GatewayClassNode, GatewayNode, Graph, HTTPRouteNode, Settings, TCPRouteNode
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.routes import HTTPRoute, TCPRoute
from k8s_watch.snapshot import ClusterSnapshot

type RouteNode = HTTPRouteNode | TCPRouteNode


def build_graph(cluster: ClusterSnapshot, settings: Settings) -> Graph:
    """Judge and connect everything of ours. The definition: an update of a part must equal this.

    Never raises for what an object says; each error is a `Problem` on the node it concerns. Linear in the number of
    objects.

    Spec: Gateway API v1.6
    """
    resolver = Resolver(Grants(cluster.grants.values()), cluster.services, cluster.secrets)
    classes = {
        key: judge_gateway_class(source)
        for key, source in cluster.gateway_classes.items()
        if source.spec.controller_name == settings.controller_name
    }
    gateways = _gateways(cluster, classes, resolver, settings)
    http_routes = _http_routes(cluster, gateways, resolver)
    tcp_routes = _tcp_routes(cluster, gateways, resolver)
    attached = Counter(itertools.chain(_attachments(http_routes), _attachments(tcp_routes)))
    return Graph(
        settings=settings,
        gateway_classes=classes,
        gateways={key: _counted(gateway, attached) for key, gateway in gateways.items()},
        http_routes=http_routes,
        tcp_routes=tcp_routes,
        http_routes_of=_routes_of(http_routes),
        tcp_routes_of=_routes_of(tcp_routes),
        forsaken={
            "HTTPRoute": _forsaken(cluster.http_routes, http_routes, settings),
            "TCPRoute": _forsaken(cluster.tcp_routes, tcp_routes, settings),
        },
    )


def _gateways(
    cluster: ClusterSnapshot, classes: Mapping[ObjectKey, GatewayClassNode], resolver: Resolver, settings: Settings
) -> dict[ObjectKey, GatewayNode]:
    found = {}
    for key, gateway in cluster.gateways.items():
        gateway_class = classes.get(ObjectKey("", gateway.spec.gateway_class_name))
        if gateway_class is not None:
            found[key] = judge_gateway(gateway, gateway_class, resolver, settings)
    return found


def _http_routes(
    cluster: ClusterSnapshot, gateways: Mapping[ObjectKey, GatewayNode], resolver: Resolver
) -> dict[ObjectKey, HTTPRouteNode]:
    found = {}
    for key, route in cluster.http_routes.items():
        node = judge_http_route(route, gateways, _namespace_labels(cluster, key.namespace), resolver)
        if node is not None:
            found[key] = node
    return found


def _tcp_routes(
    cluster: ClusterSnapshot, gateways: Mapping[ObjectKey, GatewayNode], resolver: Resolver
) -> dict[ObjectKey, TCPRouteNode]:
    found = {}
    for key, route in cluster.tcp_routes.items():
        node = judge_tcp_route(route, gateways, _namespace_labels(cluster, key.namespace), resolver)
        if node is not None:
            found[key] = node
    return found


def _namespace_labels(cluster: ClusterSnapshot, namespace: str) -> Mapping[str, str]:
    """Return the namespace's labels; one that no file describes still has the label that every namespace has.

    Spec: Kubernetes well-known labels, "kubernetes.io/metadata.name"
    """
    found = cluster.namespaces.get(ObjectKey("", namespace))
    return {**(found.metadata.labels if found else {}), "kubernetes.io/metadata.name": namespace}


def _attachments(routes: Mapping[ObjectKey, RouteNode]) -> Iterator[tuple[ObjectKey, str]]:
    """Yield, for each accepted route, the listeners that it is bound to, once each.

    Spec: Gateway API v1.6 ListenerStatus.attachedRoutes
    """
    for route in routes.values():
        if route.rejection is None:
            yield from {(parent.gateway, binding.listener) for parent in route.parents for binding in parent.bindings}


def _counted(gateway: GatewayNode, attached: Mapping[tuple[ObjectKey, str], int]) -> GatewayNode:
    return msgspec.structs.replace(
        gateway,
        listeners=tuple(
            msgspec.structs.replace(listener, attached_routes=attached[gateway.key, listener.spec.name])
            for listener in gateway.listeners
        ),
    )


def _forsaken(
    sources: Mapping[ObjectKey, HTTPRoute] | Mapping[ObjectKey, TCPRoute],
    ours: Mapping[ObjectKey, RouteNode],
    settings: Settings,
) -> frozenset[ObjectKey]:
    """Spec: Gateway API v1.6 RouteParentStatus.controllerName, "entries are cleaned up when no longer necessary"."""
    return frozenset(
        key
        for key, source in sources.items()
        if key not in ours and any(entry.controller_name == settings.controller_name for entry in source.status.parents)
    )


def _routes_of(routes: Mapping[ObjectKey, RouteNode]) -> dict[ObjectKey, tuple[ObjectKey, ...]]:
    found: dict[ObjectKey, list[ObjectKey]] = {}
    for key in sorted(routes, key=lambda key: route_precedence(routes[key].source)):
        bound = {parent.gateway for parent in routes[key].parents if parent.bindings}
        for gateway in bound:
            found.setdefault(gateway, []).append(key)
    return {gateway: tuple(keys) for gateway, keys in found.items()}
