"""Proxies that do not agree, that are slow, that leave: who took what decides, as long as it is there."""

from tests.xds_server.snapshot.proxies import (
    BAD,
    EG,
    HUNDRED,
    SEVEN,
    A,
    B,
    Fleet,
    Proxy,
    expected,
    world,
)
from xds_server.snapshot.isolation import Bluntness
from xds_server.snapshot.resource import ResourceType


def test_a_proxy_that_joins_a_search_and_takes_it_all_ends_it() -> None:
    fleet = Fleet()
    fleet.publish(HUNDRED)
    fleet.settle()
    content = {**dict.fromkeys(HUNDRED, "2"), SEVEN: BAD}
    fleet.publish(content)
    fleet.answer(0)
    late = Proxy(fleet.cache, takes_all=True)
    fleet.proxies.append(late)
    fleet.hear()
    fleet.settle()
    assert (late.held, fleet.blamed) == (content, {})


def test_what_a_slow_proxy_takes_is_good_where_nothing_else_is_known_to_be() -> None:
    """Also when it is not wished for any more, and a search has ended in vain by then."""
    fleet = Fleet()
    fleet.publish({A: "1"})
    first = fleet.served
    fleet.publish({A: "2"})
    quick = Proxy(fleet.cache)
    quick.refuses_news = True
    fleet.proxies.append(quick)
    fleet.hear()
    while fleet.answer(1):
        pass
    fleet.answer(0)
    assert fleet.served == first


def test_who_takes_what_is_served_is_heard_again_when_it_refuses_something() -> None:
    fleet = Fleet(proxies=2)
    fleet.proxies[1].takes_all = True
    fleet.publish({A: BAD})
    fleet.settle()
    fleet.publish({A: "2"})
    fleet.settle()
    fleet.publish({A: BAD, B: "1"})
    while fleet.answer(0):
        pass
    assert fleet.proxies[0].held == {A: "500", B: "1"}


def test_who_takes_after_all_what_it_refused_is_heard_when_it_refuses_something_else() -> None:
    fleet = Fleet(proxies=2)
    fleet.publish({A: BAD})
    refused = fleet.cache.wanted(EG)
    assert refused is not None
    fleet.answer(0)
    fleet.cache.accept(EG, ResourceType.ROUTE, refused.of(ResourceType.ROUTE).by_name.values(), fleet.proxies[0])
    fleet.publish({A: "1", B: BAD})
    while fleet.answer(0):
        pass
    assert fleet.proxies[0].held == {A: "1", B: "500"}


def test_who_refuses_everything_does_not_keep_the_others_asking() -> None:
    fleet = Fleet(proxies=2)
    fleet.publish(HUNDRED)
    fleet.settle()
    fleet.proxies[1].refuses_news = True
    content = {**HUNDRED, SEVEN: BAD}
    fleet.publish(content)
    fleet.settle()
    assert (fleet.proxies[0].held, fleet.proxies[0].answers < 12) == (expected(content), True)


def test_when_all_that_took_it_are_gone_it_is_refused_after_all() -> None:
    """An Envoy of another release in the place of the one before: a new search, not silence."""
    fleet = Fleet()
    fleet.proxies[0].takes_all = True
    content = {A: BAD, B: "1"}
    fleet.publish(content)
    fleet.settle()
    old, new = fleet.proxies[0], Proxy(fleet.cache)
    fleet.proxies = [new, old]
    fleet.hear()
    fleet.answer(0)
    fleet.proxies.remove(old)
    fleet.cache.leave(EG, old)
    fleet.hear()
    fleet.settle()
    assert (new.held, set(fleet.blamed)) == (expected(content), {A})


def test_who_leaves_takes_what_it_alone_refused_along() -> None:
    """Nobody may be blamed by who can be asked no more: the next is asked for all of it."""
    fleet = Fleet(proxies=2)
    fleet.publish(HUNDRED)
    fleet.settle()
    fleet.proxies[1].takes_all = True
    content = {**HUNDRED, A: "1", B: BAD}
    fleet.cache.publish(EG, world(content))
    fleet.proxies[0].hear()
    fleet.answer(0)
    fleet.go(0)
    fleet.hear()
    fleet.settle()
    assert (fleet.proxies[0].held, fleet.blamed) == (content, {})


def test_what_is_refused_after_all_stays_so_when_one_of_those_who_refused_it_goes() -> None:
    """Who took it is gone, and two refuse it: one of them is enough."""
    fleet = Fleet(proxies=3)
    fleet.publish({A: "1", B: "1"})
    fleet.settle()
    fleet.proxies[2].takes_all = True
    fleet.publish({A: BAD, B: "2"})
    for proxy in (2, 0, 1):
        fleet.answer(proxy)
    refused = fleet.served
    fleet.go(2)
    assert fleet.served != refused
    fleet.go(1)
    assert fleet.served != refused
    fleet.settle()
    assert fleet.proxies[0].held == {A: "500", B: "2"}


def test_a_proxy_that_leaves_without_a_word_and_comes_back_with_what_was_asked_has_answered() -> None:
    fleet = Fleet()
    fleet.publish(HUNDRED)
    fleet.settle()
    content = {**HUNDRED, SEVEN: BAD}
    fleet.publish(content)
    fleet.answer(0)
    asked = fleet.cache.watch(EG).value
    assert asked is not None
    (resource,) = asked.of(ResourceType.ROUTE).by_name.values()
    assert not fleet.blamed
    fleet.cache.returned(EG, ResourceType.ROUTE, {"table": resource.version})
    assert fleet.blamed == {SEVEN: Bluntness.FAILS}


def test_a_proxy_that_refuses_what_others_take_brings_nobody_to_blame() -> None:
    fleet = Fleet(proxies=2)
    fleet.proxies[1].takes_all = True
    fleet.publish({A: BAD, B: "1"})
    fleet.settle()
    fleet.publish({A: BAD, B: "2"})
    fleet.answer(0)
    fleet.settle()
    assert (fleet.proxies[1].held, fleet.blamed) == ({A: BAD, B: "2"}, {})


def test_what_one_proxy_takes_after_all_is_nobodys_fault() -> None:
    fleet = Fleet()
    fleet.publish({A: BAD})
    refused = fleet.cache.wanted(EG)
    assert refused is not None
    fleet.settle()
    fleet.cache.accept(EG, ResourceType.ROUTE, refused.of(ResourceType.ROUTE).by_name.values())
    assert (fleet.cache.watch(EG).value, fleet.blamed) == (refused, {})
