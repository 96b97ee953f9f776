"""How many new streams a second. A herd that comes back at once is let in one after the other, not turned away.

One Gateway's herd, or whoever has its certificate and comes again and again, makes no other's proxies wait for more
than a turn each.
"""

import asyncio
from weakref import WeakValueDictionary

import msgspec

from flow.clock import Clock
from k8s_watch.keys import ObjectKey


class Overloaded(Exception):
    """Too many wait already."""


class AdmissionRate(msgspec.Struct, frozen=True, kw_only=True):
    """A token bucket."""

    per_second: float = 200.0
    """New streams a second, once the burst is used up."""
    burst: float = 100.0
    """New streams that come in at once."""
    longest_wait: float = 5.0
    """Seconds that a stream may wait for its turn; who would wait longer is told to come back."""


class Admission:
    """Turns go round among the Gateways whose proxies wait; first come, first served among those of one. Who leaves
    while waiting takes no turn.
    """

    def __init__(self, rate: AdmissionRate, clock: Clock) -> None:
        self._rate = rate
        self._clock = clock
        self._free_at = clock.monotonic() - rate.burst / rate.per_second
        self._lines: WeakValueDictionary[ObjectKey | None, _Line] = WeakValueDictionary()
        """Each as long as somebody waits in it."""
        self._door = asyncio.Lock()
        """At it stands the first of each line."""

    async def enter(self, gateway: ObjectKey | None) -> None:
        """Wait for a turn. Raises `Overloaded` at once when that would take too long, as things stand.

        `gateway` is whose proxy enters; None where clients show no certificate. Cancel-safe.
        """
        line = self._lines.setdefault(gateway, _Line())
        now = self._clock.monotonic()
        before = sum(min(other.waiting, line.waiting + 1) for other in self._lines.values())
        if self._turn(now, before + 1) - now > self._rate.longest_wait:
            raise Overloaded
        line.waiting += 1
        try:
            async with line.lock, self._door:
                now = self._clock.monotonic()
                turn = self._turn(now, 1)
                if turn > now:
                    await self._clock.sleep(turn - now)
                self._free_at = turn
        finally:
            line.waiting -= 1

    def _turn(self, now: float, place: int) -> float:
        """When the turn of who has this place comes, the first being 1."""
        return max(self._free_at, now - self._rate.burst / self._rate.per_second) + place / self._rate.per_second


class _Line:
    """Who waits, of one Gateway."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.waiting = 0
