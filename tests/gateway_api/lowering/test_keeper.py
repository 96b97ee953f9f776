"""A kept GatewayIR equals a built one after listeners came, went, broke, while every route stays as it is."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from gateway_api.graph.change import GraphChange
from gateway_api.graph.hostnames import ANY, shared
from gateway_api.graph.types import ListenerNode, Problem
from gateway_api.lowering.gateway import lower_gateway
from gateway_api.lowering.keeper import GatewayKeeper
from tests.gateway_api.lowering.graphs import (
    CONFLICTED,
    EG,
    REFUSED,
    WITHOUT_CERTIFICATE,
    backend,
    graph,
    listener,
    route,
    rule,
)

HOSTNAMES = (ANY, "*.example.com", "foo.example.com", "*.foo.example.com", "bar.example.com")
PLACES = [(protocol, hostname) for protocol in ("HTTP", "HTTPS") for hostname in HOSTNAMES] + [("UDP", ANY)]
"""All on one number: two ports, of which HTTP and HTTPS take one in turn."""


def at(protocol: str, hostname: str, *problems: Problem) -> ListenerNode:
    own = None if hostname == ANY else hostname
    return listener(f"{protocol}-{hostname}", 8080, own, protocol=protocol, problems=problems)


ROUTES = tuple(
    route(f"r-{node.name}", shared(node.spec.hostname, HOSTNAMES[1:]), rule("/", backend("one")), to=node.name)
    for node in (at(*place) for place in PLACES)
    if node.spec.protocol != "UDP"
)


def stays_equal(steps: Iterable[tuple[ListenerNode, ...]]) -> None:
    keeper, before = GatewayKeeper(EG), None
    for listeners in steps:
        now = graph(listeners, *ROUTES)
        keeper.update(now, GraphChange(before=before, gateways=frozenset({EG}), gateways_served=frozenset({EG})))
        assert keeper.ir() == lower_gateway(now, EG)
        before = now


@st.composite
def listeners(draw: st.DrawFn) -> tuple[ListenerNode, ...]:
    protocols = draw(st.sampled_from([("HTTP", "UDP"), ("HTTP", "UDP"), ("HTTPS", "UDP")]))
    found = draw(st.lists(st.sampled_from([place for place in PLACES if place[0] in protocols]), unique=True))
    problems = [(), (), (), (CONFLICTED,), (WITHOUT_CERTIFICATE,), (REFUSED,)]
    return tuple(at(*place, *draw(st.sampled_from(problems))) for place in found)


@given(st.lists(listeners(), min_size=2, max_size=6))
def test_whatever_listeners_come_and_go_the_kept_equals_the_built(steps: list[tuple[ListenerNode, ...]]) -> None:
    stays_equal(steps)


def test_a_listener_that_stops_serving_keeps_its_hostname() -> None:
    wide, foo = at("HTTP", "*.example.com"), at("HTTP", "foo.example.com")
    broken = at("HTTP", "foo.example.com", CONFLICTED)
    stays_equal([(wide, foo), (wide, broken), (wide,), (wide, broken), (wide, foo)])


def test_a_udp_port_says_nothing_of_the_hostnames_of_the_tcp_port_of_its_number() -> None:
    any_, foo, udp = at("HTTP", ANY), at("HTTP", "foo.example.com"), at("UDP", ANY)
    stays_equal([(any_, foo, udp), (any_, udp), (any_, foo, udp)])
