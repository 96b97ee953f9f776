"""To know that what we hold is no older than this moment."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from k8s_watch.cluster import PATIENCE
from k8s_watch.keys import AnyKind
from k8s_watch.kinds import CONFIG_MAP, GATEWAY, HTTP_ROUTE, LISTENER_SET, SERVICE, TCP_ROUTE
from k8s_watch.trouble import FORBIDDEN_GRACE
from tests.k8s_watch.conftest import WATCHED, World
from tests.k8s_watch.fake_api import FORBIDDEN, UNAVAILABLE

DECISIVE = frozenset({"Gateway"})
SPEC = {"gatewayClassName": "eg", "listeners": [], "rules": []}
"""Good enough for any kind."""


@asynccontextmanager
async def catching_up(world: World) -> AsyncIterator[asyncio.Task[int]]:
    """Catch up in the background; the task is done once that is."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(world.cluster.catch_up(DECISIVE))
        await world.clock.advance(0)
        yield task
        task.cancel()


async def test_it_takes_no_time_and_changes_nothing_where_nothing_was_missed(world: World) -> None:
    for kind in WATCHED:
        world.api.put(kind, "a", spec=SPEC)
    async with world.running():
        before, revision = world.cluster.snapshot(), world.cluster.revision.value
        async with catching_up(world) as task:
            assert task.result() == revision
        assert world.cluster.snapshot() is before
        assert all(health.state == "Watching" for health in world.cluster.health())


async def test_who_was_cut_off_asks_at_once_and_knows_what_it_missed(world: World) -> None:
    """Nobody sits out a pause of half a minute for it."""
    async with world.running():
        world.api.stop()
        await world.clock.advance(3600)
        for kind in WATCHED:
            world.api.put(kind, "a", spec=SPEC)
        world.api.start()
        async with catching_up(world) as task:
            assert task.result() == world.cluster.revision.value
        snapshot = world.cluster.snapshot()
        assert all(len(held) == 1 for held in (snapshot.gateways, snapshot.services, snapshot.http_routes))


@pytest.mark.parametrize("kind", [GATEWAY, SERVICE], ids=["decisive", "not decisive"])
async def test_a_watch_that_fell_silent_is_not_trusted(kind: AnyKind) -> None:
    """Though nothing has failed yet."""
    world = World()
    async with world.running():
        world.api.stall(kind)
        world.api.put(kind, "a", spec=SPEC)
        await world.clock.advance(10)
        assert world.health(kind).objects == 0
        async with catching_up(world) as task:
            assert task.done()
        assert world.health(kind).objects == 1


async def test_a_status_that_waits_for_something_urgent_is_announced(world: World) -> None:
    world.api.put(GATEWAY, "a", spec=SPEC, metadata={"generation": 1})
    async with world.running():
        before = world.cluster.revision.value
        world.api.put(GATEWAY, "a", spec=SPEC, metadata={"generation": 1}, status={})
        async with catching_up(world) as task:
            assert task.result() > before


async def test_a_decisive_kind_is_waited_for_as_long_as_it_takes(world: World) -> None:
    async with world.running():
        world.api.refuse["list Gateway"] = UNAVAILABLE
        async with catching_up(world) as task:
            await world.clock.advance(3600)
            assert not task.done()
            world.api.refuse.clear()
            await world.clock.until(task.done, at_most=31)


async def test_another_kind_is_not_waited_for_longer_than_a_while(world: World) -> None:
    """One CRD whose webhook is broken must not silence us for ever."""
    async with world.running():
        world.api.refuse["ConfigMap"] = UNAVAILABLE
        async with catching_up(world) as task:
            assert await world.clock.until(task.done) == pytest.approx(PATIENCE)


async def test_a_missing_kind_is_caught_up_with_as_soon_as_the_server_says_that_it_is_missing_still() -> None:
    world = World((*WATCHED, LISTENER_SET))
    world.api.missing |= {"ListenerSet", "TCPRoute"}
    async with world.running():
        await world.clock.advance(60)
        async with catching_up(world) as task:
            assert task.done()


async def test_an_outage_does_not_say_that_a_kind_is_missing_still(world: World) -> None:
    world.api.missing.add("TCPRoute")
    async with world.running():
        await world.clock.advance(3)
        world.api.missing.clear()
        world.api.put(TCP_ROUTE, "a", spec=SPEC)
        world.api.refuse["TCPRoute"] = UNAVAILABLE
        async with catching_up(world) as task:
            assert not task.done()
            world.api.refuse.clear()
            await world.clock.until(task.done, at_most=PATIENCE - 1)
        assert len(world.cluster.snapshot().tcp_routes) == 1


async def test_a_kind_that_we_were_never_allowed_to_read_holds_nothing_up(world: World) -> None:
    world.api.refuse["TCPRoute"] = FORBIDDEN
    async with world.running():
        await world.clock.advance(FORBIDDEN_GRACE + 1)
        async with catching_up(world) as task:
            assert task.done()


async def test_a_large_kind_is_not_listed_again(world: World) -> None:
    """What was missed comes through its watch; a decisive kind is listed whatever its size."""
    for kind in (GATEWAY, HTTP_ROUTE):
        for number in range(kind.page + 1):
            world.api.put(kind, f"a{number}")
    async with world.running():
        world.api.calls.clear()
        async with catching_up(world) as task:
            assert task.done()
        assert world.api.seen("list", HTTP_ROUTE) == []
        assert len(world.api.seen("watch", HTTP_ROUTE)) == 1
        assert len(world.api.seen("list", GATEWAY)) == 2
        assert len(world.api.seen("list", CONFIG_MAP)) == 1


async def test_a_first_list_goes_on_where_it_is() -> None:
    """At a start, the Lease may come in the middle of it."""
    world = World((HTTP_ROUTE,), page_size=1)
    for number in range(10):
        world.api.put(HTTP_ROUTE, f"a{number}")
    world.api.refuse_once = [None, None, None, UNAVAILABLE]  # discovery, two pages, and then
    async with world.running():
        async with catching_up(world) as task:
            assert task.done()
        assert len(world.cluster.snapshot().http_routes) == 10
    assert len(world.api.seen("list", HTTP_ROUTE)) == 10 + 1


async def test_it_may_be_asked_for_before_anything_was_read(world: World) -> None:
    """The revision is then the first, of which there is a snapshot."""
    world.api.put(GATEWAY, "a", spec=SPEC)
    async with catching_up(world) as task:
        assert not task.done()
        async with world.running():
            assert task.result() == world.cluster.revision.value
            assert len(world.cluster.snapshot().gateways) == 1
    assert len(world.api.seen("list", GATEWAY)) == 1


async def test_who_gives_up_in_between_may_ask_again(world: World) -> None:
    """The Lease may be lost and got again within a moment."""
    async with world.running():
        world.api.stop()
        async with catching_up(world) as first:
            await world.clock.advance(5)
            assert not first.done()
        world.api.start()
        async with catching_up(world) as second:
            await world.clock.until(second.done, at_most=1)
