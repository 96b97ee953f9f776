"""Virtual time: a Clock that a test moves, so that nothing in a test ever waits for real."""

import asyncio
import heapq
import itertools
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STEPS = 60
"""Turns of the loop after which everything that needs no time has happened."""


async def settle() -> None:
    """Let everything run that can run without time passing."""
    for _ in range(STEPS):
        await asyncio.sleep(0)


class _Alarm:
    def __init__(self, then: Callable[[], object]) -> None:
        self.is_due = True
        self._then = then

    def ring(self) -> None:
        if self.is_due:
            self.is_due = False
            self._then()

    def cancel(self) -> None:
        self.is_due = False


class VirtualClock:
    """A Clock whose time passes only in `advance` and `until`."""

    def __init__(self, *, chance: float | None = 0.5) -> None:
        self.chance = chance
        """What `jitter` answers, always; None: something else each time, the same in each run."""
        self._dice = random.Random(1)
        self.spent = 0.0
        """What `cpu` answers: tests say what work costs."""
        self.naps: list[float] = []
        """Every sleep that was asked for, in seconds, in order."""
        self._time = 0.0
        self._count = itertools.count()
        self._alarms: list[tuple[float, int, _Alarm]] = []

    @property
    def pending(self) -> int:
        """How many sleeps and alarms are still to end."""
        return sum(alarm.is_due for _, _, alarm in self._alarms)

    def monotonic(self) -> float:
        return self._time

    def now(self) -> float:
        return 1_700_000_000.0 + self._time

    def cpu(self) -> float:
        return self.spent

    def jitter(self) -> float:
        return self._dice.random() if self.chance is None else self.chance

    async def sleep(self, seconds: float, /) -> None:
        self.naps.append(seconds)
        if seconds <= 0:
            return
        woken = asyncio.Event()
        alarm = self.call_later(seconds, woken.set)
        try:
            await woken.wait()
        finally:
            alarm.cancel()

    def call_later(self, seconds: float, then: Callable[[], object], /) -> "_Alarm":
        alarm = _Alarm(then)
        if seconds <= 0:
            asyncio.get_running_loop().call_soon(alarm.ring)
        else:
            heapq.heappush(self._alarms, (self._time + seconds, next(self._count), alarm))
        return alarm

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass; whoever sleeps wakes at its own moment, in order."""
        await settle()
        end = self._time + seconds
        while self._alarms and self._alarms[0][0] <= end:
            await self._ring()
        self._time = end
        await settle()

    @contextmanager
    def unnoticed(self, seconds: float) -> Iterator[None]:
        """In this block it is later, and no sleeper has noticed yet."""
        self._time += seconds
        yield
        self._time -= seconds

    async def pass_slowly(self, seconds: float) -> None:
        """As `advance`, in small steps: what needs many turns of the loop has them."""
        for _ in range(round(seconds * 10)):
            await self.advance(0.1)

    async def until(self, happened: Callable[[], bool], *, at_most: float = 3600.0) -> float:
        """Let time pass from sleeper to sleeper until `happened`; return the seconds that it took."""
        start = self._time
        await settle()
        while not happened():
            if not self._alarms or self._alarms[0][0] > start + at_most:
                raise AssertionError(f"it has not happened within {at_most} s, and nothing else will")
            await self._ring()
        return self._time - start

    async def _ring(self) -> None:
        when, _, alarm = heapq.heappop(self._alarms)
        if alarm.is_due:
            self._time = max(self._time, when)
            alarm.ring()
            await settle()
