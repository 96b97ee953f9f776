from collections.abc import Callable

import pytest
import yaml
from immutables import Map

from gateway_api.graph.types import GatewayNode, Graph

type Build = Callable[..., Graph]

HTTP = {"name": "http", "port": 80, "protocol": "HTTP"}


def gateway(graph: Build, **spec: object) -> GatewayNode:
    whole = {"gatewayClassName": "eg", "listeners": [HTTP], **spec}
    document = yaml.safe_dump({"kind": "Gateway", "metadata": {"name": "eg"}, "spec": whole})
    return graph(document).gateways["default", "eg"]


def reasons(node: GatewayNode) -> list[str]:
    return [problem.reason for problem in node.problems]


def test_only_gateways_of_our_classes_are_ours(graph: Build) -> None:
    theirs = """
    kind: GatewayClass
    metadata: {name: theirs}
    spec: {controllerName: example.com/other}
    ---
    kind: Gateway
    metadata: {name: one}
    spec: {gatewayClassName: theirs, listeners: []}
    ---
    kind: Gateway
    metadata: {name: two}
    spec: {gatewayClassName: missing, listeners: []}
    """
    built = graph(theirs)
    assert [key.name for key in built.gateway_classes] == ["eg"]
    assert built.gateways == Map()


def test_a_class_under_deletion_is_served_on(graph: Build) -> None:
    going = """
    kind: GatewayClass
    metadata: {name: eg, deletionTimestamp: "2026-01-01T00:00:00Z"}
    spec: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}
    ---
    kind: Gateway
    metadata: {name: eg}
    spec: {gatewayClassName: eg, listeners: [{name: http, port: 80, protocol: HTTP}]}
    """
    assert graph(going).gateways["default", "eg"].serves


@pytest.mark.parametrize(
    "address",
    [
        {"type": "IPAddress", "value": "10.0.0.1"},
        {"type": "IPAddress", "value": "2001:db8::1"},
        {"type": "Hostname", "value": "lb.example.com"},
        {"type": "IPAddress"},
        {},
    ],
)
def test_addresses_and_hostnames_may_be_asked_for(address: dict[str, str], graph: Build) -> None:
    assert gateway(graph, addresses=[address]).problems == ()


@pytest.mark.parametrize(
    "address",
    [
        {"type": "example.com/pool", "value": "a"},
        {"type": "IPAddress", "value": "10.0.0"},
        {"type": "Hostname", "value": "*.example.com"},
    ],
)
def test_an_address_of_another_type_makes_the_gateway_unaccepted(address: dict[str, str], graph: Build) -> None:
    node = gateway(graph, addresses=[address])
    assert reasons(node) == ["UnsupportedAddress"]
    assert not node.serves


def test_parameters_that_nobody_knows_make_it_unaccepted(graph: Build) -> None:
    ref = {"group": "x.io", "kind": "Y", "name": "z"}
    assert reasons(gateway(graph, infrastructure={"parametersRef": ref})) == ["InvalidParameters"]


def test_a_kind_without_a_group_is_called_by_its_name_alone(graph: Build) -> None:
    ref = {"group": "", "kind": "ConfigMap", "name": "z"}
    [problem] = gateway(graph, infrastructure={"parametersRef": ref}).problems
    assert "parametersRef names ConfigMap, which" in problem.message


def test_a_class_that_is_not_accepted_takes_its_gateways_along(graph: Build) -> None:
    broken = """
    kind: GatewayClass
    metadata: {name: eg}
    spec:
      controllerName: gateway.envoyproxy.io/gatewayclass-controller
      parametersRef: {group: x.io, kind: Y, name: z}
    """
    own = yaml.safe_dump(
        {"kind": "Gateway", "metadata": {"name": "eg"}, "spec": {"gatewayClassName": "eg", "listeners": [HTTP]}}
    )
    assert reasons(graph(broken, own).gateways["default", "eg"]) == ["InvalidParameters"]


def test_without_a_valid_listener_the_gateway_is_not_accepted(graph: Build) -> None:
    assert reasons(gateway(graph, listeners=[])) == ["ListenersNotValid"]
    assert reasons(gateway(graph, listeners=[{**HTTP, "protocol": "X"}])) == ["ListenersNotValid"]


def test_a_missing_certificate_costs_the_listener_and_not_the_gateway(graph: Build) -> None:
    node = gateway(graph, listeners=[{"name": "s", "port": 443, "protocol": "HTTPS", "tls": {}}])
    assert node.serves
    assert not node.listeners[0].serves
