"""A kept GatewayIR equals a built one after listeners came, went, broke, while every route stays as it is."""

from collections.abc import Iterable

import msgspec
from hypothesis import given
from hypothesis import strategies as st

import gateway_api
from gateway_api.graph.change import GraphChange
from gateway_api.graph.hostnames import ANY, shared
from gateway_api.graph.problems import Problem
from gateway_api.graph.types import Graph, ListenerNode, RouteId
from gateway_api.ir import xds as ir
from gateway_api.lowering.gateway import lower_gateway
from gateway_api.lowering.keeper import GatewayKeeper
from k8s_watch.keys import ObjectKey
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
    tls_secret,
)
from tests.lines import lines_run

HOSTNAMES = (ANY, "*.example.com", "foo.example.com", "*.foo.example.com", "bar.example.com")
PLACES = [(protocol, hostname) for protocol in ("HTTP", "HTTPS") for hostname in HOSTNAMES] + [("UDP", ANY)]
"""All on one number: two ports, of which HTTP and HTTPS take one in turn."""


def at(protocol: str, hostname: str, *problems: Problem) -> ListenerNode:
    own = None if hostname == ANY else hostname
    return listener(f"{protocol}-{hostname}", 8080, own, protocol=protocol, problems=problems)


ROUTES = tuple(
    route(f"r-{node.name}", shared(node.hostname, HOSTNAMES[1:]), rule("/", backend("one")), to=node.name)
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


def presenting(hostname: str, serial: int) -> ListenerNode:
    secret = msgspec.structs.replace(tls_secret(hostname), certificate_chain=b"%d" % serial)
    return msgspec.structs.replace(at("HTTPS", hostname), certificates=(secret,))


def test_a_renewed_certificate_is_a_new_secret_and_no_new_listener() -> None:
    foo, bar = presenting("foo.example.com", 1), presenting("bar.example.com", 1)
    stays_equal([(foo, bar), (presenting("foo.example.com", 2), bar), (at("HTTPS", "foo.example.com"), bar), (foo,)])


def test_a_renewed_certificate_costs_the_other_listeners_nothing() -> None:
    """Of which ListenerSets bring thousands."""

    def lines(count: int) -> int:
        old = graph(tuple(presenting(f"h{number:03}.test", 1) for number in range(count)))
        new = graph((presenting("h000.test", 2), *old.gateways[EG].listeners[1:]))
        keeper = GatewayKeeper(EG)
        keeper.update(old, GraphChange())
        change = GraphChange(before=old, gateways=frozenset({EG}), gateways_served=frozenset({EG}))
        return lines_run(lambda: keeper.update(new, change), gateway_api)

    assert lines(100) - lines(10) <= 10 * 90  # a look at each, and at its table


def shown(routes: int, serial: int) -> Graph:
    """A Gateway that shows a certificate to the backends of so many routes, which are behind TLS."""
    tls = ir.UpstreamTls(server_name="a.test", names=(), authorities=ir.CaFile(path="/ca"))
    backends = [backend(f"b{number}") for number in range(routes)]
    behind = [msgspec.structs.replace(of, cluster=msgspec.structs.replace(of.cluster, tls=tls)) for of in backends]
    served = [route(f"r{n:03}", (f"h{n:03}.test",), rule("/", of), to=f"HTTP-{ANY}") for n, of in enumerate(behind)]
    found = graph((at("HTTP", ANY),), *served)
    certificate = msgspec.structs.replace(tls_secret("shown"), certificate_chain=b"%d" % serial)
    node = msgspec.structs.replace(found.gateways[EG], client_certificate=certificate)
    return msgspec.structs.replace(found, gateways={EG: node})


def renewed(routes: int) -> tuple[GatewayKeeper, Graph, GraphChange]:
    """A keeper of the graph before, and one in which nothing but that certificate is another."""
    before, keeper = shown(routes, 1), GatewayKeeper(EG)
    after = msgspec.structs.replace(before, gateways=shown(routes, 2).gateways)
    keeper.update(before, GraphChange())
    change = GraphChange(before=before, gateways=frozenset({EG}), gateways_served=frozenset({EG}))
    return keeper, after, change


def test_a_renewed_certificate_for_backends_is_a_new_secret_and_no_new_cluster() -> None:
    keeper, after, change = renewed(2)
    said = keeper.update(after, change)
    assert ([*said.secrets], said.clusters, said.listeners, said.route_tables) == (["default/shown"], {}, {}, {})
    assert keeper.ir() == lower_gateway(after, EG)
    of = frozenset({RouteId("HTTPRoute", ObjectKey("default", "r000"))})
    keeper.update(after, GraphChange(before=graph(()), routes_of={EG: of}))
    assert keeper.ir() == lower_gateway(after, EG)


def test_a_renewed_certificate_for_backends_costs_none_of_them_anything() -> None:
    def lines(routes: int) -> int:
        keeper, after, change = renewed(routes)
        return lines_run(lambda: keeper.update(after, change), gateway_api)

    assert lines(40) == lines(10)


def test_a_route_costs_no_look_at_the_tables_of_other_listeners() -> None:
    """Of which ListenerSets bring thousands."""

    def lines(count: int) -> int:
        hosts = [f"h{number:03}.test" for number in range(count)]
        served = [route(f"r{host}", (host,), rule("/", backend("one")), to=f"HTTPS-{host}") for host in hosts]
        now = graph(tuple(presenting(host, 1) for host in hosts), *served)
        keeper, key = GatewayKeeper(EG), served[0].source.key
        keeper.update(now, GraphChange())
        change = GraphChange(before=graph(()), routes_of={EG: frozenset({RouteId("HTTPRoute", key)})})
        return lines_run(lambda: keeper.update(now, change), gateway_api)

    assert lines(40) == lines(10)
