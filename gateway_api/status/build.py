"""Graph + what the fleet and the infrastructure report → the statuses that we want to see written."""

from gateway_api.graph.types import Graph
from gateway_api.ir.fleet import FleetReport, GatewayFleet
from gateway_api.ir.infra import GatewayInfra, InfraReport
from gateway_api.status.gateway import gateway_status
from gateway_api.status.gateway_class import gateway_class_status
from gateway_api.status.route import route_status
from gateway_api.status.types import Body, Statuses, StatusKey


def build_statuses(graph: Graph, fleet: FleetReport, infra: InfraReport) -> Statuses:
    """Say what the status of every object of ours should be, and of those that stopped being ours.

    Each status depends on its own node, and on its own Gateway's report; nothing else.

    Spec: Gateway API v1.6 GatewayClassStatus, GatewayStatus, RouteStatus
    """
    found: dict[StatusKey, Body] = {}
    for key, gateway_class in graph.gateway_classes.items():
        found[StatusKey(kind="GatewayClass", key=key)] = gateway_class_status(gateway_class)
    for key, gateway in graph.gateways.items():
        seen = infra.gateways.get(key, GatewayInfra())
        told = fleet.gateways.get(key, GatewayFleet())
        found[StatusKey(kind="Gateway", key=key)] = gateway_status(gateway, told, seen)
    controller_name = graph.settings.controller_name
    for key, http_route in graph.http_routes.items():
        found[StatusKey(kind="HTTPRoute", key=key)] = route_status(http_route, controller_name)
    for key, tcp_route in graph.tcp_routes.items():
        found[StatusKey(kind="TCPRoute", key=key)] = route_status(tcp_route, controller_name)
    return found
