"""Of a table that proxies refuse they get all but what is to blame, after few answers, whatever happens meanwhile."""

from collections.abc import Sequence, Set

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_api.ir import xds as ir
from protos import route as pb
from tests.xds_server.snapshot.proxies import (
    BAD,
    EG,
    HUNDRED,
    SEVEN,
    WORSE,
    A,
    B,
    C,
    Content,
    Fleet,
    answers_of,
    expected,
    table,
    unit,
    world,
)
from xds_server.snapshot.cache import SnapshotCache
from xds_server.snapshot.isolation import Bluntness, Suspicious, Unit
from xds_server.snapshot.quarantine import Quarantine
from xds_server.snapshot.resource import Resource, ResourceType, Snapshot, make_resource, make_set
from xds_server.translate.parts import TableParts, divide
from xds_server.translate.route_table import route_table
from xds_server.translate.scope import scopes


@pytest.mark.parametrize("text", [BAD, WORSE])
def test_one_bad_change_is_found_by_its_own_refusal(text: str) -> None:
    fleet = Fleet()
    fleet.publish(HUNDRED)
    fleet.settle()
    content = {**HUNDRED, SEVEN: text}
    fleet.publish(content)
    fleet.settle()
    assert fleet.proxies[0].held == expected(content)
    assert fleet.proxies[0].answers <= 4


def test_a_bad_route_in_a_table_that_nobody_ever_took_is_found() -> None:
    fleet = Fleet()
    content = {**HUNDRED, SEVEN: BAD}
    fleet.publish(content)
    fleet.settle()
    assert (fleet.proxies[0].held, fleet.blamed) == (expected(content), {SEVEN: Bluntness.FAILS})


def test_several_that_go_bad_at_once_are_found() -> None:
    """By what they have in common, and then one by one."""
    fleet = Fleet()
    fleet.publish(HUNDRED)
    fleet.settle()
    content = {**HUNDRED, SEVEN: BAD, unit("8.test", "r8"): WORSE, unit("9.test", "r9"): BAD, A: "1"}
    fleet.publish(content)
    fleet.settle()
    assert fleet.proxies[0].held == expected(content)
    assert fleet.blamed.keys() == {SEVEN, unit("8.test", "r8"), unit("9.test", "r9")}


def test_where_nobody_is_to_blame_the_last_good_version_stays_and_the_search_ends() -> None:
    """What they refuse is not in any unit: three proxies, and a bounded number of answers."""
    fleet = Fleet(proxies=3)
    fleet.publish(HUNDRED)
    fleet.settle()
    for proxy in fleet.proxies:
        proxy.refuses_news = True
    fleet.publish({**HUNDRED, A: "1", B: "1", C: "1"})
    fleet.settle()
    assert all(proxy.held == HUNDRED and proxy.answers < 40 for proxy in fleet.proxies)
    assert not fleet.cache.is_isolated(EG, ResourceType.ROUTE, "table")


def test_after_a_search_in_vain_the_next_ones_are_short() -> None:
    """A release of Envoy that takes no table of ours must not be asked a thousand questions for each change."""
    fleet = Fleet()
    fleet.publish(HUNDRED)
    fleet.settle()
    fleet.proxies[0].refuses_news = True
    fleet.publish(dict.fromkeys(HUNDRED, "2"))
    fleet.settle()
    before = fleet.proxies[0].answers
    for n in range(3, 13):
        fleet.publish(dict.fromkeys(HUNDRED, str(n)))
        fleet.settle()
    assert fleet.proxies[0].answers - before <= 10 * 20
    fleet.proxies[0].refuses_news = False
    fleet.publish({**HUNDRED, SEVEN: BAD})
    fleet.settle()
    assert fleet.proxies[0].held == expected({**HUNDRED, SEVEN: BAD})


def another_process(fleet: Fleet, content: Content, suspicious: Suspicious = frozenset) -> Fleet:
    """It gets the proxies of the one before."""
    after = Fleet(proxies=0, suspicious=suspicious)
    after.cache.publish(EG, world(content))
    after.proxies = fleet.proxies
    for proxy in after.proxies:
        proxy.come_to(after.cache)
    after.hear()
    return after


def test_a_process_after_us_finds_what_is_to_blame_at_no_cost_to_the_proxies() -> None:
    """All is new to it and one is bad: what the proxies have stays until all but that one can take its place."""
    fleet = Fleet()
    fleet.publish(HUNDRED)
    fleet.settle()
    content = {**dict.fromkeys(HUNDRED, "2"), SEVEN: BAD}
    after = another_process(fleet, content)
    while after.answer(0):
        assert after.proxies[0].held in (HUNDRED, expected(content))
    assert after.proxies[0].held == expected(content)


def test_who_was_to_blame_in_the_process_before_us_is_asked_about_first() -> None:
    fleet = Fleet()
    content = {**HUNDRED, SEVEN: BAD}
    fleet.publish(content)
    fleet.settle()
    after = another_process(fleet, content, lambda: {SEVEN.source})
    before = after.proxies[0].answers
    after.settle()
    assert (after.proxies[0].held, after.blamed) == (expected(content), {SEVEN: Bluntness.FAILS})
    assert after.proxies[0].answers <= before + 2


def test_two_known_culprits_cost_a_process_after_us_no_innocent() -> None:
    content = {**HUNDRED, SEVEN: BAD, unit("8.test", "r8"): BAD}
    fleet = Fleet()
    fleet.publish(HUNDRED)
    fleet.settle()
    fleet.publish(content)
    fleet.settle()
    after = another_process(fleet, content, lambda: {SEVEN.source, "httproute/default/r8"})
    while after.answer(0):
        assert after.proxies[0].held == expected(content)
    assert after.blamed.keys() == {SEVEN, unit("8.test", "r8")}


def test_what_comes_while_several_are_blamed_together_holds_no_innocent() -> None:
    fleet = Fleet()
    fleet.publish(HUNDRED)
    fleet.settle()
    content = {**HUNDRED, A: BAD, B: BAD, C: "1"}
    fleet.publish(content)
    while not fleet.blamed:
        fleet.answer(0)
    content = {**content, unit("d.test", "d"): BAD}
    fleet.publish(content)
    fleet.settle()
    assert (fleet.proxies[0].held, set(fleet.blamed)) == (expected(content), {A, B, unit("d.test", "d")})


def test_what_proxies_come_back_with_is_good() -> None:
    """One bad change after a restart is found at once, and costs the others nothing."""
    fleet = Fleet()
    fleet.publish(HUNDRED)
    fleet.settle()
    after = another_process(fleet, HUNDRED)
    after.publish({**HUNDRED, SEVEN: BAD})
    while after.answer(0):
        assert len(after.proxies[0].held) == len(HUNDRED)
    assert after.blamed == {SEVEN: Bluntness.FAILS}


def test_what_goes_before_what_stays_as_it_is() -> None:
    """Routes of two objects on one hostname, in turns: the one is to blame, the other goes on in between."""
    a, b = (f"httproute/default/{name}" for name in "ab")
    names = [f"{a}/rule/0/match/0", f"{b}/rule/0/match/0", f"{a}/rule/1/match/0"]

    def of(*texts: str) -> ir.RouteTable:
        anything = ir.Match(path=ir.PathMatch(kind="prefix", value="/"))
        routes = [
            ir.Route(name=name, match=anything, action=ir.Respond(status=200, body=text))
            for name, text in zip(names, texts, strict=True)
            if text
        ]
        return ir.RouteTable(name="t", virtual_hosts=(ir.VirtualHost(hostname="a.test", routes=tuple(routes)),))

    def shown(parts: TableParts) -> list[str]:
        (host,) = pb.RouteConfiguration.FromString(parts.resource.body).virtual_hosts
        return [route.direct_response.body.inline_string or str(route.direct_response.status) for route in host.routes]

    parts = divide(ResourceType.ROUTE, route_table(of("1", "2", "3")))
    assert parts is not None
    assert shown(parts.blunted({Unit("a.test", a): Bluntness.FAILS})) == ["500", "2", "500"]
    assert shown(parts.blunted({Unit("a.test", a): Bluntness.LEFT_OUT})) == ["2"]


def test_a_hostname_of_which_all_is_left_out_is_no_wildcards() -> None:
    fleet = Fleet()
    fleet.publish({A: WORSE, unit("*", "b"): "1"})
    fleet.settle()
    served = fleet.cache.watch(EG).value
    assert served is not None
    of = pb.RouteConfiguration.FromString(served.of(ResourceType.ROUTE).by_name["table"].body)
    assert {host.domains[0] for host in of.virtual_hosts} == {"a.test", "*"}


def test_a_bad_route_costs_the_others_of_its_hostname_nothing() -> None:
    fleet = Fleet()
    fleet.publish({A: "1", B: "1"})
    fleet.settle()
    fleet.publish({A: BAD, B: "1"})
    fleet.settle()
    fleet.publish({A: BAD, B: "2", C: "1"})
    fleet.settle()
    assert fleet.proxies[0].held == {A: "500", B: "2", C: "1"}
    assert fleet.blamed == {A: Bluntness.FAILS}


def test_what_is_mended_is_served() -> None:
    fleet = Fleet()
    fleet.publish({A: BAD, C: "1"})
    fleet.settle()
    fleet.publish({A: "2", C: "1"})
    fleet.settle()
    assert (fleet.proxies[0].held, fleet.blamed) == ({A: "2", C: "1"}, {})
    assert fleet.cache.watch(EG).value is fleet.cache.wanted(EG)


def test_a_culprit_that_is_mended_while_it_is_sought_leaves_nobody_to_blame() -> None:
    fleet = Fleet()
    fleet.publish({A: "1", C: BAD})
    fleet.answer(0)
    fleet.publish({A: "1", C: "2"})
    fleet.settle()
    assert (fleet.proxies[0].held, fleet.blamed) == ({A: "1", C: "2"}, {})


def test_a_thousand_refusals_of_one_version_are_one() -> None:
    quarantine, wanted = Quarantine(divide), world({A: BAD, B: "1", C: "1"})
    (resource,) = wanted.of(ResourceType.ROUTE).by_name.values()
    quarantine.screen(wanted)
    assert quarantine.refuse(ResourceType.ROUTE, resource, "no", "first")
    quarantine.screen(wanted)
    assert not any(quarantine.refuse(ResourceType.ROUTE, resource, "no", n) for n in range(1000))


def test_while_a_culprit_is_known_nothing_is_taken_apart_for_changes_elsewhere() -> None:
    taken_apart = []

    def counting(type_: ResourceType, resource: Resource) -> TableParts | None:
        taken_apart.append(resource)
        return divide(type_, resource)

    fleet = Fleet(divide=counting)
    fleet.publish({A: BAD, B: "1"})
    fleet.settle()
    before = len(taken_apart)
    wanted = fleet.cache.wanted(EG)
    assert wanted is not None
    for n in range(5):
        secret = make_resource("secret", b"%d" % n)
        fleet.cache.publish(EG, Snapshot({**wanted.by_type, ResourceType.SECRET: make_set([secret])}))
    assert len(taken_apart) <= before + 2


def test_a_scope_is_taken_apart_like_a_table() -> None:
    cache = SnapshotCache(divide)
    of = table({A: BAD, B: "1"}, scoped=True)
    known = {each.name: each for each in scopes(of)}
    sets = {ResourceType.SCOPED_ROUTE: make_set(known.values()), ResourceType.ROUTE: make_set([route_table(of)])}
    cache.publish(EG, Snapshot(sets))
    served = cache.watch(EG)
    for _ in range(3):
        assert served.value is not None
        scope = served.value.of(ResourceType.SCOPED_ROUTE).by_name["table/a.test"]
        answers = answers_of(pb.ScopedRouteConfiguration.FromString(scope.body).route_configuration)
        if BAD in answers.values():
            cache.refuse(EG, ResourceType.SCOPED_ROUTE, scope, "no")
        else:
            cache.accept(EG, ResourceType.SCOPED_ROUTE, [scope])
    assert answers == {A: "500", B: "1"}


UNITS = st.builds(unit, st.sampled_from(["a.test", "b.test", "*"]), st.sampled_from("pqrs"))
CONTENTS = st.dictionaries(UNITS, st.sampled_from(["1", "1", "2", "3", BAD, WORSE]), max_size=10)
ANSWERS = st.tuples(st.integers(0, 1), st.sampled_from([True, True, True, False]))
"""A proxy, and whether it answers or loses its stream."""
type Steps = Sequence[tuple[Content, Sequence[tuple[int, bool]]]]
STEPS = st.lists(st.tuples(CONTENTS, st.lists(ANSWERS, max_size=8)), min_size=1, max_size=6)


def after(steps: Steps, fleet: Fleet) -> Content:
    """Go through the steps, let everything settle, and return what is wished for in the end."""
    for content, answers in steps:
        fleet.publish(content)
        for proxy, answers_at_all in answers:
            if answers_at_all:
                fleet.answer(proxy)
            else:
                fleet.proxies[proxy].come_to(fleet.cache)
                fleet.hear()
    fleet.settle()
    return content


@given(STEPS)
def test_whatever_changes_while_it_is_sought_all_that_is_good_is_served_in_the_end(steps: Steps) -> None:
    """And who answers late, or for a version that is long gone, brings nobody else to blame."""
    fleet = Fleet(proxies=2)
    content = after(steps, fleet)
    assert [proxy.held for proxy in fleet.proxies] == [expected(content)] * 2
    assert fleet.blamed.keys() == bad(content)


@given(STEPS)
def test_proxies_that_do_not_agree_bring_no_innocent_to_blame(steps: Steps) -> None:
    """One takes everything: an Envoy of another release."""
    fleet = Fleet(proxies=2)
    fleet.proxies[1].takes_all = True
    content = after(steps, fleet)
    assert fleet.blamed.keys() <= bad(content)
    assert without(fleet.proxies[1].held, bad(content)) == without(content, bad(content))


def bad(content: Content) -> set[Unit]:
    return {unit for unit, text in content.items() if text in (BAD, WORSE)}


def without(content: Content, units: Set[Unit]) -> Content:
    return {unit: text for unit, text in content.items() if unit not in units}
