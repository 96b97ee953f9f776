"""A Gateway and its ListenerSets, each judged by itself → both with their listeners as they are beside each other's."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from gateway_api.graph import problems
from gateway_api.graph.gateways.listener_overlaps import with_overlaps
from gateway_api.graph.gateways.listener_set_conflicts import judge_beside
from gateway_api.graph.gateways.standing import is_refused, is_refused_in_set
from gateway_api.graph.mentions import some
from gateway_api.graph.precedence import seniority
from gateway_api.graph.types import GatewayNode, ListenerNode, ListenerSetNode
from k8s_watch.keys import ObjectKey


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
    found = [(each.gateway, each.listeners, seniority(each.source)) for each in (one, other)]
    return found[0] == found[1]


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
