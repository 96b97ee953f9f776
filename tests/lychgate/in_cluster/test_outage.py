"""When what we serve may be old."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import structlog

from flow.latest import Latest
from k8s_watch import kinds
from k8s_watch.api import ApiError
from lychgate.in_cluster.outage import CATCHING_UP, LOOKS, REMINDER, TOLERATED, mind_outages
from tests.k8s_watch.conftest import World
from tests.k8s_watch.fake_api import FORBIDDEN


@asynccontextmanager
async def minded(world: World) -> AsyncIterator[Latest[bool]]:
    """Whether we are behind, in a world under watch."""
    behind = Latest(initial=False)
    async with world.running(), asyncio.TaskGroup() as tasks:
        minding = tasks.create_task(mind_outages(world.cluster.health, behind, world.clock))
        await world.clock.advance(10)
        assert not behind.value
        yield behind
        minding.cancel()


@pytest.mark.parametrize("answer", [None, FORBIDDEN], ids=["nobody listens", "nothing is allowed"])
async def test_who_is_cut_off_is_behind_until_it_has_caught_up(answer: ApiError | None) -> None:
    world = World()
    async with minded(world) as behind:
        world.api.stop()
        world.api.refuse["*"] = answer or world.api.refuse["*"]
        await world.clock.advance(TOLERATED / 2)
        assert not behind.value
        await world.clock.advance(120)
        assert behind.value
        world.api.start()
        await world.clock.until(lambda: not any(kind.error for kind in world.cluster.health()))
        assert behind.value
        await world.clock.advance(CATCHING_UP + LOOKS)
        assert not behind.value


async def test_that_we_are_cut_off_is_said_and_that_we_are_no_longer_too() -> None:
    world = World()
    async with minded(world):
        with structlog.testing.capture_logs() as said:
            world.api.stop()
            await world.clock.advance(REMINDER + 60)
            world.api.start()
            await world.clock.advance(600)
    lines = [(line["log_level"], line["event"]) for line in said if "cut off" in line["event"]]
    assert lines == [
        ("warning", "cut off from the API server, what was read last is served"),
        ("warning", "cut off from the API server, what was read last is served"),
        ("info", "no longer cut off from the API server"),
    ]


@pytest.mark.parametrize(
    "error", [ConnectionResetError("its webhook is broken"), FORBIDDEN], ids=["broken", "forbidden"]
)
async def test_one_kind_that_cannot_be_read_keeps_nobody_waiting(error: Exception) -> None:
    world = World()
    async with minded(world) as behind:
        world.api.refuse["HTTPRoute"] = error
        world.api.cut(kinds.HTTP_ROUTE)
        await world.clock.advance(600)
        assert world.health(kinds.HTTP_ROUTE).error
        assert not behind.value


async def test_kinds_that_are_not_there_do_not_count() -> None:
    world = World()
    world.api.missing.add("TCPRoute")
    async with minded(world) as behind:
        await world.clock.advance(600)
        assert not behind.value
        world.api.stop()
        await world.clock.advance(120)
        assert behind.value
