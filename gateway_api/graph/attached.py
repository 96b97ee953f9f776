"""Judged routes → what each means to the Gateways that it is attached to."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from gateway_api.graph.types import GatewayNode, ListenerSetNode, RouteNode, Use
from k8s_watch.keys import ObjectKey


class Owner(NamedTuple):
    """Whose listeners they are: a ListenerSet's, or with None the Gateway's own."""

    gateway: ObjectKey
    listener_set: ObjectKey | None = None


def owner_of(node: GatewayNode | ListenerSetNode) -> Owner:
    """Return a node as the owner of its listeners."""
    match node:
        case GatewayNode():
            return Owner(node.key)
        case ListenerSetNode():
            return Owner(node.gateway, node.source.key)


def attached_listeners(route: RouteNode) -> frozenset[tuple[Owner, str]]:
    """Return the listeners, by owner and name, that count the route: those it is bound to, if it is accepted.

    Spec: Gateway API v1.6 ListenerStatus.attachedRoutes
    """
    if route.rejection is not None:
        return frozenset()
    return frozenset(
        (Owner(parent.gateway, parent.listener_set), binding.listener)
        for parent in route.parents
        for binding in parent.bindings
    )


def bound_gateways(route: RouteNode) -> frozenset[ObjectKey]:
    """Return the Gateways that the route is bound to, on any listener.

    Spec: Gateway API v1.6 CommonRouteSpec.parentRefs
    """
    return frozenset(parent.gateway for parent in route.parents if parent.bindings)


def users(route: RouteNode) -> frozenset[tuple[Use, ObjectKey]]:
    """Return what the route uses, each with each Gateway whose traffic it is used for.

    Spec: Gateway API v1.6 PolicyAncestorStatus
    """
    return frozenset((use, gateway) for gateway in bound_gateways(route) for use in route.uses)


def counted[N: (GatewayNode, ListenerSetNode)](node: N, attached: Mapping[str, int]) -> N:
    """Return a Gateway or ListenerSet with the routes of its listeners counted; `attached` is by the listener's name.

    Spec: Gateway API v1.6 ListenerStatus.attachedRoutes
    """
    listeners = tuple(
        msgspec.structs.replace(listener, attached_routes=attached.get(listener.name, 0)) for listener in node.listeners
    )
    return msgspec.structs.replace(node, listeners=listeners)
