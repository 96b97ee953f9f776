import pytest

from gateway_api.graph.routes.grpc_match import grpc_match_problems
from k8s_watch.objects.grpc_route import GRPCMethodMatch, GRPCRouteMatch


@pytest.mark.parametrize("service", ["[", r"\Qa", "ä+", r"\p{Han}"])
def test_an_expression_that_proxies_could_not_use_beside_others_is_told_of(service: str) -> None:
    method = GRPCMethodMatch(type="RegularExpression", service=service, method="m")
    found = list(grpc_match_problems(GRPCRouteMatch(method=method), "rules[0].matches[0]"))
    assert [problem.message.startswith("rules[0].matches[0].method has the regular") for problem in found] == [True]


def test_service_and_method_may_be_expressions() -> None:
    method = GRPCMethodMatch(type="RegularExpression", service=r"\Qa.b\E|c", method="m+")
    assert list(grpc_match_problems(GRPCRouteMatch(method=method), "rules[0].matches[0]")) == []
