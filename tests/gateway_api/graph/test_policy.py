"""Policies: whose word counts for which port, and where each is told what became of it."""

from collections.abc import Callable

import pytest

from gateway_api.graph.incremental.policy_stage import Directives
from gateway_api.graph.incremental.readers import Moved
from gateway_api.graph.policy import effective
from gateway_api.graph.types import Directive, Graph, JudgedPolicy, PolicyNode
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.meta import Meta
from k8s_watch.objects.policies import Policy, PolicySpec, PolicyStatus, PolicyTargetReference
from tests.gateway_api.conftest import GATEWAY

WEB = ObjectKey("default", "web")


def judged(name: str, effect: str, section: str | None = None, *, version: str = "1") -> JudgedPolicy[str]:
    target = PolicyTargetReference(group="", kind="Service", name="web", section_name=section)
    source = Policy(
        metadata=Meta(name=name, namespace="default", resource_version=version),
        spec=PolicySpec(target_refs=(target,)),
        status=PolicyStatus(),
    )
    return JudgedPolicy(source=source, effect=effect)


def moved(*nodes: JudgedPolicy[str]) -> dict[ObjectKey, Moved[JudgedPolicy[str]]]:
    return {node.source.key: Moved(None, node) for node in nodes}


@pytest.mark.parametrize(
    ("port", "effect"), [("http", "of port http"), ("other", "of the Service"), ("", "of the Service")]
)
def test_a_port_goes_by_the_policy_that_names_it_before_one_of_the_service(port: str, effect: str) -> None:
    directives = Directives[str]()
    directives.move(moved(judged("a", "of the Service"), judged("b", "of port http", "http")))
    found = effective(directives.of[WEB], port)
    assert isinstance(found, Directive)
    assert found.effect == effect


def test_a_policy_whose_status_was_written_is_no_news_to_whom_it_concerns() -> None:
    directives = Directives[str]()
    first, second = judged("a", "x"), judged("a", "x", version="2")
    assert directives.move(moved(first)) == {WEB}
    assert directives.move({first.source.key: Moved(first, second)}) == frozenset()
    assert directives.move({first.source.key: Moved(second, None)}) == {WEB}
    assert WEB not in directives


POLICY = """
kind: BackendTLSPolicy
metadata: {{name: {name}}}
spec:
  targetRefs: [{targets}]
  validation: {{hostname: a.example.com, wellKnownCACertificates: System}}
"""
ROUTE = """
kind: HTTPRoute
metadata: {{name: {service}}}
spec: {{parentRefs: [{{name: {gateway}}}], rules: [{{backendRefs: [{{name: {service}, port: 80}}]}}]}}
"""
SECOND = GATEWAY.replace("name: eg,", "name: second,", 1)
API = "{kind: Service, metadata: {name: api}, spec: {ports: [{port: 80}]}}"


def target(name: str) -> str:
    return f'{{group: "", kind: Service, name: {name}}}'


def test_a_policy_of_two_services_is_told_at_each_gateway_of_what_that_uses(graph: Callable[..., Graph]) -> None:
    both = POLICY.format(name="z", targets=f"{target('web')}, {target('api')}")
    first = POLICY.format(name="a", targets=target("web"))
    routes = (ROUTE.format(service="web", gateway="eg"), ROUTE.format(service="api", gateway="second"))
    nodes = graph(GATEWAY, SECOND, API, both, first, *routes).policies["BackendTLSPolicy"].nodes
    assert reasons(nodes["default", "a"]) == {"eg": []}
    assert reasons(nodes["default", "z"]) == {"eg": ["Conflicted"], "second": []}


def test_a_route_that_may_not_refer_to_a_service_makes_nobody_an_ancestor(graph: Callable[..., Graph]) -> None:
    policy = POLICY.format(name="p", targets=target("web")).replace("name: p", "name: p, namespace: other")
    route = ROUTE.format(service="web", gateway="eg").replace("port: 80", "port: 80, namespace: other")
    assert not graph(GATEWAY, policy, route).policies["BackendTLSPolicy"].nodes


@pytest.mark.parametrize(("section", "port"), [("http", 80), ("h2c", 81)])
def test_a_policy_of_a_port_is_followed_where_a_route_sends_to_that_port(
    graph: Callable[..., Graph], section: str, port: int
) -> None:
    service = "{kind: Service, metadata: {name: api}, spec: {ports: [{name: http, port: 80}, {name: h2c, port: 81}]}}"
    of_port = POLICY.format(name="p", targets=target("api").replace("}", f", sectionName: {section}}}"))
    of_service = POLICY.format(name="q", targets=target("api"))
    routes = (ROUTE.format(service="api", gateway="eg"), ROUTE.format(service="api", gateway="second"))
    second = routes[1].replace("name: api}", "name: second}", 1).replace("port: 80", "port: 81")
    found = graph(GATEWAY, SECOND, service, of_port, of_service, routes[0], second).policies["BackendTLSPolicy"].nodes
    assert followed(found["default", "p"]) == {"eg": port == 80, "second": port == 81}
    assert followed(found["default", "q"]) == {"eg": port != 80, "second": port != 81}


def followed(node: PolicyNode) -> dict[str, bool]:
    return {one.gateway.name: one.followed for one in node.ancestors}


def reasons(node: PolicyNode) -> dict[str, list[str]]:
    return {one.gateway.name: [problem.reason for problem in one.problems] for one in node.ancestors}
