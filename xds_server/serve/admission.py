"""How many new streams a second. A herd that comes back at once is let in one after the other, not turned away."""

import msgspec

from flow.clock import Clock


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
    """First come, first served. Holds one number, however many wait."""

    def __init__(self, rate: AdmissionRate, clock: Clock) -> None:
        self._rate = rate
        self._clock = clock
        self._free_at = clock.monotonic() - rate.burst / rate.per_second

    async def enter(self) -> None:
        """Wait for a turn. Raises `Overloaded` at once when that would take too long."""
        now = self._clock.monotonic()
        turn = max(self._free_at, now - self._rate.burst / self._rate.per_second) + 1 / self._rate.per_second
        if turn - now > self._rate.longest_wait:
            raise Overloaded
        self._free_at = turn
        if turn > now:
            await self._clock.sleep(turn - now)
