"""ListenerSetNode + its Gateway's status → ListenerSetStatus."""

from typing import NamedTuple

from gateway_api.graph.gateways.standing import is_refused_in_set
from gateway_api.graph.types import ListenerSetNode
from gateway_api.status import catalogue
from gateway_api.status.listener import listener_status
from gateway_api.status.types import Condition, GatewayStatus, ListenerSetStatus

ORPHANED = ListenerSetStatus(conditions=tuple(map(catalogue.listener_set_pending, ("Accepted", "Programmed"))))
"""What is said of a ListenerSet whose Gateway is no more: as if nobody had ever looked at it."""


class Verdict(NamedTuple):
    """What the status of a Gateway means to its ListenerSets."""

    accepted: bool
    programmed: bool


def verdict_of(gateway: GatewayStatus) -> Verdict:
    """Read a Gateway's verdict off its conditions."""
    true = {condition.type for condition in gateway.conditions if condition.status == "True"}
    return Verdict(accepted="Accepted" in true, programmed="Programmed" in true)


def listener_set_status(node: ListenerSetNode, gateway: Verdict) -> ListenerSetStatus:
    """Say whether the Gateway takes the ListenerSet and serves it. `gateway` is of its Gateway.

    Spec: Gateway API v1.6 ListenerSetStatus; GEP-1713 "ListenerSet Conditions"
    """
    generation = node.source.metadata.generation
    obstacle = "" if gateway.accepted else f"Gateway {node.gateway} is not accepted."
    accepted = _accepted(node, obstacle)
    return ListenerSetStatus(
        conditions=(accepted, _programmed(node, accepted, gateway)),
        listeners=tuple(listener_status(listener, generation, obstacle) for listener in node.listeners),
    )


def _accepted(node: ListenerSetNode, obstacle: str) -> Condition:
    """Spec: Gateway API v1.6 ListenerSetConditionAccepted."""
    generation = node.source.metadata.generation
    if node.problems:
        return catalogue.of_problems(node.problems, generation)
    if obstacle:
        return catalogue.listener_set_parent_not_accepted(obstacle, generation)
    invalid = [listener.spec.name for listener in node.listeners if not listener.serves]
    if not invalid:
        return catalogue.listener_set_accepted(generation)
    served = ", ".join(listener.spec.name for listener in node.listeners if listener.serves)
    message = f"Listeners not valid: {', '.join(invalid)}; served: {served or 'none'}."
    accepted = not all(map(is_refused_in_set, node.listeners))
    return catalogue.listener_set_listeners_not_valid(message, generation, accepted=accepted)


def _programmed(node: ListenerSetNode, accepted: Condition, gateway: Verdict) -> Condition:
    """Spec: Gateway API v1.6 ListenerSetConditionProgrammed; GEP-1713 "Conformance Details"."""
    generation = node.source.metadata.generation
    unserved = bool(node.listeners) and not any(listener.serves for listener in node.listeners)
    if node.problems or (gateway.accepted and (accepted.status != "True" or unserved)):
        return catalogue.listener_set_not_programmed(accepted)
    if not gateway.programmed:
        message = f"Gateway {node.gateway} is not programmed; see its status."
        return catalogue.listener_set_parent_not_programmed(message, generation)
    return catalogue.listener_set_programmed(generation)
