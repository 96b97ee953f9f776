from collections.abc import Callable

import pytest
import yaml

from gateway_api.graph.problems import Problem
from gateway_api.graph.types import Graph
from gateway_api.ir.xds import Cluster

type Build = Callable[..., Graph]

GATEWAY = """
kind: Gateway
metadata: {name: eg}
spec: {gatewayClassName: eg, listeners: [{name: http, port: 80, protocol: HTTP}, {name: tcp, port: 90, protocol: TCP}]}
"""


def route(name: str = "r", kind: str = "TCPRoute", **spec: object) -> str:
    whole = {"parentRefs": [{"name": "eg"}], "rules": [{"backendRefs": [{"name": "web", "port": 80}]}], **spec}
    return yaml.safe_dump({"kind": kind, "metadata": {"name": name}, "spec": whole})


def test_it_is_bound_to_tcp_listeners_only(graph: Build) -> None:
    built = graph(GATEWAY, route())
    node = built.l4["TCPRoute"].nodes["default", "r"]
    assert [binding.listener for binding in node.parents[0].bindings] == ["tcp"]
    assert node.rules[0].backends[0].cluster.name == "service/default/web/80/tcp"
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


def test_server_names_are_for_tls_listeners_alone(graph: Build) -> None:
    listeners = [
        {"name": "http", "port": 80, "protocol": "HTTP"},
        {"name": "tcp", "port": 90, "protocol": "TCP"},
        {"name": "any", "port": 443, "protocol": "TLS", "tls": {"mode": "Passthrough"}},
        {"name": "one", "port": 443, "protocol": "TLS", "hostname": "a.com", "tls": {"mode": "Passthrough"}},
    ]
    gateway = {"gatewayClassName": "eg", "listeners": listeners}
    text = yaml.safe_dump({"kind": "Gateway", "metadata": {"name": "eg"}, "spec": gateway})
    node = graph(text, route(kind="TLSRoute", hostnames=["a.com", "*.b.com"])).l4["TLSRoute"].nodes["default", "r"]
    assert {binding.listener: binding.hostnames for binding in node.parents[0].bindings} == {
        "any": ("a.com", "*.b.com"),
        "one": ("a.com",),
    }


@pytest.mark.parametrize("hostname", ["10.0.0.1", "A.com", "*", "a.*.com"])
def test_a_hostname_that_no_client_can_ask_for_has_the_route_refused(hostname: str, graph: Build) -> None:
    node = graph(GATEWAY, route(kind="TLSRoute", hostnames=["a.com", hostname])).l4["TLSRoute"].nodes["default", "r"]
    assert node.rejection is not None
    assert node.rejection.reason == "UnsupportedValue"


def test_datagrams_go_to_udp_ports_only(graph: Build) -> None:
    gateway = """
kind: Gateway
metadata: {name: eg}
spec: {gatewayClassName: eg, listeners: [{name: udp, port: 53, protocol: UDP}]}
"""
    service = """
kind: Service
metadata: {name: dns}
spec: {ports: [{name: t, port: 53}, {name: u, port: 53, protocol: UDP}]}
"""
    refs = [{"name": "dns", "port": 53}, {"name": "web", "port": 80}]
    node = graph(gateway, service, route(kind="UDPRoute", rules=[{"backendRefs": refs}])).l4["UDPRoute"].nodes
    dns, web = node["default", "r"].rules[0].backends
    assert isinstance(dns.cluster, Cluster)
    assert dns.cluster.name == "service/default/dns/53/udp"
    assert isinstance(web.cluster, Problem)
    assert web.cluster.reason == "UnsupportedProtocol"


def test_exactly_one_rule_is_allowed(graph: Build) -> None:
    for rules in ([], [{}, {}]):
        node = graph(GATEWAY, route(rules=rules)).l4["TCPRoute"].nodes["default", "r"]
        assert node.rejection is not None
        assert node.parents[0].bindings == ()
