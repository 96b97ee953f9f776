"""Judged routes → what each means to the Gateways that it is attached to."""

from collections.abc import Mapping

import msgspec

from gateway_api.graph.types import GatewayNode, RouteNode, Settings
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.routes import Route


def attached_listeners(route: RouteNode) -> frozenset[tuple[ObjectKey, str]]:
    """Return the listeners, by Gateway and name, that count the route: those it is bound to, if it is accepted.

    Spec: Gateway API v1.6 ListenerStatus.attachedRoutes
    """
    if route.rejection is not None:
        return frozenset()
    return frozenset((parent.gateway, binding.listener) for parent in route.parents for binding in parent.bindings)


def bound_gateways(route: RouteNode) -> frozenset[ObjectKey]:
    """Return the Gateways that the route is bound to, on any listener.

    Spec: Gateway API v1.6 CommonRouteSpec.parentRefs
    """
    return frozenset(parent.gateway for parent in route.parents if parent.bindings)


def counted(gateway: GatewayNode, attached: Mapping[str, int]) -> GatewayNode:
    """Return the Gateway with its routes counted; `attached` is by the listener's name.

    Spec: Gateway API v1.6 ListenerStatus.attachedRoutes
    """
    return msgspec.structs.replace(
        gateway,
        listeners=tuple(
            msgspec.structs.replace(listener, attached_routes=attached.get(listener.spec.name, 0))
            for listener in gateway.listeners
        ),
    )


def is_forsaken(source: Route, settings: Settings) -> bool:
    """Whether a route that is not ours still has a status entry of ours.

    Spec: Gateway API v1.6 RouteParentStatus.controllerName, "entries are cleaned up when no longer necessary"
    """
    return any(entry.controller_name == settings.controller_name for entry in source.status.parents)
