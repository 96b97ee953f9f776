"""Keys to attend to → one call of the worker each: coalesced, bounded, delayed, never twice at once.

A key that is added while it waits is attended to once; added while it is attended to, once more afterwards. So the
worker reads the newest wish when its turn comes, and what is remembered is bounded by the number of keys.
"""

import asyncio
import heapq
import itertools
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable

from flow.clock import Clock
from flow.latest import Latest
from flow.race import within

type Work[K] = Callable[[K], Awaitable[float | None]]
"""Attends to a key. Returns after how many seconds it wants it again; None: only when somebody adds it."""


class WorkQueue[K: Hashable]:
    """First in, first out. `add` and `clear` may be called at any time, from the loop's thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ready: OrderedDict[K, None] = OrderedDict()
        """No plain dict: to find the first of one whose first ones were deleted takes ever longer."""
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        """Entries that differ from `_due` are stale."""
        self._order = itertools.count()
        self._busy: set[K] = set()
        self._bell: Latest[int] = Latest(0)

    def __len__(self) -> int:
        """How many keys wait, those for later included."""
        return len(self._ready) + len(self._due)

    def add(self, key: K, after: float = 0.0) -> None:
        """Have the key attended to, `after` seconds from now; if it waits already, the sooner of the two."""
        if key in self._ready:
            return
        if after <= 0:
            self._due.pop(key, None)
            self._ready[key] = None
        else:
            due = self._clock.monotonic() + after
            if self._due.get(key, due) < due:
                return
            self._due[key] = due
            heapq.heappush(self._heap, (due, next(self._order), key))
        self._bell.publish(self._bell.value + 1)

    def clear(self) -> None:
        """Forget all that waits."""
        self._ready.clear()
        self._due.clear()
        self._heap.clear()

    async def run(self, work: Work[K], *, workers: int) -> None:
        """Attend to keys, `workers` at a time, until cancelled. What `work` raises ends it all."""
        self._busy.clear()
        async with asyncio.TaskGroup() as tasks:
            while True:
                key = await self._next(workers)
                self._busy.add(key)
                tasks.create_task(self._attend(key, work))

    async def _attend(self, key: K, work: Work[K]) -> None:
        try:
            again = await work(key)
        finally:
            self._busy.discard(key)
        if again is not None:
            self.add(key, again)
        if self._ready:  # there is a place free now, and this key may be attended to again
            self._bell.publish(self._bell.value + 1)

    async def _next(self, workers: int) -> K:
        """Wait for a key that is due and for a place to attend to it."""
        while True:
            rung = self._bell.version
            wait = self._promote()
            if len(self._busy) < workers and (key := self._first_free()) is not None:
                del self._ready[key]
                return key
            try:
                changed = self._bell.newer_than(rung)
                await (changed if wait is None else within(wait, changed, self._clock))
            except TimeoutError:
                continue

    def _first_free(self) -> K | None:
        return next((key for key in self._ready if key not in self._busy), None)

    def _promote(self) -> float | None:
        """Make ready what is due; return the seconds until the next is, None when nothing waits for its time."""
        now = self._clock.monotonic()
        while self._heap:
            due, _, key = self._heap[0]
            if self._due.get(key) != due:
                heapq.heappop(self._heap)
            elif due <= now:
                heapq.heappop(self._heap)
                del self._due[key]
                self._ready[key] = None
            else:
                return due - now
        return None


def backoff(failures: int, jitter: float, *, floor: float = 0.2, ceiling: float = 30.0) -> float:
    """Seconds to wait after so many failures in a row, from 1: doubling, capped, the upper half jittered."""
    return float(min(ceiling, floor * 2 ** min(failures - 1, 16)) * (0.5 + jitter / 2))
