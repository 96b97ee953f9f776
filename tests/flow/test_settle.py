import asyncio
from collections.abc import AsyncIterator

import pytest

from flow.latest import Latest
from flow.settle import newer_within, settled
from tests.flow.virtual_clock import VirtualClock, settle

QUIET, AT_MOST = 0.1, 1.0


class Reader:
    """A stage that takes a settled value whenever there is one, and notes when."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.source = Latest(0)
        self.taken: list[tuple[float, int]] = []

    async def run(self) -> None:
        version, since = 0, float("-inf")
        while True:
            version, value = await settled(
                self.source, version, since=since, quiet=QUIET, at_most=AT_MOST, clock=self.clock
            )
            since = self.clock.monotonic()
            self.taken.append((round(since, 3), value))


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    reader = Reader()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(reader.run())
        yield reader
        running.cancel()


async def test_the_first_change_goes_at_once(reader: Reader) -> None:
    reader.source.publish(1)
    await settle()
    assert reader.taken == [(0.0, 1)]


async def test_a_change_after_a_pause_goes_at_once(reader: Reader) -> None:
    reader.source.publish(1)
    await reader.clock.advance(5)
    reader.source.publish(2)
    await settle()
    assert reader.taken == [(0.0, 1), (5.0, 2)]


async def test_a_burst_is_gathered_until_it_pauses(reader: Reader) -> None:
    for value in range(1, 5):
        reader.source.publish(value)
        await reader.clock.advance(0.05)
    await reader.clock.advance(0.2)
    assert reader.taken == [(0.0, 1), (0.25, 4)]


async def test_a_burst_that_never_pauses_waits_no_longer_than_the_ceiling(reader: Reader) -> None:
    for value in range(1, 50):
        reader.source.publish(value)
        await reader.clock.advance(0.05)
    first, second, *_ = reader.taken
    assert first == (0.0, 1)
    assert second[0] == pytest.approx(0.05 + AT_MOST)


async def test_nothing_is_taken_twice(reader: Reader) -> None:
    reader.source.publish(1)
    await reader.clock.advance(10)
    assert reader.taken == [(0.0, 1)]


async def test_newer_within_says_whether_it_came() -> None:
    clock, source = VirtualClock(), Latest(0)
    async with asyncio.TaskGroup() as tasks:
        came = tasks.create_task(newer_within(source, 0, 1.0, clock))
        await clock.advance(0.5)
        source.publish(1)
        await settle()
        assert came.result()
        missed = tasks.create_task(newer_within(source, 1, 1.0, clock))
        await clock.advance(1.0)
        assert not missed.result()
