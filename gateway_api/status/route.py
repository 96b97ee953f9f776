"""HTTPRouteNode or TCPRouteNode → RouteStatus."""

from gateway_api.graph import problems
from gateway_api.graph.types import HTTPRouteNode, Parent, Problem, TCPRouteNode
from gateway_api.status import catalogue
from gateway_api.status.types import Condition, ParentStatus, RouteStatus


def route_status(node: HTTPRouteNode | TCPRouteNode, controller_name: str) -> RouteStatus:
    """Say, for each parentRef to a Gateway of ours, whether it takes the route and whether its references resolve.

    Spec: Gateway API v1.6 RouteStatus, RouteParentStatus
    """
    return RouteStatus(
        controller_name=controller_name,
        parents=tuple(
            ParentStatus(parent_ref=parent.ref, conditions=_conditions(node, parent)) for parent in node.parents
        ),
    )


def _conditions(node: HTTPRouteNode | TCPRouteNode, parent: Parent) -> tuple[Condition, ...]:
    generation = node.source.metadata.generation
    accepted = _accepted(node, parent, generation)
    found = [accepted, _resolved_refs(node, generation)]
    dropped = [rule for rule in node.rules if rule.problems] if isinstance(node, HTTPRouteNode) else []
    # "MUST NOT be set if a Route is fully valid, fully invalid, or not accepted."
    if dropped and accepted.status == "True":
        wrong = [problem for rule in dropped for problem in rule.problems]
        found.append(catalogue.route_partially_invalid([rule.index for rule in dropped], wrong, generation))
    return tuple(found)


def _accepted(node: HTTPRouteNode | TCPRouteNode, parent: Parent, generation: int) -> Condition:
    """Spec: Gateway API v1.6 RouteConditionAccepted."""
    if parent.problems:
        return catalogue.of_problems(parent.problems, generation)
    if node.rejection is not None:
        wrong = _of(node.problems, problems.ACCEPTED)
        return catalogue.of_problems([node.rejection, *wrong], generation)
    return catalogue.route_accepted(generation)


def _resolved_refs(node: HTTPRouteNode | TCPRouteNode, generation: int) -> Condition:
    """Spec: Gateway API v1.6 RouteConditionResolvedRefs."""
    wrong = _of(node.problems, problems.RESOLVED_REFS)
    return catalogue.of_problems(wrong, generation) if wrong else catalogue.route_refs_resolved(generation)


def _of(found: tuple[Problem, ...], condition: str) -> list[Problem]:
    return [problem for problem in found if problem.condition == condition]
