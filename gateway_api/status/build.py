"""Graph + what the fleet and the infrastructure report → the statuses that we want to see written.

`build_statuses` is the definition. `keeper.StatusKeeper` arrives at equal statuses by saying anew only what a change
touches.
"""

from collections.abc import Mapping

from immutables import Map

from gateway_api.graph.routes.claims import claims
from gateway_api.graph.types import Graph, Policies, RouteId
from gateway_api.ir.fleet import FleetReport
from gateway_api.ir.infra import GatewayInfra, InfraReport
from gateway_api.status.gateway import gateway_status
from gateway_api.status.gateway_class import gateway_class_status
from gateway_api.status.listener_set import ORPHANED, listener_set_status, verdict_of
from gateway_api.status.policy import policy_status, withdrawn_policy
from gateway_api.status.route import http_route_status, l4_route_status, withdrawn_route
from gateway_api.status.types import Body, Statuses, StatusKey
from k8s_watch.keys import ObjectKey


def build_statuses(graph: Graph, fleet: FleetReport, infra: InfraReport) -> Statuses:
    """Say what the status of every object of ours should be, and of those that stopped being ours.

    Each status depends on its own node, and on the reports of its own Gateways; nothing else.

    Spec: Gateway API v1.6 GatewayClassStatus, GatewayStatus, ListenerSetStatus, RouteStatus, PolicyStatus
    """
    found: dict[StatusKey, Body] = {}
    for key, gateway_class in graph.gateway_classes.items():
        found[StatusKey(kind="GatewayClass", key=key)] = gateway_class_status(
            gateway_class, graph.settings, infra.bundles
        )
    for key, gateway in graph.gateways.items():
        seen = infra.gateways.get(key, GatewayInfra())
        status = gateway_status(gateway, fleet.of(key), seen)
        found[StatusKey(kind="Gateway", key=key)] = status
        verdict = verdict_of(status)
        for each in gateway.listener_sets:
            found[StatusKey(kind="ListenerSet", key=each)] = listener_set_status(graph.listener_sets[each], verdict)
    for key in graph.orphans:
        found[StatusKey(kind="ListenerSet", key=key)] = ORPHANED
    controller_name = graph.settings.controller_name
    for kind, http in graph.http.items():
        for key, http_route in http.nodes.items():
            found[StatusKey(kind=kind, key=key)] = http_route_status(http_route, controller_name, fleet)
    claimed = {gateway: claims(graph, gateway) for gateway in graph.gateways}
    for kind, l4 in graph.l4.items():
        for key, l4_route in l4.nodes.items():
            found[StatusKey(kind=kind, key=key)] = l4_route_status(
                RouteId(kind, key), l4_route, controller_name, claimed
            )
    for kind, routes in graph.routes.items():
        for key in routes.forsaken:
            found[StatusKey(kind=kind, key=key)] = withdrawn_route(controller_name)
    for kind, policies in graph.policies.items():
        bodies = _policy_statuses(kind, policies, controller_name)
        found |= {StatusKey(kind=kind, key=key): body for key, body in bodies.items()}
    return Map(found)


def _policy_statuses(kind: str, policies: Policies, controller_name: str) -> Mapping[ObjectKey, Body]:
    nodes: dict[ObjectKey, Body] = {key: policy_status(node, controller_name) for key, node in policies.nodes.items()}
    return nodes | dict.fromkeys(policies.forsaken, withdrawn_policy(kind, controller_name))
