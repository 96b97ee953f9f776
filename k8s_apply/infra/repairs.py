"""When may what others changed be set right? At once, but ever later where they change it again and again.

Each repair of a Deployment is a rollout of proxies, and each of a Service may be another load balancer: two controllers
that disagree must not fight at full speed.
"""

from flow.backoff import Backoff
from flow.clock import Clock
from k8s_watch.keys import ObjectKey

FLOOR, CEILING = 1.0, 300.0
"""Seconds between two repairs of one Gateway's objects: at first, and at most."""


class Repairs:
    """Of each Gateway whose objects others change."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pauses: dict[ObjectKey, Backoff] = {}
        self._rests_until: dict[ObjectKey, float] = {}
        """Until when each is left as it is, monotonic."""
        self._called_for: set[ObjectKey] = set()

    def call_for(self, gateway: ObjectKey) -> float:
        """Note that others seem to have changed something of it; return after how many seconds to look at it."""
        self._called_for.add(gateway)
        return max(0.0, self._rests_until.get(gateway, 0.0) - self._clock.monotonic())

    def begin(self, gateway: ObjectKey) -> None:
        """Note that something of it is written: a repair, where one was called for."""
        if gateway not in self._called_for:
            return
        self._called_for.discard(gateway)
        pause = self._pauses.setdefault(
            gateway, Backoff(self._clock, first=FLOOR, most=CEILING, healthy_after=2 * CEILING)
        )
        self._rests_until[gateway] = self._clock.monotonic() + pause.pause()
        pause.healthy()

    def end(self, gateway: ObjectKey) -> None:
        """Note that all of it is as wished, written or not."""
        self._called_for.discard(gateway)

    def forget(self, gateway: ObjectKey) -> None:
        """It is wished for no more."""
        self.end(gateway)
        self._pauses.pop(gateway, None)
        self._rests_until.pop(gateway, None)
