"""Graph → InfraIR."""

from gateway_api.graph.problems import Problem
from gateway_api.ir.infra import InfraPort, Owner
from gateway_api.lowering.infra import lower_infra
from k8s_watch.objects.gateway import GatewayAddress, GatewayInfrastructure, GatewaySpec
from tests.gateway_api.lowering.graphs import EG, REFUSED, WITHOUT_CERTIFICATE, graph, listener


def test_ports_are_those_of_listeners_that_are_not_refused_listed_once() -> None:
    listeners = (
        listener("tls", 443, protocol="HTTPS"),
        listener("a", 80, "a.com"),
        listener("b", 80, "b.com"),
        listener("bad", 81, problems=(REFUSED,)),
        listener("tcp", 9000, protocol="TCP"),
    )
    assert lower_infra(graph(listeners), EG).ports == (
        InfraPort(name="http-80", protocol="TCP", port=80, bind_port=10080),
        InfraPort(name="https-443", protocol="TCP", port=443, bind_port=10443),
        InfraPort(name="tcp-9000", protocol="TCP", port=9000, bind_port=9000),
    )


def test_a_port_keeps_its_name_when_another_of_its_listeners_is_the_first_that_serves() -> None:
    passed = listener("passed", 443, "a.com", protocol="TLS")
    ended = listener("ended", 443, "b.com", protocol="HTTPS")
    broken = listener("ended", 443, "b.com", protocol="HTTPS", problems=(WITHOUT_CERTIFICATE,))
    both = {
        lower_infra(graph(listeners), EG).ports for listeners in ((passed, ended), (ended, passed), (passed, broken))
    }
    assert [[port.name for port in ports] for ports in both] == [["https-443"]]


def test_a_listener_that_waits_for_its_certificate_holds_its_port_where_another_serves() -> None:
    waiting = listener("https", 443, protocol="HTTPS", problems=(WITHOUT_CERTIFICATE,))
    assert [port.port for port in lower_infra(graph((listener(), waiting)), EG).ports] == [80, 443]
    assert lower_infra(graph((waiting,)), EG).ports == ()


def test_a_refused_gateway_needs_no_ports() -> None:
    assert lower_infra(graph((listener(),), problems=(REFUSED,)), EG).ports == ()


def test_a_gateway_with_a_warning_keeps_its_ports() -> None:
    warning = Problem(condition="ResolvedRefs", reason="InvalidParameters", message="because")
    assert len(lower_infra(graph((listener(),), problems=(warning,)), EG).ports) == 1


def test_owners_labels_and_addresses_come_from_the_objects() -> None:
    spec = GatewaySpec(
        gateway_class_name="eg",
        infrastructure=GatewayInfrastructure(labels={"a": "b"}, annotations={"c": "d"}),
        addresses=(
            GatewayAddress(value="10.1.1.1"),
            GatewayAddress(value=""),
            GatewayAddress(type="Hostname", value="a.example"),
            GatewayAddress(value="10.1.1.1"),
        ),
    )
    infra = lower_infra(graph((), spec=spec), EG)
    assert infra.gateway_class == "eg"
    assert infra.owner == Owner(api_version="gateway.networking.k8s.io/v1", kind="Gateway", name="eg", uid="1")
    assert (infra.labels, infra.annotations, infra.addresses) == ({"a": "b"}, {"c": "d"}, ("10.1.1.1",))
