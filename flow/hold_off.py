"""Hold-off: changes go at once while that costs little, and are gathered when they come faster than we can afford."""

from collections.abc import Callable
from typing import Any

import msgspec

from flow.clock import Clock
from flow.latest import Latest


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader of changes may spend, in a unit of the meter's: a token bucket."""

    rate: float
    """Units a second, for ever."""
    credit: float
    """Units that may be spent at once after a time without changes."""
    at_most: float
    """Seconds that a change waits at most, however much was spent."""
    rest: float = 0.05
    """Seconds without a change that end the wait: there is nothing more to gather."""


WORTH_A_WAIT = 2
"""Changes that a wait has to gather beside the one that began it: one may be the echo of what was handed out before."""

MOST_AT_ONCE = 63
"""Changes in a row that go at once, debt or not, after waits in vain."""


class HoldOff[T]:
    """Hands the values of `source` to one reader, as fast as its allowance lets it.

    `spent` is a meter that only grows: CPU seconds, or a count of what was done. Whoever has something left gets a
    change at once. Whoever is in debt waits until it is paid, and then gets the newest value: the fewer readings the
    dearer they are. A change that is only gathered wakes nobody.

    To wait saves only what is gathered meanwhile. Who makes a change, and the next one when it sees the effect of the
    first, is slowed down by a wait and never merged. So after a wait in vain the next change goes at once, after
    another the next three, and so on; one that is worth it begins anew.
    """

    def __init__(
        self,
        source: Latest[T],
        allowance: Allowance,
        spent: Callable[[], float],
        clock: Clock,
        *,
        upstream: Latest[Any] | None = None,
    ) -> None:
        """`upstream` is what `source` follows, if that gathers too: it rests only when both do."""
        self._source = source
        self._upstream = upstream
        self._allowance = allowance
        self._spent = spent
        self._clock = clock
        self._version = 0
        self._left = allowance.credit
        self._metered: tuple[float, float] | None = None
        """What was spent when; None before the second value: the first is of a whole world, for which nobody owes, nor
        for what came before it."""
        self._at_once = 0
        """Changes that go at once all the same."""
        self._after_vain = 0
        """What that was after the last wait, if it was in vain."""

    async def next(self) -> T:
        """Wait for a value newer than the last one handed out, and until we can afford it. Cancel-safe."""
        await self._source.newer_than(self._version)
        if self._version:
            self._settle()
        if self._left < 0 and self._at_once:
            self._at_once -= 1
        elif self._left < 0:
            await self._hold()
        self._version = self._source.version
        return self._source.value

    def _settle(self) -> None:
        """Bring what is left up to date. Debts that no wait would pay are let off."""
        allowance, now = self._allowance, (self._spent(), self._clock.monotonic())
        (spent, since), self._metered = self._metered or now, now
        left = self._left - (now[0] - spent) + (now[1] - since) * allowance.rate
        self._left = max(-allowance.at_most * allowance.rate, min(left, allowance.credit))

    async def _hold(self) -> None:
        moves = self._moves()
        await self._gather(self._clock.monotonic() - self._left / self._allowance.rate)
        in_vain = self._moves() - moves < WORTH_A_WAIT
        self._at_once = self._after_vain = min(2 * self._after_vain + 1, MOST_AT_ONCE) if in_vain else 0

    async def _gather(self, until: float) -> None:
        """Sleep until then, or through a rest, whichever ends first."""
        while (left := until - self._clock.monotonic()) > 0:
            moves = self._moves()
            await self._clock.sleep(min(left, self._allowance.rest))
            if self._moves() == moves:
                return

    def _moves(self) -> int:
        return self._source.version + (self._upstream.version if self._upstream else 0)
