"""Which route tables are scoped, and that a kept decision is the one made from scratch."""

import tracemalloc

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_api.graph.change import GraphChange
from gateway_api.graph.mappings import not_equal
from gateway_api.graph.types import Graph, GraphSettings, RouteId, RouteScoping
from gateway_api.ir import xds as ir
from gateway_api.lowering.gateway import lower_gateway
from gateway_api.lowering.keeper import GatewayKeeper
from gateway_api.lowering.scoping import MANY_WILDCARDS, SCOPED_FROM, SCOPED_UNTIL, Hostnames
from tests.gateway_api.lowering.graphs import EG, backend, graph, listener, route, rule

LISTENERS = (listener("http"),)


def host(hostname: str, *, empty: bool = False) -> ir.VirtualHost:
    match = ir.Match(path=ir.PathMatch(kind="prefix", value="/"))
    some = ir.Route(name="r", match=match, action=ir.Respond(status=200))
    return ir.VirtualHost(hostname=hostname, routes=() if empty else (some,))


def hostnames(*names: str, exact: int = 0) -> Hostnames:
    return Hostnames(map(host, [*names, *(f"h{n}.test" for n in range(exact))]))


def wildcards(names: Hostnames, mode: RouteScoping = "always") -> tuple[str, ...] | None:
    """Those of the scoping; None without scoping."""
    scoping = names.scoping(mode, scoped=False)
    return scoping.wildcards if scoping else None


@pytest.mark.parametrize(
    ("exact", "scoped", "expected"),
    [
        (SCOPED_FROM - 1, False, False),
        (SCOPED_FROM, False, True),
        (SCOPED_UNTIL, True, True),
        (SCOPED_UNTIL - 1, True, False),
    ],
)
def test_a_table_is_scoped_when_it_is_large_and_stays_so_for_a_while(exact: int, scoped: bool, expected: bool) -> None:
    assert bool(hostnames(exact=exact).scoping("auto", scoped=scoped)) is expected


def test_hostnames_below_a_wildcard_do_not_count() -> None:
    assert wildcards(hostnames("a.b.wild", "*.wild", exact=SCOPED_FROM), "auto") == ("*.wild",)
    assert wildcards(hostnames("*.test", exact=SCOPED_FROM), "auto") is None


def test_a_table_for_any_host_is_never_scoped() -> None:
    assert wildcards(hostnames("*", "a.test")) is None


def test_too_many_wildcards_are_too_many() -> None:
    assert wildcards(hostnames(*(f"*.w{n}" for n in range(MANY_WILDCARDS + 1)))) is None


def test_a_wildcard_below_another_is_not_told_apart() -> None:
    assert wildcards(hostnames("*.a.test", "*.test", "*.b.org")) == ("*.b.org", "*.test")


def test_a_wildcard_without_routes_is_as_if_it_were_not_there() -> None:
    assert wildcards(Hostnames([host("*.test", empty=True), host("a.test")])) == ()


def test_a_name_of_many_labels_costs_what_another_does() -> None:
    """A tenant's sixteen hostnames of 125 labels each must not take megabytes, nor each later change a second."""

    def deep(n: int) -> str:
        return f"{'a.' * 120}h{n}"

    names = hostnames(*(deep(n) for n in range(100)))
    tracemalloc.start()
    names.update({deep(n): host(deep(n)) for n in range(100, 200)})
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 100 * 4096


def test_a_mode_is_obeyed() -> None:
    many = hostnames(exact=SCOPED_FROM)
    assert wildcards(many, "never") is None
    assert wildcards(hostnames("a.test"), "always") == ()
    assert wildcards(hostnames("a.test"), "auto") is None


def world(names: set[str], mode: RouteScoping = "always") -> Graph:
    routes = [route(f"r-{n}".replace("*", "w"), (n,), rule("/", backend("a"))) for n in sorted(names)]
    return msgspec.structs.replace(graph(LISTENERS, *routes), settings=GraphSettings(route_scoping=mode))


def change(before: Graph | None, after: Graph) -> GraphChange:
    if before is None:
        return GraphChange(before=None)
    moved = {"HTTPRoute": not_equal(before.http["HTTPRoute"].nodes, after.http["HTTPRoute"].nodes)}
    routes_of = {EG: frozenset(RouteId("HTTPRoute", key) for key in moved["HTTPRoute"])}
    return GraphChange(before=before, routes=moved, routes_of=routes_of)


@given(st.lists(st.sets(st.sampled_from(["a.test", "b.test", "*.test", "*.b.test", "c.org", "*"])), min_size=1))
def test_a_kept_decision_is_the_one_made_from_scratch(steps: list[set[str]]) -> None:
    keeper = GatewayKeeper(EG)
    before, listeners, scopings = None, {}, {}
    for names in steps:
        now = world(names)
        differs = keeper.update(now, change(before, now))
        listeners, scopings = listeners | dict(differs.listeners), scopings | dict(differs.scopings)
        whole = lower_gateway(now, EG)
        assert keeper.ir() == whole
        assert tuple(listeners.values()) == whole.listeners
        assert {table.name: scopings.get(table.name) for table in whole.route_tables} == {
            table.name: table.scoping for table in whole.route_tables
        }
        before = now


def test_a_keeper_remembers_what_is_scoped() -> None:
    def large(size: int) -> Graph:
        return world({f"h{n}.test" for n in range(size)}, "auto")

    keeper = GatewayKeeper(EG)
    sizes = [large(SCOPED_FROM), large(SCOPED_UNTIL), large(SCOPED_UNTIL - 1), large(SCOPED_FROM - 1)]
    scoped = []
    for before, now in zip([None, *sizes[:-1]], sizes, strict=True):
        keeper.update(now, change(before, now))
        scoped.append(keeper.ir().route_tables[0].scoping is not None)
    assert scoped == [True, True, False, False]
