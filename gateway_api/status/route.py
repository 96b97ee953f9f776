"""RouteNode → RouteStatus."""

from collections.abc import Mapping, Sequence, Set

from gateway_api.graph import problems
from gateway_api.graph.hostnames import ANY
from gateway_api.graph.problems import of_condition
from gateway_api.graph.routes.claims import Claims, Place
from gateway_api.graph.types import HTTPRouteNode, HTTPRuleNode, L4RouteNode, Parent, RouteId, RouteNode
from gateway_api.ir.fleet import FleetReport, RefusedRoute
from gateway_api.status import catalogue
from gateway_api.status.types import Condition, ParentStatus, RouteStatus
from k8s_watch.keys import ObjectKey

type Claimed = Mapping[ObjectKey, Claims]
"""By Gateway."""


def http_route_status(node: HTTPRouteNode, controller_name: str, fleet: FleetReport) -> RouteStatus:
    """Say, for each parentRef to a Gateway of ours, whether it takes the route and whether its references resolve.

    It does not where the Gateway's proxies refuse what the route says of every hostname; of some is a part.

    Spec: Gateway API v1.6 RouteStatus, RouteParentStatus
    """
    dropped = [rule for rule in node.rules if rule.problems]
    return RouteStatus(
        controller_name=controller_name,
        parents=tuple(
            ParentStatus(
                parent_ref=parent.ref, conditions=_http_conditions(node, parent, dropped, _refused(node, parent, fleet))
            )
            for parent in node.parents
        ),
    )


def l4_route_status(id_: RouteId, node: L4RouteNode, controller_name: str, claimed: Claimed) -> RouteStatus:
    """Say the same of a route of bytes, and which other route it waits behind, if any.

    A route that waits is accepted all the same, and counted by the listener: so the conformance suite wants it.

    Spec: Gateway API v1.6 RouteStatus, RouteParentStatus
    """
    return RouteStatus(
        controller_name=controller_name,
        parents=tuple(
            ParentStatus(
                parent_ref=parent.ref,
                conditions=(_accepted(node, parent, _waiting(id_, parent, claimed)), _resolved_refs(node)),
            )
            for parent in node.parents
        ),
    )


def withdrawn_route(controller_name: str) -> RouteStatus:
    """Return the status of a route that is not ours any more: no entry of ours.

    Spec: Gateway API v1.6 RouteParentStatus.controllerName
    """
    return RouteStatus(controller_name=controller_name, parents=())


def _http_conditions(
    node: HTTPRouteNode, parent: Parent, dropped: Sequence[HTTPRuleNode], refused: Sequence[RefusedRoute]
) -> tuple[Condition, ...]:
    generation = node.source.metadata.generation
    accepted, resolved = _accepted(node, parent, node.remark), _resolved_refs(node)
    if refused and accepted.status == "True" and _hostnames(parent) <= {each.hostname for each in refused}:
        accepted = catalogue.route_refused(refused, generation)
    # "MUST NOT be set if a Route is fully valid, fully invalid, or not accepted."
    if accepted.status != "True" or not (dropped or refused):
        return (accepted, resolved)
    return (accepted, resolved, catalogue.route_partially_invalid(dropped, refused, generation))


def _accepted(node: RouteNode, parent: Parent, remark: str = "") -> Condition:
    """Spec: Gateway API v1.6 RouteConditionAccepted."""
    generation = node.source.metadata.generation
    if parent.problems:
        return catalogue.of_problems(parent.problems, generation)
    if node.rejection is not None:
        return catalogue.of_problems([node.rejection, *of_condition(node.problems, problems.ACCEPTED)], generation)
    return catalogue.route_accepted(generation, remark)


def _refused(node: RouteNode, parent: Parent, fleet: FleetReport) -> Sequence[RefusedRoute]:
    refused = fleet.of(parent.gateway).refused
    if not refused:
        return ()
    hostnames = _hostnames(parent)
    return [each for each in refused if each.source == node.source.title and each.hostname in hostnames]


def _hostnames(parent: Parent) -> Set[str]:
    return {hostname for binding in parent.bindings for hostname in binding.hostnames}


def _resolved_refs(node: RouteNode) -> Condition:
    return catalogue.resolved_refs(node.problems, node.source.metadata.generation)


def _waiting(id_: RouteId, parent: Parent, claimed: Claimed) -> str:
    places = [Place(binding.listener, hostname) for binding in parent.bindings for hostname in binding.hostnames]
    served = {place: claimed[parent.gateway][place][0] for place in places}
    behind = [f"{_said(place)} ({first.kind} {first.key})" for place, first in served.items() if first != id_]
    return f"Another route serves: {', '.join(behind)}." if behind else ""


def _said(place: Place) -> str:
    return place.listener if place.hostname == ANY else f"{place.hostname} on {place.listener}"
