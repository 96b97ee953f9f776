"""Watches that end, versions that are too old, events that come twice."""

import pytest

from k8s_watch.api import ApiError
from k8s_watch.keys import ObjectKey
from k8s_watch.kinds import CONFIG_MAP, HTTP_ROUTE, SECRET, SERVICE
from k8s_watch.watcher import WATCH_SECONDS
from tests.k8s_watch.conftest import World

A, B, C = (ObjectKey("default", name) for name in "abc")


@pytest.mark.parametrize("as_event", [False, True], ids=["as an HTTP answer", "as an event"])
async def test_410_leads_to_a_new_list_and_its_difference(world: World, *, as_event: bool) -> None:
    """The cache is not cleared; what is gone is deleted, what stayed is the same object."""
    world.api.gone_as_event = as_event
    for name in "abc":
        world.api.put(SERVICE, name)
    async with world.running():
        before = world.cluster.snapshot()
        world.api.cut(SERVICE)
        world.api.refuse["Service"] = ConnectionRefusedError("refused")
        await world.clock.advance(0.05)
        world.api.delete(SERVICE, "b")
        world.api.put(SERVICE, "c", spec={"type": "NodePort"})
        world.api.compact()
        del world.api.refuse["Service"]
        await world.clock.advance(5)
        after = world.cluster.snapshot()
    assert set(after.services) == {A, C}
    assert after.services[A] is before.services[A]
    assert after.services[C].spec.type == "NodePort"
    assert after.changed == {"Service": {B, C}}


@pytest.mark.parametrize("as_event", [False, True], ids=["as an HTTP answer", "as an event"])
async def test_nothing_disappears_while_the_new_list_is_under_way(world: World, *, as_event: bool) -> None:
    """Between the 410 and the end of the new list, the old objects are served."""
    world.api.gone_as_event = as_event
    world.api.put(SERVICE, "a")
    async with world.running():
        before = world.cluster.snapshot()
        world.api.compact()
        world.api.close(SERVICE)
        world.api.refuse["Service"] = ConnectionRefusedError("refused")
        await world.clock.advance(20)
        assert world.cluster.snapshot() is before


async def test_410_is_never_answered_with_a_watch_from_the_same_version(world: World) -> None:
    """The version that was too old is not tried again."""
    async with world.running():
        stale = world.api.seen("watch", SERVICE)[-1].resource_version
        world.api.compact()
        world.api.cut(SERVICE)
        await world.clock.advance(30)
        used = [call.resource_version for call in world.api.seen("watch", SERVICE)]
    assert used.count(stale) == 2  # the first watch, and the one that met the 410
    assert len(world.api.seen("list", SERVICE)) == 2


async def test_410_between_pages_restarts_the_list_in_one_piece() -> None:
    """The pages that came do not count, and the second try cannot expire."""
    world = World(page_size=2)
    for name in "abc":
        world.api.put(SERVICE, name)
    world.api.expired_tokens = 1000
    async with world.running():
        await world.clock.advance(5)
        assert set(world.cluster.snapshot().services) == {A, B, C}
    assert [call.limit for call in world.api.seen("list", SERVICE)] == [500, 500, 0]


async def test_a_page_that_failed_is_asked_for_again() -> None:
    """Other failures between pages cost that page only."""
    world = World((SERVICE,), page_size=1)
    for name in "abc":
        world.api.put(SERVICE, name)
    world.api.refuse_once = [None, None, None, ConnectionResetError("cut")]
    async with world.running():
        await world.clock.until(lambda: world.cluster.revision.value > 0)
        assert set(world.cluster.snapshot().services) == {A, B, C}
    assert len(world.api.seen("list", SERVICE)) == 4


async def test_a_bookmark_moves_the_version_and_nothing_else(world: World) -> None:
    """It is no change, and a later resume starts from it, past a compaction."""
    async with world.running():
        revision = world.cluster.revision.value
        world.api.put(HTTP_ROUTE, "elsewhere")
        revision += 1
        world.api.bookmark(SERVICE)
        world.api.of(SERVICE).compacted = int(world.api.last_version)
        await world.clock.advance(20)
        world.api.close(SERVICE)
        await world.clock.advance(5)
        assert world.cluster.revision.value == revision
        assert world.api.seen("watch", SERVICE)[-1].resource_version == world.api.last_version
    assert len(world.api.seen("list", SERVICE)) == 1


async def test_a_watch_that_ends_resumes_where_it_was_without_a_list(world: World) -> None:
    """A clean end after some time is no failure and costs no pause."""
    async with world.running():
        await world.clock.advance(300)
        made = world.api.put(SERVICE, "a")
        await world.clock.advance(0)
        world.api.close(SERVICE)
        await world.clock.advance(0)
        assert world.api.seen("watch", SERVICE)[-1].resource_version == made["metadata"]["resourceVersion"]
        assert world.health(SERVICE).failures == 0
    assert len(world.api.seen("list", SERVICE)) == 1


async def test_a_watch_asks_for_its_own_random_end(world: World) -> None:
    """Five to ten minutes, by chance."""
    world.clock.chance = 0.25
    async with world.running():
        assert {call.timeout for call in world.api.seen("watch", SERVICE)} == {WATCH_SECONDS * 1.25}


async def test_changes_made_while_no_watch_was_open_arrive(world: World) -> None:
    """The server replays them from the version we were at."""
    world.api.put(SERVICE, "a")
    async with world.running():
        world.api.cut(SERVICE)
        world.api.refuse["Service"] = ConnectionRefusedError("refused")
        await world.clock.advance(1)
        world.api.put(SERVICE, "b")
        world.api.delete(SERVICE, "a")
        del world.api.refuse["Service"]
        await world.clock.advance(5)
        assert set(world.cluster.snapshot().services) == {B}
    assert len(world.api.seen("list", SERVICE)) == 1


async def test_a_watch_that_ends_at_once_is_not_opened_in_a_loop(world: World) -> None:
    """Also a server that answers well and hangs up is given pauses, however long all was well before."""
    async with world.running():
        await world.clock.advance(100)
        for _ in range(600):
            world.api.close(SERVICE)
            await world.clock.advance(0.1)
        assert world.health(SERVICE).error
        await world.clock.advance(60)
        assert not world.health(SERVICE).error
    assert len(world.api.seen("watch", SERVICE)) < 20


async def test_a_version_that_keeps_failing_is_given_up(world: World) -> None:
    """When etcd went back in time, no watch from our version can ever work; a list can."""
    world.api.put(SERVICE, "a")
    async with world.running():
        world.api.of(SERVICE).objects.clear()
        world.api.refuse["watch Service"] = ApiError(504, "Too large resource version")
        world.api.cut(SERVICE)
        await world.clock.until(lambda: not world.cluster.snapshot().services, at_most=60)
        del world.api.refuse["watch Service"]
        await world.clock.until(lambda: not world.health(SERVICE).error, at_most=35)


async def test_versions_are_compared_for_equality_only(world: World) -> None:
    """A smaller number is as new as a larger one when the server says so."""
    world.api.put(SERVICE, "a", metadata={"resourceVersion": "zz9"})
    async with world.running():
        world.api.put(SERVICE, "a", metadata={"resourceVersion": "5"}, spec={"type": "NodePort"})
        await world.clock.advance(0)
        assert world.cluster.snapshot().services[A].spec.type == "NodePort"


async def test_the_end_of_initial_events_is_a_bookmark_like_any_other(world: World) -> None:
    """Streaming lists are not asked for; a server that marks one anyway does no harm."""
    async with world.running():
        revision = world.cluster.revision.value
        world.api.bookmark(SERVICE, annotations={"k8s.io/initial-events-end": "true"})
        await world.clock.advance(0)
        assert world.cluster.revision.value == revision
        assert world.health(SERVICE).error == ""


async def test_a_replayed_event_changes_nothing(world: World) -> None:
    """Same uid, same version, same object."""
    made = world.api.put(SERVICE, "a")
    async with world.running():
        before = world.cluster.snapshot()
        world.api.say(SERVICE, "ADDED", made)
        world.api.say(SERVICE, "MODIFIED", made)
        await world.clock.advance(0)
        assert world.cluster.snapshot() is before


async def test_a_delete_of_an_earlier_object_of_the_name_is_ignored(world: World) -> None:
    """The uid tells an object from its successor."""
    old = world.api.put(SERVICE, "a")
    new = world.api.put(SERVICE, "a", uid="another")
    async with world.running():
        world.api.say(SERVICE, "DELETED", old)
        await world.clock.advance(0)
        assert world.cluster.snapshot().services[A].metadata.uid == "another"
        world.api.say(SERVICE, "DELETED", new)
        world.api.say(SERVICE, "DELETED", new)
        await world.clock.advance(0)
        assert not len(world.cluster.snapshot().services)


async def test_an_object_made_again_under_its_name_is_a_new_object(world: World) -> None:
    """Delete and create between two snapshots show as one change."""
    world.api.put(SERVICE, "a")
    async with world.running():
        before = world.cluster.snapshot().services[A]
        world.api.put(SERVICE, "a", uid="another")
        await world.clock.advance(0)
        after = world.cluster.snapshot()
        assert after.services[A] is not before
        assert after.changed == {"Service": {A}}


@pytest.mark.parametrize("line", [b'{"type": "ADD', b'{"type": "\xff", "object": {}}'])
async def test_a_line_that_is_no_event_costs_a_reconnect_only(world: World, line: bytes) -> None:
    """The watch goes on from the last version it understood."""
    world.api.put(SERVICE, "a")
    async with world.running():
        world.api.send(SERVICE, line)
        await world.clock.advance(5)
        world.api.put(SERVICE, "b")
        await world.clock.advance(0)
        assert set(world.cluster.snapshot().services) == {A, B}
    assert len(world.api.seen("list", SERVICE)) == 1


async def test_an_event_of_an_unknown_type_is_passed_over(world: World) -> None:
    """A newer server may say more than we know."""
    async with world.running():
        world.api.say(SERVICE, "POSTPONED", {"metadata": {"name": "x"}})
        await world.clock.advance(0)
        assert world.health(SERVICE).error == ""


async def test_a_list_in_one_piece_that_fails_is_asked_for_in_pages_again() -> None:
    """It may be too large to come in time."""
    world = World((SERVICE,), page_size=2)
    for name in "abc":
        world.api.put(SERVICE, name)
    world.api.expired_tokens = 1000
    # Discovery, two pages, discovery, all at once.
    world.api.refuse_once = [None, None, None, None, TimeoutError("slow")]
    async with world.running():
        await world.clock.until(lambda: len(world.api.seen("list", SERVICE)) > 3)
    assert [call.limit for call in world.api.seen("list", SERVICE)][:4] == [500, 500, 0, 500]


async def test_objects_that_may_be_large_come_few_at_a_time() -> None:
    world = World((SECRET, CONFIG_MAP, SERVICE))
    async with world.running():
        pass
    assert [call.limit for call in world.api.calls if call.verb == "list"] == [50, 50, 500]
