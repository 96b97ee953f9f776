"""ListenerNode → ListenerStatus, of a Gateway as of a ListenerSet."""

from gateway_api.graph import problems
from gateway_api.graph.problems import Problem, of_condition
from gateway_api.graph.types import ListenerNode
from gateway_api.status import catalogue
from gateway_api.status.types import Condition, ListenerStatus


def listener_status(listener: ListenerNode, generation: int, obstacle: str) -> ListenerStatus:
    """Say whether a listener is valid and served.

    `generation` is that of the object that brings it; `obstacle` says why nothing of that is served, if so.

    Spec: Gateway API v1.6 ListenerStatus, ListenerEntryStatus
    """
    overlapping = of_condition(listener.problems, problems.OVERLAPPING_TLS_CONFIG)
    conflicts = of_condition(listener.problems, problems.CONFLICTED)
    return ListenerStatus(
        name=listener.spec.name,
        supported_kinds=listener.kinds,
        attached_routes=listener.attached_routes,
        conditions=(
            _accepted(listener, conflicts, generation),
            _programmed(listener, conflicts, generation, obstacle),
            catalogue.resolved_refs(listener.problems, generation),
            catalogue.of_problems(conflicts, generation)
            if conflicts
            else catalogue.listener_not_conflicted(generation),
            *([catalogue.of_problems(overlapping, generation)] if overlapping else []),
        ),
    )


def _accepted(listener: ListenerNode, conflicts: list[Problem], generation: int) -> Condition:
    wrong = of_condition(listener.problems, problems.ACCEPTED)
    if wrong:
        return catalogue.of_problems(wrong, generation)
    if conflicts:
        return catalogue.listener_conflicted(conflicts[0], generation)
    return catalogue.listener_accepted(generation)


def _programmed(listener: ListenerNode, conflicts: list[Problem], generation: int, obstacle: str) -> Condition:
    wrong = of_condition(listener.problems, problems.PROGRAMMED)
    if wrong:
        return catalogue.of_problems(wrong, generation)
    if conflicts:
        return catalogue.listener_not_programmed(conflicts[0], generation)
    if not listener.serves:
        return catalogue.listener_invalid("The listener is not accepted.", generation)
    if obstacle:
        return catalogue.listener_invalid(obstacle, generation)
    return catalogue.listener_programmed(generation)
