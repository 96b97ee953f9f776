"""The kinds of route: who judges each. A new kind is a line here, and its objects in `k8s_watch`."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway_api.graph.resolver import Resolver
from gateway_api.graph.routes.attachment import Labels, Parents
from gateway_api.graph.routes.grpc_route import judge_grpc_route
from gateway_api.graph.routes.http_route import judge_http_route
from gateway_api.graph.routes.l4_route import judge_tcp_route, judge_tls_route, judge_udp_route
from gateway_api.graph.types import HTTPRouteNode, L4RouteNode

type Judge[N] = Callable[[Any, Parents, Labels, Resolver], N | None]
"""The object, the parents there are, the labels of its namespace, what it refers to → its node; None: not ours."""

HTTP: Mapping[str, Judge[HTTPRouteNode]] = {"HTTPRoute": judge_http_route, "GRPCRoute": judge_grpc_route}
"""The kinds that choose by request."""

L4: Mapping[str, Judge[L4RouteNode]] = {
    "TCPRoute": judge_tcp_route,
    "TLSRoute": judge_tls_route,
    "UDPRoute": judge_udp_route,
}
"""The kinds that pass bytes on."""
