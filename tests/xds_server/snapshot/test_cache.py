"""What goes into the cache comes out to whoever waits, and nothing dangling ever does."""

from collections import deque
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

import xds_server
from k8s_watch.keys import ObjectKey
from tests.lines import lines_run
from tests.xds_server.world import CLUSTER, ENDPOINT, LISTENER, ROUTE, SCOPED_ROUTE, world
from xds_server.snapshot.cache import SnapshotCache
from xds_server.snapshot.consistency import InconsistentSnapshot
from xds_server.snapshot.last_good import WISHES
from xds_server.snapshot.resource import Resource, Snapshot, make_resource, make_set

EG = ObjectKey("default", "eg")
GOOD = world(listeners={"l": "r"}, routes={"r": "a"})
BAD = world(listeners={"l": "r"}, routes={"r": "a"}, revisions={"route r": "bad"})


def without(snapshot: Snapshot, type_: object) -> Snapshot:
    return Snapshot({key: value for key, value in snapshot.by_type.items() if key is not type_})


async def test_a_published_snapshot_wakes_who_waits_for_it() -> None:
    cache = SnapshotCache()
    watched = cache.watch(EG)
    assert watched.value is None
    assert cache.publish(EG, GOOD)
    assert await watched.newer_than(0) == (1, GOOD)


def test_equal_content_wakes_nobody() -> None:
    """Case 23: made again, and the same."""
    cache = SnapshotCache()
    cache.publish(EG, GOOD)
    assert not cache.publish(EG, world(listeners={"l": "r"}, routes={"r": "a"}))
    assert cache.watch(EG).version == 1
    assert cache.watch(EG).value is GOOD


@pytest.mark.parametrize(("missing", "by"), [(CLUSTER, "route r"), (ENDPOINT, "cluster a"), (ROUTE, "listener l")])
def test_a_dangling_reference_is_named_and_the_old_snapshot_stays(missing: object, by: str) -> None:
    cache = SnapshotCache()
    cache.publish(EG, GOOD)
    with pytest.raises(InconsistentSnapshot, match=by):
        cache.publish(EG, without(BAD, missing))
    assert cache.watch(EG).value is GOOD


def test_gateways_do_not_see_each_other() -> None:
    cache = SnapshotCache()
    cache.publish(EG, GOOD)
    assert cache.watch(ObjectKey("default", "other")).value is None


def test_a_withdrawn_gateway_is_silence() -> None:
    cache = SnapshotCache()
    cache.publish(EG, GOOD)
    cache.withdraw(EG)
    assert cache.watch(EG).value is None
    assert cache.publish(EG, GOOD)


def test_a_refused_version_gives_way_to_the_last_that_was_taken() -> None:
    """Case 2: a proxy that starts while a bad route is wished for starts with the good one."""
    cache = SnapshotCache()
    cache.publish(EG, GOOD)
    cache.accept(EG, ROUTE, GOOD.of(ROUTE).by_name.values())
    cache.publish(EG, BAD)
    cache.refuse(EG, ROUTE, BAD.of(ROUTE).by_name["r"], "no")
    served = cache.watch(EG).value
    assert served
    assert served.of(ROUTE) == GOOD.of(ROUTE)
    assert cache.wanted(EG) is BAD


def test_new_content_ends_a_quarantine() -> None:
    """Case 3."""
    cache = SnapshotCache()
    cache.publish(EG, GOOD)
    cache.accept(EG, ROUTE, GOOD.of(ROUTE).by_name.values())
    cache.publish(EG, BAD)
    cache.refuse(EG, ROUTE, BAD.of(ROUTE).by_name["r"], "no")
    fixed = world(listeners={"l": "r"}, routes={"r": "a"}, revisions={"route r": "fixed"})
    cache.publish(EG, fixed)
    assert cache.watch(EG).value is fixed


def test_one_odd_proxy_puts_nothing_in_quarantine_that_another_takes() -> None:
    cache = SnapshotCache()
    cache.publish(EG, GOOD)
    cache.accept(EG, ROUTE, GOOD.of(ROUTE).by_name.values())
    cache.publish(EG, BAD)
    cache.refuse(EG, ROUTE, BAD.of(ROUTE).by_name["r"], "no")
    cache.accept(EG, ROUTE, BAD.of(ROUTE).by_name.values())
    assert cache.watch(EG).value is BAD
    cache.refuse(EG, ROUTE, BAD.of(ROUTE).by_name["r"], "no")
    assert cache.watch(EG).value is BAD


def revision(number: int, route: object = 1) -> Snapshot:
    return world(listeners={"l": "r"}, routes={"r": "a"}, revisions={"listener l": number, "route r": route})


def listener(snapshot: Snapshot | None) -> Resource:
    assert snapshot
    return snapshot.of(LISTENER).by_name["l"]


def after_a_refusal(cache: SnapshotCache) -> Resource:
    """What is served when a version is wished for that all proxies refuse."""
    bad = revision(-1)
    cache.publish(EG, bad)
    cache.refuse(EG, LISTENER, listener(bad), "no")
    return listener(cache.served(EG))


def test_an_answer_that_comes_late_moves_the_last_good_version_nowhere() -> None:
    """A slow proxy has just come to what the others left long ago."""
    cache = SnapshotCache()
    for number in (1, 2):
        cache.publish(EG, revision(number))
        cache.accept(EG, LISTENER, [listener(revision(number))], "quick")
    cache.accept(EG, LISTENER, [listener(revision(1))], "slow")
    assert after_a_refusal(cache) == listener(revision(2))
    cache.accept(EG, LISTENER, [listener(revision(1))], "slower")
    assert listener(cache.served(EG)) == listener(revision(2))


def test_nor_does_it_while_something_else_is_refused() -> None:
    cache = SnapshotCache()
    for number in (1, 2):
        cache.publish(EG, revision(number, "bad"))
        cache.refuse(EG, ROUTE, revision(number, "bad").of(ROUTE).by_name["r"], "no")
        cache.accept(EG, LISTENER, [listener(revision(number))], "quick")
    cache.accept(EG, LISTENER, [listener(revision(1))], "slow")
    assert after_a_refusal(cache) == listener(revision(2))


def test_what_is_wished_for_again_is_no_older_than_what_was_between() -> None:
    cache = SnapshotCache()
    for number in (1, 2, 1):
        cache.publish(EG, revision(number))
        cache.accept(EG, LISTENER, [listener(revision(number))], "quick")
    cache.accept(EG, LISTENER, [listener(revision(2))], "slow")
    assert after_a_refusal(cache) == listener(revision(1))


@given(st.lists(st.sampled_from(["publish", "quick", "slow"]), max_size=30))
def test_what_stands_in_is_the_newest_that_any_proxy_took(steps: Sequence[str]) -> None:
    """Also where each answer comes when something else is wished for already."""
    cache, newest, taken = SnapshotCache(), 1, 0
    waiting = {"quick": deque([1]), "slow": deque([1])}
    cache.publish(EG, revision(1))
    for step in steps:
        if step == "publish":
            newest += 1
            cache.publish(EG, revision(newest))
            for inbox in waiting.values():
                inbox.append(newest)
        elif inbox := waiting[step]:
            number = inbox.popleft()
            cache.accept(EG, LISTENER, [listener(revision(number))], step)
            taken = max(taken, number)
    if newest - taken < WISHES:  # what nobody remembers is no news
        assert after_a_refusal(cache) == listener(revision(taken or -1))


def test_a_stand_in_brings_what_it_names() -> None:
    """The good route named a cluster that is not wished for any more: a new proxy needs that too."""
    cache = SnapshotCache()
    old = world(listeners={"l": "r"}, routes={"r": "old"})
    cache.publish(EG, old)
    for type_ in (CLUSTER, ENDPOINT, ROUTE):
        cache.accept(EG, type_, old.of(type_).by_name.values())
    new = world(listeners={"l": "r"}, routes={"r": "new"}, revisions={"route r": "bad"})
    cache.publish(EG, new)
    cache.refuse(EG, ROUTE, new.of(ROUTE).by_name["r"], "no")
    served = cache.watch(EG).value
    assert served
    assert set(served.of(CLUSTER).by_name) == set(served.of(ENDPOINT).by_name) == {"old", "new"}


def test_a_listener_that_chose_by_scope_stands_in_for_none_of_a_whole_table() -> None:
    """The scopes of its hostnames name it not: it would answer 404 for all of them, in every proxy."""
    cache = SnapshotCache()
    table = make_resource("t/~", b"", [])
    scopes = make_set([table, make_resource("t/a", b"", [(SCOPED_ROUTE, "t/~")])])
    listeners = make_set([make_resource("l", b"scoped", [(SCOPED_ROUTE, "t/~")])])
    old = Snapshot({SCOPED_ROUTE: scopes, LISTENER: listeners})
    cache.publish(EG, old)
    for type_ in (SCOPED_ROUTE, LISTENER):
        cache.accept(EG, type_, old.of(type_).by_name.values())
    whole = Snapshot({LISTENER: make_set([make_resource("l", b"whole", [])])})
    cache.publish(EG, whole)
    cache.refuse(EG, LISTENER, whole.of(LISTENER).by_name["l"], "no")
    assert cache.watch(EG).value is whole


def test_a_listener_stands_in_with_the_scope_of_a_wildcard() -> None:
    """Which holds all below it by itself, where that of the table holds nothing."""
    cache = SnapshotCache()
    table, wildcard = make_resource("t/~", b"", []), make_resource("t/*.w", b"", [])
    chosen = [(SCOPED_ROUTE, "t/~"), (SCOPED_ROUTE, "t/*.w")]
    listeners = make_set([make_resource("l", b"both", chosen)])
    host = make_resource("t/a", b"", [(SCOPED_ROUTE, "t/~")])
    old = Snapshot({SCOPED_ROUTE: make_set([table, wildcard, host]), LISTENER: listeners})
    cache.publish(EG, old)
    for type_ in (SCOPED_ROUTE, LISTENER):
        cache.accept(EG, type_, old.of(type_).by_name.values())
    alone = make_set([make_resource("l", b"alone", chosen[:1])])
    new = Snapshot({SCOPED_ROUTE: make_set([table, host]), LISTENER: alone})
    cache.publish(EG, new)
    cache.refuse(EG, LISTENER, alone.by_name["l"], "no")
    served = cache.watch(EG).value
    assert served
    assert (served.of(LISTENER), set(served.of(SCOPED_ROUTE).by_name)) == (listeners, {"t/~", "t/*.w", "t/a"})


def test_nothing_is_kept_of_a_gateway_that_is_gone_and_has_no_proxies() -> None:
    cache = SnapshotCache()
    cache.join(EG, "proxy")
    cache.publish(EG, GOOD)
    watched = cache.watch(EG)
    cache.withdraw(EG)
    assert cache.watch(EG) is watched
    cache.leave(EG, "proxy")
    assert (cache.served(EG), cache.wanted(EG), cache.blamed(EG)) == (None, None, ())
    assert cache.watch(EG) is not watched


def test_without_a_good_version_there_is_nothing_to_stand_in() -> None:
    cache = SnapshotCache()
    cache.publish(EG, BAD)
    cache.refuse(EG, ROUTE, BAD.of(ROUTE).by_name["r"], "no")
    assert cache.watch(EG).value is BAD


def test_listeners_are_a_type_like_the_others() -> None:
    cache = SnapshotCache()
    cache.publish(EG, GOOD)
    cache.accept(EG, LISTENER, GOOD.of(LISTENER).by_name.values())
    bad = world(listeners={"l": "r"}, routes={"r": "a"}, revisions={"listener l": "bad"})
    cache.publish(EG, bad)
    cache.refuse(EG, LISTENER, bad.of(LISTENER).by_name["l"], "no")
    served = cache.watch(EG).value
    assert served
    assert served.of(LISTENER) == GOOD.of(LISTENER)


def test_what_a_crowd_takes_is_looked_through_once() -> None:
    cache, many = SnapshotCache(), world(clusters=" ".join(f"c{number}" for number in range(100)))
    cache.publish(EG, many)
    taken = many.of(CLUSTER).in_order
    first, next_ = (lines_run(lambda by=by: cache.accept(EG, CLUSTER, taken, by), xds_server) for by in ("one", "two"))
    assert next_ < first / 5


def test_what_was_refused_after_all_is_good_again_when_it_is_taken_again() -> None:
    """Though another had taken just this before, in the same parcel."""
    cache = SnapshotCache()
    cache.join(EG, "one")
    cache.publish(EG, GOOD)
    taken = GOOD.of(LISTENER).in_order
    cache.accept(EG, LISTENER, taken, "gone")
    cache.refuse(EG, LISTENER, taken[0], "no", "one")
    cache.accept(EG, LISTENER, taken, "one")
    bad = world(listeners={"l": "r"}, routes={"r": "a"}, revisions={"listener l": "bad"})
    cache.publish(EG, bad)
    cache.refuse(EG, LISTENER, bad.of(LISTENER).by_name["l"], "no", "one")
    served = cache.watch(EG).value
    assert served
    assert served.of(LISTENER) == GOOD.of(LISTENER)
