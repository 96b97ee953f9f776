import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest

from flow.hold_off import Allowance, HoldOff
from flow.latest import Latest
from tests.flow.virtual_clock import VirtualClock, settle

RATE, CREDIT, AT_MOST, REST = 0.1, 0.2, 1.0, 0.05


class Reader:
    """A stage that takes a value whenever it may, and notes when."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.source = Latest(0)
        self.upstream = Latest(0)
        self.taken: list[tuple[float, int]] = []
        self.cost = 0.02
        """Of a pass."""

    async def run(self) -> None:
        allowance = Allowance(rate=RATE, credit=CREDIT, at_most=AT_MOST, rest=REST)
        hold_off = HoldOff(self.source, allowance, self.clock.cpu, self.clock, upstream=self.upstream)
        while True:
            value = await hold_off.next()
            self.taken.append((round(self.clock.monotonic(), 3), value))
            self.clock.spent += self.cost

    async def change(self, times: int, *, every: float) -> None:
        for _ in range(times):
            self.source.publish(self.source.value + 1)
            await self.clock.advance(every)

    def pauses(self) -> list[float]:
        """Seconds between a pass and the next."""
        return [after - before for (before, _), (after, _) in itertools.pairwise(self.taken)]


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


async def test_what_it_cost_to_get_to_the_first_change_is_not_owed(reader: Reader) -> None:
    await settle()
    reader.clock.spent = 100
    reader.source.publish(1)
    await settle()
    assert reader.taken == [(0.0, 1)]


async def test_what_the_first_change_cost_is_not_owed_either(reader: Reader) -> None:
    """It is of a whole world: who begins to edit then is not held up."""
    reader.cost = 100
    await reader.change(1, every=1)
    reader.cost = 0.01
    await reader.change(10, every=0.01)
    assert reader.pauses() == [pytest.approx(1), *[pytest.approx(0.01)] * 9]


async def test_changes_that_we_can_afford_go_at_once_for_ever(reader: Reader) -> None:
    await reader.change(100, every=reader.cost / RATE)
    assert reader.pauses() == [pytest.approx(reader.cost / RATE)] * 99


async def test_credit_lets_a_burst_through(reader: Reader) -> None:
    await reader.change(10, every=0.01)
    assert reader.pauses() == [pytest.approx(0.01)] * 9


async def test_beyond_the_credit_changes_are_gathered(reader: Reader) -> None:
    await reader.change(1000, every=0.01)
    assert reader.pauses()[-1] == pytest.approx(reader.cost / RATE, abs=0.02)
    assert reader.clock.spent == pytest.approx(CREDIT + 10 * RATE, abs=2 * reader.cost)


async def test_no_change_waits_longer_than_the_ceiling(reader: Reader) -> None:
    reader.cost = 10
    await reader.change(1000, every=0.01)
    assert reader.pauses()[1:] == [pytest.approx(AT_MOST, abs=0.02)] * (len(reader.taken) - 2)


async def test_the_end_of_a_burst_is_not_waited_out(reader: Reader) -> None:
    reader.cost = 10
    await reader.change(400, every=0.01)
    last = reader.clock.monotonic()
    await reader.clock.advance(5)
    assert reader.taken[-1][1] == 400
    assert reader.taken[-1][0] <= last + 2 * REST


async def wait_for_each_change(reader: Reader) -> None:
    """Make a thousand changes, beyond the credit, each when the one before was seen."""
    await reader.change(15, every=0.01)
    for turn in range(1000):
        await reader.change(1, every=0)
        if turn % 5 == 0:
            await reader.change(1, every=0)  # the echo of an earlier one
        await reader.clock.until(lambda: reader.taken[-1][1] == reader.source.value, at_most=AT_MOST)
        await reader.clock.advance(0.01)


async def test_who_waits_for_each_change_is_hardly_held_up(reader: Reader) -> None:
    """No wait gathers two."""
    await wait_for_each_change(reader)
    assert reader.clock.monotonic() < 1000 * 0.01 + 50 * REST


async def test_a_burst_after_waits_in_vain_is_gathered_again(reader: Reader) -> None:
    await wait_for_each_change(reader)
    before = reader.clock.spent
    await reader.change(1000, every=0.01)
    assert reader.clock.spent - before == pytest.approx(10 * RATE, abs=100 * reader.cost)


async def test_changes_that_come_gathered_are_gathered_while_there_are_more_upstream(reader: Reader) -> None:
    reader.cost = 0.1
    await reader.change(10, every=0.001)
    before = len(reader.taken)
    for _ in range(10):
        reader.source.publish(reader.source.value + 1)
        for _ in range(10):
            reader.upstream.publish(reader.upstream.value + 1)
            await reader.clock.advance(0.02)
    assert len(reader.taken) - before <= 3


async def test_nothing_is_taken_twice(reader: Reader) -> None:
    reader.source.publish(1)
    await reader.clock.advance(10)
    assert reader.taken == [(0.0, 1)]
