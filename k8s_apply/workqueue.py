"""Keys to attend to → one call of the worker each: coalesced, bounded, delayed, never twice at once.

A key that is added while it waits is attended to once; added while it is attended to, once more afterwards. So the
worker reads the newest wish when its turn comes, and what is remembered is bounded by the number of keys.

Work that takes long, since the API server waits for a webhook for example, keeps no other waiting: it holds no worker
any more. Once as many are slow as there are workers, a key that is added is next, for the old ones may all be of that
sort; after it the oldest and the newest take turns, for it may be the server that is slow, and the first are waited for
the most. Another begins when the one that began last has ended, or after a while that grows with the number of the slow
ones. So those under way are some 20 when each takes 10 seconds, and some 40 at 65 seconds, however many keys there are.
"""

import asyncio
import heapq
import itertools
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable

from flow.clock import Clock
from flow.latest import Latest
from flow.race import within

SLOW = 0.5
"""Seconds from which on work is slow."""
PAUSE = 0.05
"""Seconds to wait before another begins, for each one that is slow."""

type Work[K] = Callable[[K], Awaitable[float | None]]
"""Attends to a key. Returns after how many seconds it wants it again; None: only when somebody adds it."""


class WorkQueue[K: Hashable]:
    """First in, first out, but keys that were added for later, as after a failure, give way to those added for now.
    `add` and `clear` may be called at any time, from the loop's thread.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ready: OrderedDict[K, None] = OrderedDict()
        """No plain dict: to find the first of one whose first ones were deleted takes ever longer."""
        self._later: OrderedDict[K, None] = OrderedDict()
        """Those whose time has come."""
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        """Entries that differ from `_due` are stale."""
        self._is_newest_next = False
        """Whose turn it is, of the oldest and the newest."""
        self._order = itertools.count()
        self._busy: dict[K, float] = {}
        """When the work on each began, the oldest first."""
        self._alarm = math.inf
        """When the bell rings because somebody has become slow, monotonic."""
        self._bell: Latest[int] = Latest(0)

    def __len__(self) -> int:
        """How many keys wait, those for later included."""
        return len(self._ready) + len(self._later) + len(self._due)

    def add(self, key: K, after: float = 0.0) -> None:
        """Have the key attended to, `after` seconds from now; if it waits already, the sooner of the two."""
        if key in self._ready:
            return
        if after <= 0:
            self._due.pop(key, None)
            self._later.pop(key, None)
            self._ready[key] = None
            self._is_newest_next = True
        elif key in self._later:
            return
        else:
            due = self._clock.monotonic() + after
            if self._due.get(key, due) < due:
                return
            self._due[key] = due
            heapq.heappush(self._heap, (due, next(self._order), key))
        self._ring()

    def clear(self) -> None:
        """Forget all that waits."""
        self._ready.clear()
        self._later.clear()
        self._due.clear()
        self._heap.clear()

    async def run(self, work: Work[K], *, workers: int) -> None:
        """Attend to keys, `workers` at a time, until cancelled. What `work` raises ends it all."""
        self._busy.clear()
        self._alarm = math.inf
        async with asyncio.TaskGroup() as tasks:
            while True:
                key = await self._next(workers, tasks)
                self._busy[key] = self._clock.monotonic()
                tasks.create_task(self._attend(key, work))

    async def _attend(self, key: K, work: Work[K]) -> None:
        try:
            again = await work(key)
        finally:
            self._busy.pop(key, None)
        if again is not None:
            self.add(key, again)
        if self._ready or self._later:  # there is a place free now, and this key may be attended to again
            self._ring()

    async def _next(self, workers: int, tasks: asyncio.TaskGroup) -> K:
        """Wait for a key that is due and for a place to attend to it."""
        while True:
            rung = self._bell.version
            wait = self._promote()
            now = self._clock.monotonic()
            slow = sum(began + SLOW <= now for began in self._busy.values())
            if (key := self._first_free(newest=slow >= workers and self._is_newest_next)) is not None:
                if (place := self._place(workers, slow)) <= now:
                    self._is_newest_next = not self._is_newest_next
                    self._ready.pop(key, None)
                    self._later.pop(key, None)
                    return key
                if place < self._alarm:
                    self._alarm = place
                    tasks.create_task(self._ring_at(place))
            try:
                changed = self._bell.newer_than(rung)
                await (changed if wait is None else within(wait, changed, self._clock))
            except TimeoutError:
                continue

    def _place(self, workers: int, slow: int) -> float:
        """When there is a place to attend to another key, if nothing ends before that, monotonic."""
        began = list(self._busy.values())
        if slow >= workers:
            return began[-1] + PAUSE * slow
        return -math.inf if len(began) - slow < workers else began[slow] + SLOW

    def _ring(self) -> None:
        self._bell.publish(self._bell.value + 1)

    async def _ring_at(self, moment: float) -> None:
        await self._clock.sleep(moment - self._clock.monotonic())
        if self._alarm == moment:
            self._alarm = math.inf
        self._ring()

    def _first_free(self, *, newest: bool) -> K | None:
        added = reversed(self._ready) if newest else self._ready
        return next((key for keys in (added, self._later) for key in keys if key not in self._busy), None)

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
                self._later[key] = None
            else:
                return due - now
        return None
