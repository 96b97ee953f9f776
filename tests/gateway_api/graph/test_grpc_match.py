from collections.abc import Callable

import pytest

from gateway_api.graph.routes.grpc_match import grpc_match_problems
from gateway_api.graph.types import Graph
from gateway_api.lowering.gateway import lower_gateway
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.grpc_route import GRPCMethodMatch, GRPCRouteMatch


@pytest.mark.parametrize("service", ["[", r"\Qa", "ä+", r"\p{Han}"])
def test_an_expression_that_proxies_could_not_use_beside_others_is_told_of(service: str) -> None:
    method = GRPCMethodMatch(type="RegularExpression", service=service, method="m")
    found = list(grpc_match_problems(GRPCRouteMatch(method=method), "rules[0].matches[0]"))
    assert [problem.message.startswith("rules[0].matches[0].method has the regular") for problem in found] == [True]


def test_service_and_method_may_be_expressions() -> None:
    method = GRPCMethodMatch(type="RegularExpression", service=r"\Qa.b\E|c", method="m+")
    assert list(grpc_match_problems(GRPCRouteMatch(method=method), "rules[0].matches[0]")) == []


@pytest.mark.parametrize(
    "method", ["{service: a-b}", "{type: RegularExpression, service: s, method: 'x)|.*|(?:y'}"], ids=["name", "whole"]
)
def test_a_match_that_is_wrong_takes_no_requests(method: str, graph: Callable[..., Graph]) -> None:
    world = f"""
    kind: Gateway
    metadata: {{name: eg}}
    spec: {{gatewayClassName: eg, listeners: [{{name: http, port: 80, protocol: HTTP}}]}}
    ---
    kind: GRPCRoute
    metadata: {{name: r}}
    spec:
      parentRefs: [{{name: eg}}]
      rules:
      - matches: [{{method: {method}}}, {{method: {{service: good}}}}]
      - backendRefs: [{{name: web, port: 81}}]
    """
    gateway = lower_gateway(graph(world), ObjectKey("default", "eg"))
    [host] = gateway.route_tables[0].virtual_hosts
    assert {route.match.path.value for route in host.routes} == {"/good", "/"}
