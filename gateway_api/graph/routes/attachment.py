"""A route's parentRefs + the Gateways and ListenerSets they name → where the route is bound, or why it is not."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from gateway_api.graph import problems
from gateway_api.graph.hostnames import is_hostname, shared, sharers
from gateway_api.graph.label_selector import allows
from gateway_api.graph.lookup import Lookup
from gateway_api.graph.problems import Problem
from gateway_api.graph.references import target_of
from gateway_api.graph.types import Binding, GatewayNode, ListenerNode, ListenerSetNode, Parent
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.gateway import GROUP, RouteGroupKind
from k8s_watch.objects.grpc_route import GRPCRoute
from k8s_watch.objects.meta import Object
from k8s_watch.objects.routes import HTTPRoute, L4Route, ParentReference

type Labels = Lookup[str, str]


class Section(NamedTuple):
    """What a parentRef selects of a Gateway by its `sectionName`."""

    gateway: ObjectKey
    name: str
    """"" selects all of it."""


class Parents(NamedTuple):
    """What a route can be attached to, as far as it is ours."""

    gateways: Container[ObjectKey]
    sections: Lookup[Section, tuple[ListenerNode, ...]]
    """Of Gateways: which listeners a name selects."""
    listener_sets: Lookup[ObjectKey, ListenerSetNode]


class Sections:
    """The listeners of Gateways by name: a route that names one is not concerned by the others."""

    def __init__(self, gateways: Mapping[ObjectKey, GatewayNode]) -> None:
        self._gateways = gateways

    def get(self, section: Section, /) -> tuple[ListenerNode, ...] | None:
        """Return the listeners of that name; without a name, all; None when there is no such Gateway."""
        gateway = self._gateways.get(section.gateway)
        if gateway is None:
            return None
        if not section.name:
            return gateway.listeners
        return tuple(listener for listener in gateway.listeners if listener.spec.name == section.name)

    def __contains__(self, section: object, /) -> bool:
        return isinstance(section, Section) and section.gateway in self._gateways


class _Offer(NamedTuple):
    """What one parent has for routes: its own listeners, not those of what it belongs to or of what belongs to it.

    Spec: GEP-1713 "Gateway Parents and sectionName"
    """

    parent: str
    """What it is called."""
    gateway: ObjectKey
    listener_set: ObjectKey | None
    listeners: tuple[ListenerNode, ...]
    """Those that the parentRef may select: of a Gateway, no others than it names."""


def attach(
    route: HTTPRoute | GRPCRoute | L4Route,
    kind: RouteGroupKind,
    parents: Parents,
    *,
    labels: Labels,
    route_hostnames: Sequence[str],
) -> tuple[Parent, ...]:
    """Find the listeners that a route may serve, for each parentRef that names one of `parents`, in their order.

    `labels` are those of the route's namespace. A route without hostnames, be it of a kind that has none, takes
    each listener's. A parentRef that no listener takes has no bindings and a problem that says why; nothing raises.

    Whether a listener is itself served plays no part: a route stays attached while its listener is being repaired.

    Spec: Gateway API v1.6 CommonRouteSpec.parentRefs, Listener.allowedRoutes, ListenerStatus.attachedRoutes
    """
    found = []
    for ref in dict.fromkeys(route.spec.parent_refs):
        offer = _offer(route, ref, parents)
        if offer is None:
            continue
        bound = _bind(route, kind, ref, offer, labels=labels, route_hostnames=route_hostnames)
        bindings, wrong = ((), (bound,)) if isinstance(bound, Problem) else (bound, ())
        found.append(
            Parent(
                ref=ref,
                gateway=offer.gateway,
                listener_set=offer.listener_set,
                bindings=bindings,
                problems=wrong,
            )
        )
    return tuple(found)


def bound_listeners(parents: Iterable[Parent], known: Parents) -> Iterator[ListenerNode]:
    """Return the listeners that a route which was attached to `known` is bound to."""
    for parent in parents:
        names = {binding.listener for binding in parent.bindings}
        found: Iterable[ListenerNode] = ()
        if parent.listener_set is None:
            found = known.sections.get(_section(parent.ref, parent.gateway)) or ()
        elif listener_set := known.listener_sets.get(parent.listener_set):
            found = listener_set.listeners
        yield from (listener for listener in found if listener.name in names)


def hostname_problems(hostnames: Iterable[str]) -> list[Problem]:
    """Return what is wrong with a route's hostnames.

    Spec: Gateway API v1.6 HTTPRouteSpec.hostnames, TLSRouteSpec.hostnames
    """
    return [
        problems.unsupported_value(
            f"hostnames: {hostname!r} must be a lower-case DNS name, optionally with the prefix `*.`."
        )
        for hostname in hostnames
        if not is_hostname(hostname)
    ]


def unbound(parents: Sequence[Parent]) -> tuple[Parent, ...]:
    """Return the parents of a route that is wrong in itself: it stays known to them and serves nothing."""
    return tuple(msgspec.structs.replace(parent, bindings=()) for parent in parents)


def _offer(route: Object, ref: ParentReference, parents: Parents) -> _Offer | None:
    """Spec: Gateway API v1.6 ParentReference.kind."""
    key = target_of(ref, route.metadata.namespace)
    if ref.group != GROUP:
        return None
    if ref.kind == "Gateway" and key in parents.gateways:
        return _Offer(f"Gateway {key}", key, None, parents.sections.get(_section(ref, key)) or ())
    if ref.kind == "ListenerSet" and (listener_set := parents.listener_sets.get(key)):
        return _Offer(f"ListenerSet {key}", listener_set.gateway, key, listener_set.listeners)
    return None


def _section(ref: ParentReference, gateway: ObjectKey) -> Section:
    return Section(gateway, ref.section_name or "")


def _bind(
    route: Object,
    kind: RouteGroupKind,
    ref: ParentReference,
    offer: _Offer,
    *,
    labels: Labels,
    route_hostnames: Sequence[str],
) -> tuple[Binding, ...] | Problem:
    """Narrow the parent's listeners down, step by step; the first step that leaves none is the reason."""
    selected = [listener for listener in offer.listeners if _selects(ref, listener)]
    if not selected:
        return problems.no_matching_parent(f"{offer.parent} has no listener {_wanted(ref)}.")
    carrying = [listener for listener in selected if kind in listener.kinds]
    if not carrying:
        message = f"No listener of {offer.parent} that this parentRef selects allows routes of kind {kind.kind}."
        return problems.not_allowed_by_listeners(message)
    namespace = route.metadata.namespace
    allowing = [
        listener
        for listener in carrying
        if allows(listener.spec.allowed_routes.namespaces, listener.namespace, namespace, labels)
    ]
    if not allowing:
        message = (
            f"No listener of {offer.parent} that this parentRef selects allows routes from namespace "
            f"{namespace}; see its allowedRoutes.namespaces."
        )
        return problems.not_allowed_by_listeners(message)
    near = sharers(route_hostnames)
    bindings = tuple(
        Binding(listener=listener.name, hostnames=both)
        for listener in allowing
        if (near is None or listener.hostname in near) and (both := shared(listener.hostname, route_hostnames))
    )
    if not bindings:
        message = (
            f"No hostname of this route matches a hostname of the listeners of {offer.parent} that this parentRef "
            "selects; change either."
        )
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
    return f"with {' and '.join(wanted)}" if wanted else "to attach to; see its status"
