"""A route's parentRefs + the Gateways they name → where the route is bound, or why it is not."""

from collections.abc import Sequence

import msgspec

from gateway_api.graph import hostnames, problems
from gateway_api.graph.label_selector import selects
from gateway_api.graph.lookup import Lookup
from gateway_api.graph.types import Binding, GatewayNode, ListenerNode, Parent, Problem
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.gateway import GROUP, RouteGroupKind, RouteNamespaces
from k8s_watch.objects.meta import Object
from k8s_watch.objects.routes import ParentReference

type Labels = Lookup[str, str]


def parent_gateway(route: Object, ref: ParentReference) -> ObjectKey | None:
    """Return the Gateway that a parentRef names; None when it names another kind of parent.

    Spec: Gateway API v1.6 ParentReference
    """
    if (ref.group, ref.kind) != (GROUP, "Gateway"):
        return None
    return ObjectKey(route.metadata.namespace if ref.namespace is None else ref.namespace, ref.name)


def attach(
    route: Object,
    kind: RouteGroupKind,
    refs: Sequence[ParentReference],
    gateways: Lookup[ObjectKey, GatewayNode],
    *,
    labels: Labels,
    route_hostnames: Sequence[str] | None = None,
) -> tuple[Parent, ...]:
    """Find the listeners that a route may serve, for each parentRef that names one of `gateways`, in refs' order.

    `labels` are those of the route's namespace. `route_hostnames` None is for kinds without hostnames. A parentRef
    that no listener takes has no bindings and a problem that says why; nothing raises.

    Whether a listener is itself served plays no part: a route stays attached while its listener is being repaired.

    Spec: Gateway API v1.6 CommonRouteSpec.parentRefs, Listener.allowedRoutes, ListenerStatus.attachedRoutes
    """
    parents = []
    for ref in dict.fromkeys(refs):
        key = parent_gateway(route, ref)
        gateway = gateways.get(key) if key else None
        if key is None or gateway is None:
            continue
        bound = _bind(route, kind, ref, gateway, labels=labels, route_hostnames=route_hostnames)
        if isinstance(bound, Problem):
            parents.append(Parent(ref=ref, gateway=key, problems=(bound,)))
        else:
            parents.append(Parent(ref=ref, gateway=key, bindings=bound))
    return tuple(parents)


def unbound(parents: Sequence[Parent]) -> tuple[Parent, ...]:
    """Return the parents of a route that is wrong in itself: it stays known to them and serves nothing."""
    return tuple(msgspec.structs.replace(parent, bindings=()) for parent in parents)


def _bind(
    route: Object,
    kind: RouteGroupKind,
    ref: ParentReference,
    gateway: GatewayNode,
    *,
    labels: Labels,
    route_hostnames: Sequence[str] | None,
) -> tuple[Binding, ...] | Problem:
    """Narrow the Gateway's listeners down, step by step; the first step that leaves none is the reason."""
    selected = [listener for listener in gateway.listeners if _selects(ref, listener)]
    if not selected:
        return problems.no_matching_parent(f"Gateway {gateway.key} has no listener with {_wanted(ref)}.")
    carrying = [listener for listener in selected if kind in listener.kinds]
    if not carrying:
        message = f"No listener of Gateway {gateway.key} that this parentRef selects allows routes of kind {kind.kind}."
        return problems.not_allowed_by_listeners(message)
    allowing = [listener for listener in carrying if _allows(listener, route.metadata.namespace, labels)]
    if not allowing:
        message = (
            f"No listener of Gateway {gateway.key} that this parentRef selects allows routes from namespace "
            f"{route.metadata.namespace}; see its allowedRoutes.namespaces."
        )
        return problems.not_allowed_by_listeners(message)
    if route_hostnames is None:
        return tuple(Binding(listener=listener.spec.name) for listener in allowing)
    bindings = tuple(
        Binding(listener=listener.spec.name, hostnames=both)
        for listener in allowing
        if (both := hostnames.shared(listener.spec.hostname, route_hostnames))
    )
    if not bindings:
        message = f"No hostname of this route is one of Gateway {gateway.key}'s listeners that this parentRef selects."
        return problems.no_matching_listener_hostname(message)
    return bindings


def _selects(ref: ParentReference, listener: ListenerNode) -> bool:
    """Spec: Gateway API v1.6 ParentReference.sectionName, ParentReference.port."""
    return (not ref.section_name or ref.section_name == listener.spec.name) and (
        ref.port is None or ref.port == listener.spec.port
    )


def _wanted(ref: ParentReference) -> str:
    wanted = [f"name {ref.section_name}"] if ref.section_name else []
    if ref.port is not None:
        wanted.append(f"port {ref.port}")
    return " and ".join(wanted) or "any name: it has none at all"


def _allows(listener: ListenerNode, namespace: str, labels: Labels) -> bool:
    """Spec: Gateway API v1.6 RouteNamespaces.from."""
    match listener.spec.allowed_routes.namespaces:
        case RouteNamespaces(from_="All"):
            return True
        case RouteNamespaces(from_="Same"):
            return namespace == listener.gateway.namespace
        case RouteNamespaces(from_="Selector", selector=selector) if selector is not None:
            return selects(selector, labels)
        case _:
            return False
