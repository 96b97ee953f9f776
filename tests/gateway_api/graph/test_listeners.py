from collections.abc import Callable, Mapping

import pytest

from gateway_api.graph.types import Graph, ListenerNode

type Listeners = Callable[..., Mapping[str, ListenerNode]]


def verdict(nodes: Mapping[str, ListenerNode]) -> dict[str, list[str]]:
    """Return each listener's reasons."""
    return {name: [problem.reason for problem in node.problems] for name, node in nodes.items()}


def kinds(node: ListenerNode) -> list[str]:
    return [kind.kind for kind in node.kinds]


def test_a_privileged_port_is_shifted_and_any_other_is_not(listeners: Listeners) -> None:
    nodes = listeners("[{name: a, port: 80, protocol: HTTP}, {name: b, port: 8080, protocol: HTTP}]")
    assert [node.bind_port for node in nodes.values()] == [10080, 8080]
    assert all(node.serves for node in nodes.values())


@pytest.mark.parametrize("protocol", ["SCTP", "example.com/quic", ""])
def test_a_protocol_that_is_not_served_is_unsupported_and_carries_no_kind(protocol: str, listeners: Listeners) -> None:
    nodes = listeners(f"[{{name: a, port: 80, protocol: '{protocol}', allowedRoutes: {{kinds: [{{kind: X}}]}}}}]")
    assert verdict(nodes) == {"a": ["UnsupportedProtocol"]}
    assert nodes["a"].kinds == ()


@pytest.mark.parametrize(
    "field",
    [
        "hostname: Www.example.com",
        "hostname: 10.0.0.1",
        "tls: {}",
        "allowedRoutes: {namespaces: {from: Some}}",
        "allowedRoutes: {namespaces: {from: Selector}}",
        "allowedRoutes: {namespaces: {from: Selector, selector: {matchExpressions: [{key: a, operator: Like}]}}}",
        "allowedRoutes: {namespaces: {from: Selector, selector: {matchExpressions: [{key: a, operator: In}]}}}",
    ],
)
def test_a_value_that_cannot_be_honoured_is_unsupported(field: str, listeners: Listeners) -> None:
    assert verdict(listeners(f"[{{name: a, port: 80, protocol: HTTP, {field}}}]")) == {"a": ["UnsupportedValue"]}


def test_passthrough_is_not_possible_for_https(listeners: Listeners, secret: Callable[..., str]) -> None:
    tls = "{mode: Passthrough, certificateRefs: [{name: cert}]}"
    assert verdict(listeners(f"[{{name: a, port: 443, protocol: HTTPS, tls: {tls}}}]", secret())) == {
        "a": ["UnsupportedValue"]
    }


@pytest.mark.parametrize("port", [0, -1, 65536, 10**20])
def test_a_number_that_is_no_port_is_unavailable(port: int, listeners: Listeners) -> None:
    assert "PortUnavailable" in verdict(listeners(f"[{{name: a, port: {port}, protocol: HTTP}}]"))["a"]


@pytest.mark.parametrize("port", [19000, 19001, 19003])
def test_what_the_proxy_binds_for_itself_is_unavailable(port: int, listeners: Listeners) -> None:
    assert verdict(listeners(f"[{{name: a, port: {port}, protocol: HTTP}}]")) == {"a": ["PortUnavailable"]}


def test_kinds_that_the_protocol_cannot_carry_are_reported_and_the_others_kept(listeners: Listeners) -> None:
    nodes = listeners("""
    - {name: a, port: 80, protocol: HTTP, allowedRoutes: {kinds: [{kind: HTTPRoute}, {kind: TCPRoute}]}}
    - {name: b, port: 81, protocol: HTTP, allowedRoutes: {kinds: [{kind: HTTPRoute, group: x.io}]}}
    - {name: c, port: 82, protocol: TCP}
    """)
    assert verdict(nodes) == {"a": ["InvalidRouteKinds"], "b": ["InvalidRouteKinds"], "c": []}
    assert [kinds(node) for node in nodes.values()] == [["HTTPRoute"], [], ["TCPRoute"]]
    assert nodes["a"].serves


def test_hostnames_tell_listeners_of_a_port_apart(listeners: Listeners) -> None:
    nodes = listeners("""
    - {name: a, port: 80, protocol: HTTP}
    - {name: b, port: 80, protocol: HTTP, hostname: "*.example.com"}
    - {name: c, port: 80, protocol: HTTP, hostname: www.example.com}
    """)
    assert verdict(nodes) == {"a": [], "b": [], "c": []}


def test_of_listeners_with_one_hostname_none_is_served_and_the_others_are(listeners: Listeners) -> None:
    nodes = listeners("""
    - {name: a, port: 80, protocol: HTTP, hostname: a.com}
    - {name: b, port: 80, protocol: HTTP, hostname: a.com}
    - {name: c, port: 80, protocol: HTTP, hostname: ""}
    - {name: d, port: 81, protocol: HTTP, hostname: a.com}
    """)
    assert verdict(nodes) == {"a": ["HostnameConflict"], "b": ["HostnameConflict"], "c": [], "d": []}


@pytest.mark.parametrize(
    "pair",
    [
        ("HTTP", "TCP"),
        ("TCP", "TCP"),
        ("HTTP", "HTTPS"),
        ("HTTPS", "TCP"),
        ("TLS", "TCP"),
        ("TLS", "HTTP"),
        ("TLS", "HTTPS"),
        ("UDP", "UDP"),
    ],
)
def test_protocols_that_cannot_share_a_port_conflict(
    pair: tuple[str, str], listeners: Listeners, secret: Callable[..., str]
) -> None:
    tls = {"HTTPS": ", tls: {certificateRefs: [{name: cert}]}", "TLS": ", tls: {mode: Passthrough}"}
    texts = [f"{{name: {i}, port: 80, protocol: {p}{tls.get(p, '')}}}" for i, p in zip("ab", pair, strict=True)]
    nodes = listeners(f"[{', '.join(texts)}]", secret())
    assert verdict(nodes) == {"a": ["ProtocolConflict"], "b": ["ProtocolConflict"]}
    assert not any(node.serves for node in nodes.values())


def test_server_names_tell_listeners_with_tls_apart(listeners: Listeners, secret: Callable[..., str]) -> None:
    nodes = listeners(
        """
    - {name: a, port: 443, protocol: HTTPS, hostname: a.com, tls: {certificateRefs: [{name: cert}]}}
    - {name: b, port: 443, protocol: TLS, hostname: b.com, tls: {mode: Terminate, certificateRefs: [{name: cert}]}}
    - {name: c, port: 443, protocol: TLS, hostname: c.com, tls: {mode: Passthrough}}
    - {name: d, port: 443, protocol: TLS, hostname: c.com, tls: {mode: Passthrough}}
    """,
        secret(),
    )
    assert verdict(nodes) == {"a": [], "b": [], "c": ["HostnameConflict"], "d": ["HostnameConflict"]}
    assert [kinds(nodes[name]) for name in "bc"] == [["TLSRoute", "TCPRoute"], ["TLSRoute"]]


def test_tcp_and_udp_have_ports_of_their_own(listeners: Listeners) -> None:
    nodes = listeners("""
    - {name: a, port: 53, protocol: TCP}
    - {name: b, port: 53, protocol: UDP}
    - {name: c, port: 10053, protocol: UDP}
    - {name: d, port: 19000, protocol: UDP}
    """)
    assert verdict(nodes) == {"a": [], "b": [], "c": ["PortUnavailable"], "d": []}


@pytest.mark.parametrize("tls", ["", ", tls: {mode: ''}", ", tls: {mode: Some}"])
def test_a_tls_listener_says_whether_it_decrypts(tls: str, listeners: Listeners) -> None:
    assert "UnsupportedValue" in verdict(listeners(f"[{{name: a, port: 443, protocol: TLS{tls}}}]"))["a"]


def test_what_decrypts_needs_a_certificate_and_what_passes_through_none(listeners: Listeners) -> None:
    nodes = listeners("""
    - {name: a, port: 443, protocol: TLS, tls: {mode: Terminate, certificateRefs: [{name: nobody}]}}
    - {name: b, port: 444, protocol: TLS, tls: {mode: Passthrough, certificateRefs: [{name: nobody}]}}
    """)
    assert verdict(nodes) == {"a": ["InvalidCertificateRef", "Invalid"], "b": []}


def test_a_listener_that_is_refused_alone_is_in_nobodys_way(listeners: Listeners) -> None:
    nodes = listeners("[{name: a, port: 80, protocol: HTTP}, {name: b, port: 80, protocol: SCTP}]")
    assert verdict(nodes) == {"a": [], "b": ["UnsupportedProtocol"]}


def test_the_port_that_a_shifted_one_lands_on_is_unavailable(listeners: Listeners) -> None:
    nodes = listeners("[{name: a, port: 10080, protocol: HTTP}, {name: b, port: 80, protocol: HTTP}]")
    assert verdict(nodes) == {"a": ["PortUnavailable"], "b": []}


def test_listeners_of_one_name_are_not_told_apart(graph: Callable[..., Graph]) -> None:
    twins = "[{name: a, port: 80, protocol: HTTP}, {name: a, port: 81, protocol: HTTP}]"
    gateway = f"{{kind: Gateway, metadata: {{name: eg}}, spec: {{gatewayClassName: eg, listeners: {twins}}}}}"
    node = graph(gateway).gateways["default", "eg"]
    assert [problem.reason for twin in node.listeners for problem in twin.problems] == ["UnsupportedValue"] * 2
    assert not node.serves


def test_https_listeners_whose_hostnames_overlap_are_warned_and_served(
    listeners: Listeners, secret: Callable[..., str]
) -> None:
    tls = "protocol: HTTPS, tls: {certificateRefs: [{name: cert}]}"
    nodes = listeners(
        f"""
    - {{name: a, port: 443, hostname: foo.example.com, {tls}}}
    - {{name: b, port: 443, hostname: foo.example.org, {tls}}}
    - {{name: c, port: 443, hostname: "*.example.com", {tls}}}
    """,
        secret(),
    )
    assert verdict(nodes) == {"a": ["OverlappingHostnames"], "b": [], "c": ["OverlappingHostnames"]}
    assert all(node.serves for node in nodes.values())
