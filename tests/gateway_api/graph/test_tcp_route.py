from collections.abc import Callable

import yaml

from gateway_api.graph.types import Graph

type Build = Callable[..., Graph]

GATEWAY = """
kind: Gateway
metadata: {name: eg}
spec: {gatewayClassName: eg, listeners: [{name: http, port: 80, protocol: HTTP}, {name: tcp, port: 90, protocol: TCP}]}
"""


def route(name: str = "r", **spec: object) -> str:
    whole = {"parentRefs": [{"name": "eg"}], "rules": [{"backendRefs": [{"name": "web", "port": 80}]}], **spec}
    return yaml.safe_dump({"kind": "TCPRoute", "metadata": {"name": name}, "spec": whole})


def test_it_is_bound_to_tcp_listeners_only(graph: Build) -> None:
    built = graph(GATEWAY, route())
    node = built.l4["TCPRoute"].nodes["default", "r"]
    assert [binding.listener for binding in node.parents[0].bindings] == ["tcp"]
    assert [cluster.name for cluster in [node.rules[0].backends[0].cluster] if cluster] == [
        "service/default/web/80/tcp"
    ]
    assert [listener.attached_routes for listener in built.gateways["default", "eg"].listeners] == [0, 1]


def test_an_http_listener_does_not_allow_it(graph: Build) -> None:
    node = (
        graph(GATEWAY, route(parentRefs=[{"name": "eg", "sectionName": "http"}])).l4["TCPRoute"].nodes["default", "r"]
    )
    assert [problem.reason for problem in node.parents[0].problems] == ["NotAllowedByListeners"]


def test_all_routes_of_a_listener_are_counted(graph: Build) -> None:
    built = graph(GATEWAY, route("r"), route("s"))
    assert built.gateways["default", "eg"].listeners[1].attached_routes == 2
    assert [key.name for key in built.l4["TCPRoute"].of["default", "eg"]] == ["r", "s"]


def test_exactly_one_rule_is_allowed(graph: Build) -> None:
    for rules in ([], [{}, {}]):
        node = graph(GATEWAY, route(rules=rules)).l4["TCPRoute"].nodes["default", "r"]
        assert node.rejection is not None
        assert node.parents[0].bindings == ()
