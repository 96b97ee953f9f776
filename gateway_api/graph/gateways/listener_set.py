"""ListenerSet + its Gateway → ListenerSetNode.

What its listeners can only be wrong about beside others' is in `listener_set_conflicts.py`.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping

import msgspec

from gateway_api.graph import problems
from gateway_api.graph.gateways.client_validation import with_client_validation
from gateway_api.graph.gateways.listener import judge_listener
from gateway_api.graph.gateways.listener_conflicts import judge_names
from gateway_api.graph.gateways.listener_overlaps import with_overlaps
from gateway_api.graph.gateways.listener_set_conflicts import judge_beside
from gateway_api.graph.gateways.standing import is_refused, is_refused_in_set
from gateway_api.graph.label_selector import allows
from gateway_api.graph.lookup import Lookup
from gateway_api.graph.mentions import some
from gateway_api.graph.precedence import route_precedence
from gateway_api.graph.references import target_of
from gateway_api.graph.resolver import Resolver
from gateway_api.graph.types import GatewayNode, GraphSettings, ListenerNode, ListenerSetNode
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.gateway import GROUP, AllowedListeners, ListenerSet


def parent_of(listener_set: ListenerSet) -> ObjectKey | None:
    """Return the Gateway that a ListenerSet names; None when it names another kind of parent.

    Spec: Gateway API v1.6 ParentGatewayReference
    """
    ref = listener_set.spec.parent_ref
    if (ref.group, ref.kind) != (GROUP, "Gateway"):
        return None
    return target_of(ref, listener_set.metadata.namespace)


def is_orphan(listener_set: ListenerSet, gateways: Container[ObjectKey]) -> bool:
    """Whether a ListenerSet still says that something is well though its Gateway is none of all `gateways`.

    Its status does not say whose it is. But nobody who is there has accepted it, so nobody's word is taken away.

    Spec: Gateway API v1.6 ListenerSetReasonPending
    """
    parent = parent_of(listener_set)
    return (
        parent is not None
        and parent not in gateways
        and any(c.status == "True" for c in listener_set.status.conditions)
    )


def judge_listener_set(
    listener_set: ListenerSet,
    gateways: Lookup[ObjectKey, GatewayNode],
    labels: Lookup[str, str],
    resolver: Resolver,
    settings: GraphSettings,
) -> ListenerSetNode | None:
    """Judge a ListenerSet by itself; None when its parentRef names none of `gateways`. Routes are not counted yet.

    `labels` are those of its namespace. No listener of one that its Gateway does not allow is looked at. Which clients
    a listener lets in is for the Gateway to say.

    Spec: Gateway API v1.6 ListenerSet, AllowedListeners
    """
    key = parent_of(listener_set)
    gateway = gateways.get(key) if key else None
    if gateway is None:
        return None
    allowed = gateway.source.spec.allowed_listeners or AllowedListeners()
    if not allows(allowed.namespaces, gateway.key.namespace, listener_set.metadata.namespace, labels):
        message = (
            f"Gateway {gateway.key} does not allow ListenerSets of namespace {listener_set.metadata.namespace}; "
            "see its allowedListeners.namespaces."
        )
        return ListenerSetNode(source=listener_set, gateway=gateway.key, problems=(problems.not_allowed(message),))
    alone = [
        judge_listener(gateway.key, listener, resolver, settings, listener_set=listener_set.key)
        for listener in listener_set.spec.listeners
    ]
    listeners = with_client_validation(gateway.source, judge_names(alone), resolver)
    return ListenerSetNode(source=listener_set, gateway=gateway.key, listeners=listeners)


def with_listener_sets(gateway: GatewayNode, listener_sets: Iterable[ListenerSetNode]) -> GatewayNode:
    """Return a Gateway with the listeners of its ListenerSets, which come in order of precedence.

    It is refused when none of all its listeners is accepted and distinct.

    Spec: GEP-1713 "Listener Precedence", "Listener Validation"
    """
    nodes = list(listener_sets)
    added = judge_beside(gateway.listeners, (listener for node in nodes for listener in node.listeners))
    listeners, count = with_overlaps((*gateway.listeners, *added)), len(gateway.listeners)
    accepted = {listener.listener_set for listener in added if not is_refused_in_set(listener)}
    keys = tuple(node.source.key for node in nodes)
    return _with(gateway, listeners[:count], keys, listeners[count:], len(accepted))


def with_sets_of(known: GatewayNode, gateway: GatewayNode) -> GatewayNode:
    """Return a Gateway with the ListenerSets that `known` has, and all listeners as they are there."""
    return _with(gateway, known.listeners, known.listener_sets, known.set_listeners, known.accepted_listener_sets)


def leaves_alike(one: GatewayNode, other: GatewayNode) -> bool:
    """Whether it makes no difference to what is judged beside its listeners which of the two there is."""
    return one.listeners == other.listeners


def stands_alike(one: ListenerSetNode, other: ListenerSetNode) -> bool:
    """Whether it makes no difference to the Gateway and its other ListenerSets which of the two there is."""
    return (one.gateway, one.listeners, route_precedence(one.source)) == (
        other.gateway,
        other.listeners,
        route_precedence(other.source),
    )


def with_listeners(
    listener_set: ListenerSetNode, beside: Mapping[ObjectKey, tuple[ListenerNode, ...]]
) -> ListenerSetNode:
    """Return a ListenerSet with its listeners as they are on its Gateway; `beside` is from `listeners_by_set`."""
    return msgspec.structs.replace(listener_set, listeners=beside.get(listener_set.source.key, ()))


def listeners_by_set(gateway: GatewayNode) -> Mapping[ObjectKey, tuple[ListenerNode, ...]]:
    """Return the listeners that each ListenerSet brings to a Gateway, in spec order."""
    found: defaultdict[ObjectKey, list[ListenerNode]] = defaultdict(list)
    for listener in gateway.set_listeners:
        if listener.listener_set is not None:
            found[listener.listener_set].append(listener)
    return {key: tuple(listeners) for key, listeners in found.items()}


def _with(
    gateway: GatewayNode,
    own: tuple[ListenerNode, ...],
    listener_sets: tuple[ObjectKey, ...],
    added: tuple[ListenerNode, ...],
    accepted: int,
) -> GatewayNode:
    found = gateway.problems
    if all(map(is_refused, own)) and all(map(is_refused, added)):
        # Of its own alone: others' are none of its owner's business.
        names = some(listener.spec.name for listener in own) if own else "there is none"
        found = (*found, problems.listeners_not_valid(f"No listener is valid: {names}."))
    return msgspec.structs.replace(
        gateway,
        listeners=own,
        listener_sets=listener_sets,
        set_listeners=added,
        accepted_listener_sets=accepted,
        problems=found,
    )
