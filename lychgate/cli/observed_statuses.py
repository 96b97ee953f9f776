"""ClusterSnapshot → the statuses that its objects carry, in the words of our own wishes, for printing; and those
objects of which they say nothing, or nothing new.
"""

from collections.abc import Iterable, Iterator

from gateway_api.graph import policy_kinds, route_kinds
from gateway_api.ir.infra import Address
from gateway_api.status.observed import as_wish
from gateway_api.status.types import (
    AncestorStatus,
    Body,
    Condition,
    GatewayClassStatus,
    GatewayStatus,
    ListenerSetStatus,
    ListenerStatus,
    ParentStatus,
    PolicyStatus,
    RouteStatus,
    Statuses,
    StatusKey,
)
from k8s_apply.status_report import Oversight, StatusRow, oversight
from k8s_watch.keys import ObjectKey
from k8s_watch.objects import gateway as gateway_shapes
from k8s_watch.objects import meta
from k8s_watch.objects.backends import XBackend
from k8s_watch.objects.gateway import Gateway, GatewayClass, ListenerSet
from k8s_watch.objects.policies import Policy
from k8s_watch.objects.routes import Route
from k8s_watch.snapshot import ClusterSnapshot, objects_of


def observed_statuses(cluster: ClusterSnapshot) -> Statuses:
    """Whoever wrote them: a table of a cluster shows all controllers' words."""
    statuses: dict[StatusKey, Body] = {}
    for key, class_ in cluster.gateway_classes.items():
        statuses[StatusKey(kind="GatewayClass", key=key)] = _gateway_class(class_)
    for key, gateway in cluster.gateways.items():
        statuses[StatusKey(kind="Gateway", key=key)] = _gateway(gateway)
    for key, listener_set in cluster.listener_sets.items():
        statuses[StatusKey(kind="ListenerSet", key=key)] = _listener_set(listener_set)
    for kind in (*route_kinds.HTTP, *route_kinds.L4):
        for key, route in objects_of(cluster, kind).items():
            statuses[StatusKey(kind=kind, key=key)] = _route(route)
    for kind in policy_kinds.JUDGES:
        for key, policy in objects_of(cluster, kind).items():
            statuses[StatusKey(kind=kind, key=key)] = _route(policy) if kind == "XBackend" else _policy(policy)
    return statuses


def unattended(cluster: ClusterSnapshot, rows: Iterable[StatusRow]) -> Iterator[Oversight]:
    """Find objects whose status is older than they are, in the order of its `rows`, and then routes that have none."""
    last: tuple[str, ...] = ()
    for row in rows:
        key, place = ObjectKey(row.namespace, row.name), (row.kind, row.namespace, row.name)
        generation = objects_of(cluster, row.kind)[key].metadata.generation
        if 0 < row.observed_generation < generation and place != last:
            last = place
            about = f" of {row.parent}" if row.parent else ""
            yield oversight(
                row.kind,
                key,
                f"its status{about} is of generation {row.observed_generation}, and the object of {generation}: nobody"
                " has looked at its last change, does a controller run?",
            )
    for kind in (*route_kinds.HTTP, *route_kinds.L4):
        for key, route in sorted(objects_of(cluster, kind).items()):
            if not route.status.parents:
                yield oversight(kind, key, "has no status: none of its parentRefs leads to what a controller serves")


def _gateway_class(source: GatewayClass) -> GatewayClassStatus:
    return GatewayClassStatus(conditions=_conditions(source.status.conditions))


def _gateway(source: Gateway) -> GatewayStatus:
    return GatewayStatus(
        conditions=_conditions(source.status.conditions),
        addresses=tuple(Address(address.type, address.value) for address in source.status.addresses),
        listeners=_listeners(source.status.listeners),
        attached_listener_sets=source.status.attached_listener_sets,
    )


def _listener_set(source: ListenerSet) -> ListenerSetStatus:
    status = source.status
    return ListenerSetStatus(conditions=_conditions(status.conditions), listeners=_listeners(status.listeners))


def _listeners(observed: Iterable[gateway_shapes.ListenerStatus]) -> tuple[ListenerStatus, ...]:
    return tuple(
        ListenerStatus(
            name=listener.name,
            supported_kinds=listener.supported_kinds,
            attached_routes=listener.attached_routes,
            conditions=_conditions(listener.conditions),
        )
        for listener in observed
    )


def _route(source: Route | XBackend) -> RouteStatus:
    parents = tuple(
        ParentStatus(parent_ref=parent.parent_ref, conditions=_conditions(parent.conditions))
        for parent in source.status.parents
    )
    return RouteStatus(controller_name="", parents=parents)


def _policy(source: Policy) -> PolicyStatus:
    ancestors = tuple(
        AncestorStatus(ancestor_ref=ancestor.ancestor_ref, conditions=_conditions(ancestor.conditions))
        for ancestor in source.status.ancestors
    )
    return PolicyStatus(controller_name="", ancestors=ancestors)


def _conditions(observed: Iterable[meta.Condition]) -> tuple[Condition, ...]:
    return tuple(as_wish(one) for one in observed)
