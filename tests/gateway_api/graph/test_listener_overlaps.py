"""Who is warned of whom; that hostnames overlap across ListenerSets is in `tests/cases/listenerset`."""

import json
from collections.abc import Callable, Mapping

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import gateway_api
from gateway_api.graph.gateways.listener_overlaps import with_overlaps
from gateway_api.graph.types import Graph, ListenerNode
from gateway_api.ir.xds import PrivateBytes, TlsSecret
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.gateway import Listener
from tests.gateway_api.conftest import secret_data
from tests.lines import lines_run

type Listeners = Callable[..., Mapping[str, ListenerNode]]
type NewSecret = Callable[..., str]

EG = ObjectKey("default", "eg")
KEY = ec.generate_private_key(ec.SECP256R1())


def https(name: str, hostname: str, *certificates: str, **more: object) -> str:
    refs = [{"name": each} for each in certificates]
    listener = {"name": name, "port": 443, "protocol": "HTTPS", "hostname": hostname, "tls": {"certificateRefs": refs}}
    return json.dumps(listener | more)


def certified(**names: list[str]) -> list[str]:
    """Secrets of these names, each with a certificate for some."""
    return [
        json.dumps({"kind": "Secret", "metadata": {"name": name}, "data": secret_data(KEY, *of)})
        for name, of in names.items()
    ]


def reasons(nodes: Mapping[str, ListenerNode]) -> dict[str, list[str]]:
    return {name: [problem.reason for problem in node.problems] for name, node in nodes.items()}


def overlap(listeners: Listeners, one: list[str], other: list[str]) -> bool:
    """Whether two listeners that have no hostname in common are told that their certificates overlap."""
    texts = https("a", "a.test", "one"), https("b", "b.test", "other")
    found = reasons(listeners(f"[{', '.join(texts)}]", *certified(one=one, other=other)))
    assert found["a"] == found["b"]
    return found["a"] == ["OverlappingCertificates"]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (["a.test"], ["b.test"], False),
        (["a.test"], ["b.test", "A.test"], True),
        (["*.x.test"], ["*.x.test"], True),
        (["*.x.test"], ["a.x.test"], True),
        (["*.x.test"], ["x.test"], False),
        (["*.x.test"], ["a.b.x.test"], False),
        ([], [], False),
    ],
)
def test_certificates_overlap_where_one_host_could_be_shown_both(
    one: list[str], other: list[str], *, expected: bool, listeners: Listeners
) -> None:
    """A wildcard of theirs is one label, unlike a listener's."""
    assert overlap(listeners, one, other) is expected
    assert overlap(listeners, other, one) is expected


def test_one_certificate_for_several_listeners_overlaps_and_they_are_served(listeners: Listeners) -> None:
    texts = [https("a", "a.x.test", "wild"), https("b", "b.x.test", "wild"), https("c", "c.test", "c")]
    nodes = listeners(f"[{', '.join(texts)}]", *certified(wild=["*.x.test"], c=["c.test"]))
    assert reasons(nodes) == {"a": ["OverlappingCertificates"], "b": ["OverlappingCertificates"], "c": []}
    assert "*.x.test overlaps with one of listener b" in nodes["a"].problems[0].message
    assert all(node.serves for node in nodes.values())


def test_where_hostnames_overlap_too_certificates_are_the_reason(listeners: Listeners) -> None:
    texts = [https("a", "a.x.test", "one"), https("b", "*.x.test", "wild")]
    nodes = listeners(f"[{', '.join(texts)}]", *certified(one=["a.x.test"], wild=["*.x.test"]))
    assert set(map(tuple, reasons(nodes).values())) == {("OverlappingCertificates", "OverlappingHostnames")}


@pytest.mark.parametrize("more", [{"port": 8443}, {"protocol": "TLS", "tls": {"mode": "Passthrough"}}, {"tls": {}}])
def test_on_another_port_or_without_a_certificate_nothing_overlaps(
    more: dict[str, object], listeners: Listeners
) -> None:
    texts = [https("a", "a.test", "one"), https("b", "b.test", "one", **more)]
    assert reasons(listeners(f"[{', '.join(texts)}]", *certified(one=["*.test"])))["a"] == []


def test_two_certificates_of_one_listener_may_be_for_the_same_host(listeners: Listeners) -> None:
    nodes = listeners(f"[{https('a', 'a.test', 'one', 'two')}]", *certified(one=["a.test"], two=["a.test", "*.test"]))
    assert reasons(nodes) == {"a": []}


def test_who_is_in_conflict_is_not_served_and_overlaps_with_nobody(listeners: Listeners) -> None:
    texts = [https("a", "a.test", "one"), https("b", "b.test", "one"), https("c", "b.test", "one")]
    found = reasons(listeners(f"[{', '.join(texts)}]", *certified(one=["*.test"])))
    assert found == {"a": [], "b": ["HostnameConflict"], "c": ["HostnameConflict"]}


def test_a_listener_of_another_object_is_not_named(graph: Callable[..., Graph]) -> None:
    allowed = {"namespaces": {"from": "All"}}
    spec = {
        "gatewayClassName": "eg",
        "allowedListeners": allowed,
        "listeners": [json.loads(https("own", "a.test", "one"))],
    }
    theirs = {"parentRef": {"name": "eg"}, "listeners": [json.loads(https("secretive", "b.test", "one"))]}
    node = graph(
        json.dumps({"kind": "Gateway", "metadata": {"name": "eg"}, "spec": spec}),
        json.dumps({"kind": "ListenerSet", "metadata": {"name": "theirs"}, "spec": theirs}),
        *certified(one=["*.test"]),
    ).gateways[EG]
    for listener in node.all_listeners:
        [problem] = listener.problems
        assert problem.reason == "OverlappingCertificates"
        assert "another listener on port 443" in problem.message


def listener(number: int, *names: str) -> ListenerNode:
    spec = Listener(name=f"l{number}", port=443, protocol="HTTPS", hostname=f"h{number}.test")
    certificate = TlsSecret(name="cert", certificate_chain=b"", private_key=PrivateBytes(b""), names=names)
    return ListenerNode(gateway=EG, spec=spec, bind_port=10443, kinds=(), certificates=(certificate,))


@pytest.mark.parametrize("shared", [True, False])
def test_judging_is_linear_in_the_listeners(shared: bool) -> None:
    def lines(count: int) -> int:
        names = [f"n{n}.test" for n in range(100)]
        nodes = [listener(n, *names if shared else [f"h{n}.test"]) for n in range(count)]
        return lines_run(lambda: with_overlaps(nodes), gateway_api)

    assert lines(400) < 4.5 * lines(100)
