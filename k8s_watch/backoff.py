"""How long to wait before the next try: growing, spread out, forgotten after a time of health."""

from flow.clock import Clock


class Backoff:
    """Pauses of `first` seconds, doubling up to `most`, each shortened by chance to no less than half.

    Health has to last `healthy_after` seconds before the next failure counts as a first one: a server that answers and
    breaks, over and over, is not hammered.
    """

    def __init__(self, clock: Clock, *, first: float = 0.2, most: float = 30.0, healthy_after: float = 10.0) -> None:
        self._clock = clock
        self._first = first
        self._most = most
        self._healthy_after = healthy_after
        self._next = first
        self._well_since: float | None = None

    def healthy(self) -> None:
        """Note that something worked."""
        if self._well_since is None:
            self._well_since = self._clock.monotonic()

    @property
    def has_lasted(self) -> bool:
        """Whether things have worked for `healthy_after` seconds without a failure."""
        return self._well_since is not None and self._clock.monotonic() - self._well_since >= self._healthy_after

    def pause(self) -> float:
        """Note a failure and return the seconds to wait before trying again."""
        if self.has_lasted:
            self._next = self._first
        self._well_since = None
        now, self._next = self._next, min(self._next * 2, self._most)
        return now * (0.5 + 0.5 * self._clock.jitter())
