import asyncio

import pytest

from flow.latest import Latest, reached, ring
from tests.flow.virtual_clock import settle


async def test_a_new_value_raises_the_version() -> None:
    latest = Latest("a")
    assert latest.publish("b")
    assert (latest.version, latest.value) == (1, "b")


async def test_an_equal_value_wakes_nobody() -> None:
    latest = Latest([1])
    assert not latest.publish([1])
    assert latest.version == 0


async def test_a_slow_reader_skips_to_the_newest() -> None:
    latest = Latest(0)
    for value in range(1, 10):
        latest.publish(value)
    assert await latest.newer_than(0) == (9, 9)


async def test_every_waiting_reader_wakes() -> None:
    latest = Latest(0)
    async with asyncio.TaskGroup() as tasks:
        readers = [tasks.create_task(latest.newer_than(0)) for _ in range(3)]
        await settle()
        latest.publish(7)
    assert [reader.result() for reader in readers] == [(1, 7)] * 3


async def test_a_change_between_two_waits_is_not_missed() -> None:
    latest = Latest(0)
    latest.publish(1)
    version, _ = await latest.newer_than(0)
    latest.publish(2)
    assert await latest.newer_than(version) == (2, 2)


async def test_a_cancelled_wait_consumes_nothing() -> None:
    latest = Latest(0)
    async with asyncio.TaskGroup() as tasks:
        reader = tasks.create_task(latest.newer_than(0))
        await settle()
        reader.cancel()
    latest.publish(1)
    assert await latest.newer_than(0) == (1, 1)


async def test_until_waits_through_other_values() -> None:
    latest = Latest("down")
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(latest.until("up"))
        await settle()
        latest.publish("starting")
        await settle()
        assert not waiting.done()
        latest.publish("up")


async def test_a_value_that_was_only_passed_through_may_be_missed() -> None:
    latest = Latest("down")
    waiting = asyncio.Task(latest.until("up"))
    await settle()
    latest.publish("up")
    latest.publish("down")
    await settle()
    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_number_is_reached_also_by_one_that_is_greater() -> None:
    latest = Latest(3)
    await reached(latest, 3)
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(reached(latest, 5))
        latest.publish(4)
        await settle()
        assert not waiting.done()
        latest.publish(6)


async def test_a_bell_rings_for_each_change_also_for_one_that_came_before_anybody_listened() -> None:
    """In the first turn of the loop whoever publishes may come before whoever rings."""
    bell, latest = Latest(0), Latest("a")
    async with asyncio.TaskGroup() as tasks:
        ringing = tasks.create_task(ring(bell, latest))
        latest.publish("b")
        await settle()
        assert bell.value == 1
        latest.publish("c")
        await settle()
        assert bell.value == 2
        ringing.cancel()
