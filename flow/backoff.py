"""How long to wait before the next try: growing, spread out by chance, forgotten after a time of health."""

from flow.clock import Clock

FIRST = 0.2
MOST = 30.0
"""Seconds, where nobody says otherwise."""
DOUBLINGS = 16
"""At most: numbers stay small however often something fails."""


def pause_after(failures: int, clock: Clock, *, first: float = FIRST, most: float = MOST) -> float:
    """Seconds to wait after so many failures in a row, from 1: `first`, doubling up to `most`, each shortened by chance
    to no less than half.
    """
    return min(first * 2.0 ** min(failures - 1, DOUBLINGS), most) * (0.5 + clock.jitter() / 2)


class Backoff:
    """`pause_after` the failures of one thing, which count anew once it was well for `healthy_after` seconds: a server
    that answers and breaks, over and over, is not hammered.
    """

    def __init__(self, clock: Clock, *, first: float = FIRST, most: float = MOST, healthy_after: float = 10.0) -> None:
        self._clock = clock
        self._first = first
        self._most = most
        self._healthy_after = healthy_after
        self._failures = 0
        self._well_since: float | None = None

    @property
    def failures(self) -> int:
        """How many count, as of the last `pause`."""
        return self._failures

    def healthy(self) -> None:
        """Note that it works, from now on if not before, and until `pause` is called."""
        if self._well_since is None:
            self._well_since = self._clock.monotonic()

    def pause(self) -> float:
        """Note a failure and return the seconds to wait before trying again."""
        if self._well_since is not None and self._clock.monotonic() - self._well_since >= self._healthy_after:
            self._failures = 0
        self._well_since = None
        self._failures += 1
        return pause_after(self._failures, self._clock, first=self._first, most=self._most)
