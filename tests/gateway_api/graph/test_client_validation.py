import base64
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from gateway_api.graph.types import ClientValidation, GatewayNode, Graph
from tests.gateway_api.conftest import certificate, secret_data

KEY = ec.generate_private_key(ec.SECP256R1())
CERTIFICATE = yaml.safe_dump({"kind": "Secret", "metadata": {"name": "cert"}, "data": secret_data(KEY)})
PEM = certificate(KEY)
GRANT = """
kind: ReferenceGrant
metadata: {name: g, namespace: other}
spec:
  from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: default}]
  to: [{group: "", kind: ConfigMap}]
"""


def config_map(name: str, namespace: str = "default") -> str:
    metadata = {"name": name, "namespace": namespace}
    return yaml.safe_dump({"kind": "ConfigMap", "metadata": metadata, "data": {"ca.crt": PEM.decode()}})


def ref(name: str, **more: str) -> dict[str, str]:
    return {"group": "", "kind": "ConfigMap", "name": name, **more}


def validation(*refs: dict[str, str], mode: str = "AllowValidOnly") -> dict[str, Any]:
    return {"validation": {"caCertificateRefs": list(refs), "mode": mode}}


TLS = {"certificateRefs": [{"name": "cert"}]}
LISTENERS = [
    {"name": "a", "port": 443, "protocol": "HTTPS", "hostname": "a.example.com", "tls": TLS},
    {"name": "b", "port": 443, "protocol": "HTTPS", "hostname": "b.example.com", "tls": TLS},
    {"name": "own", "port": 8443, "protocol": "HTTPS", "tls": TLS},
    {"name": "http", "port": 80, "protocol": "HTTP"},
    {"name": "bytes", "port": 5432, "protocol": "TLS", "tls": TLS},
]


@pytest.fixture
def judged(graph: Callable[..., Graph]) -> Callable[..., GatewayNode]:
    """`default` and `perPort` of a Gateway's frontend, and objects beside it → its node."""

    def build(default: dict[str, Any], *others: str, ports: dict[int, Any] | None = None) -> GatewayNode:
        per_port = [{"port": port, "tls": tls} for port, tls in (ports or {}).items()]
        spec = {
            "gatewayClassName": "eg",
            "listeners": LISTENERS,
            "tls": {"frontend": {"default": default, "perPort": per_port}},
        }
        document = yaml.safe_dump({"kind": "Gateway", "metadata": {"name": "eg"}, "spec": spec})
        return graph(document, CERTIFICATE, config_map("ca"), *others).gateways["default", "eg"]

    return build


type Judged = Callable[..., GatewayNode]


def clients(node: GatewayNode) -> dict[str, ClientValidation | None]:
    return {listener.spec.name: listener.client_validation for listener in node.listeners}


def sources(node: GatewayNode) -> dict[str, str]:
    return {name: one.authorities.name if one else "" for name, one in clients(node).items()}


def reasons(node: GatewayNode, listener: str) -> list[tuple[str, str]]:
    [found] = (one for one in node.listeners if one.spec.name == listener)
    return [(problem.condition, problem.reason) for problem in found.problems]


def test_the_default_is_for_every_https_listener(judged: Judged) -> None:
    """And for no other, be it one that terminates TLS. Spec: GEP-91, "if and only if it serves HTTPS"."""
    node = judged(validation(ref("ca")))
    assert sources(node) == {
        "a": "ca/default/ca",
        "b": "ca/default/ca",
        "own": "ca/default/ca",
        "http": "",
        "bytes": "",
    }
    assert all(one.required for one in clients(node).values() if one)
    assert all(one.serves for one in node.listeners)


def test_listeners_of_a_port_let_the_same_clients_in(judged: Judged) -> None:
    """A connection to one of them may carry requests for the other."""
    for ports in ({}, {443: {}}, {443: validation(ref("more"))}):
        found = clients(judged(validation(ref("ca")), config_map("more"), ports=ports))
        assert found["a"] == found["b"]


def test_a_port_of_its_own_takes_the_place_of_the_default(judged: Judged) -> None:
    node = judged(validation(ref("none")), ports={443: validation(ref("ca")), 8443: {}})
    assert sources(node) == {"a": "ca/default/ca", "b": "ca/default/ca", "own": "", "http": "", "bytes": ""}
    assert all(one.serves and not one.problems for one in node.listeners)


NOBODY = ("Accepted", "NoValidCACertificate")


@pytest.mark.parametrize(
    ("refs", "found"),
    [
        ([], []),
        ([ref("none")], [("ResolvedRefs", "InvalidCACertificateRef")]),
        ([ref("ca", namespace="other")], [("ResolvedRefs", "RefNotPermitted")]),
        ([ref("ca", kind="Service")], [("ResolvedRefs", "InvalidCACertificateKind")]),
        ([ref("ca", group="x.io")], [("ResolvedRefs", "InvalidCACertificateKind")]),
        (
            [ref("none"), ref("ca", kind="Service")],
            [("ResolvedRefs", r) for r in ("InvalidCACertificateRef", "InvalidCACertificateKind")],
        ),
    ],
)
def test_without_an_authority_nobody_is_served(
    judged: Judged, refs: list[dict[str, str]], found: list[tuple[str, str]]
) -> None:
    node = judged(validation(*refs, mode="AllowInsecureFallback"), ports={8443: validation(ref("ca"))})
    assert reasons(node, "a") == reasons(node, "b") == [*found, NOBODY]
    assert [one.spec.name for one in node.listeners if one.serves] == ["own", "http", "bytes"]
    assert node.serves


def test_who_trusts_more_than_a_proxy_can_keep_lets_nobody_in(judged: Judged) -> None:
    large = certificate(KEY, x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), bytes(300 * 1024)))
    data = {"ca.crt": large.decode()}
    text = yaml.safe_dump({"kind": "ConfigMap", "metadata": {"name": "large"}, "data": data})
    assert judged(validation(ref("large")), text).serves
    node = judged(validation(ref("large"), ref("large")), text)
    assert reasons(node, "a") == [("Accepted", "NoValidCACertificate")]
    assert (
        "come to more than 512 KiB of certificates; leave some out; until then, no"
        in node.listeners[0].problems[0].message
    )


def test_what_can_be_used_of_several_is_trusted(judged: Judged) -> None:
    refs = [ref("none"), ref("ca"), ref("far", namespace="other")]
    node = judged(validation(*refs), config_map("far", "other"), GRANT)
    assert sources(node)["a"] == "ca/default/ca+other/far"
    assert reasons(node, "a") == [("ResolvedRefs", "InvalidCACertificateRef")]
    assert node.listeners[0].serves


def test_an_authority_may_be_in_a_secret(judged: Judged) -> None:
    def secret(name: str, namespace: str = "default") -> str:
        data = {"ca.crt": base64.b64encode(PEM).decode()}
        return yaml.safe_dump({"kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "data": data})

    refs = [ref("ca", kind="Secret"), ref("far", kind="Secret", namespace="other")]
    node = judged(validation(*refs), secret("ca"), secret("far", "other"), GRANT)
    assert sources(node)["a"] == "ca/secret/default/ca"
    assert reasons(node, "a") == [("ResolvedRefs", "RefNotPermitted")]
    granted = GRANT.replace("ConfigMap", "Secret")
    node = judged(validation(*refs), secret("ca"), secret("far", "other"), granted)
    assert sources(node)["a"] == "ca/secret/default/ca+secret/other/far"
    assert reasons(judged(validation(ref("cert", kind="Secret"))), "a") == [
        ("ResolvedRefs", "InvalidCACertificateRef"),
        NOBODY,
    ]


def test_a_conflict_is_one_whether_or_not_there_is_an_authority(graph: Callable[..., Graph]) -> None:
    both = [{**LISTENERS[0], "name": name} for name in "ab"]
    frontend = {"default": validation(ref("none"))}
    spec = {"gatewayClassName": "eg", "listeners": both, "tls": {"frontend": frontend}}
    document = yaml.safe_dump({"kind": "Gateway", "metadata": {"name": "eg"}, "spec": spec})
    node = graph(document, CERTIFICATE).gateways["default", "eg"]
    assert ("Conflicted", "HostnameConflict") in reasons(node, "a")


def test_a_fallback_lets_everybody_in_and_is_told(judged: Judged) -> None:
    insecure = validation(ref("ca"), mode="AllowInsecureFallback")
    node = judged(insecure, ports={8443: validation(ref("ca"))})
    assert {name: one.required for name, one in clients(node).items() if one} == {"a": False, "b": False, "own": True}
    [problem] = node.problems
    assert (problem.condition, problem.reason) == ("InsecureFrontendValidationMode", "ConfigurationChanged")
    assert "spec.tls.frontend.default " in problem.message
    [problem] = judged(validation(ref("ca")), ports={8443: insecure}).problems
    assert "port 8443" in problem.message
    assert judged(validation(ref("ca"))).problems == ()
