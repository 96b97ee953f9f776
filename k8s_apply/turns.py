"""Statuses that cannot be written → who is tried next, and when: whoever waits, nobody waits with it.

An object that cannot be written waits alone: what answers 500 may be a webhook that minds this one alone. Only when
several of a kind have failed and none was written since, those of this kind take turns, with a pause between two: who
has not failed yet first, the newest of them before all, since the others may have come with those that failed. The
first that is written ends it for those; who has failed goes on waiting, until one that had failed is written. So an
outage, or a permission that is missing, costs the API server a call a second and kind, and ten thousand objects that
cannot be written cost the next one no more than that second.
"""

from collections import OrderedDict

import msgspec
import structlog

from flow.backoff import pause_after
from flow.clock import Clock
from gateway_api.status.types import StatusKey
from k8s_apply.api import Conflict
from k8s_apply.workqueue import WorkQueue
from k8s_watch.api import ApiError, asked_to_wait
from k8s_watch.keys import ObjectKey

log = structlog.get_logger("k8s_apply.status")

SEVERAL = 4
"""Objects of a kind that fail in a row, from which on it is not their own trouble."""
TURN = ObjectKey("*", "*")
"""Stands in the queue for the next object of a kind that fails; none is called so."""
TURNS_CEILING = 1.0
"""Seconds between two turns, at most."""
REMINDER = 300.0
"""Seconds between two lines about one kind that fails."""
TOO_MANY = 429


class _Trouble(msgspec.Struct):
    """What is the matter with a kind of which the API server could not write every status."""

    told_at: float
    """When it was told of last, monotonic."""
    failing: set[StatusKey] = msgspec.field(default_factory=set)
    """The objects that it could not write."""
    row: set[StatusKey] = msgspec.field(default_factory=set)
    """Those that failed since one of the kind was written."""
    fresh: OrderedDict[StatusKey, None] = msgspec.field(default_factory=OrderedDict)
    """The objects that wait for their first turn, while it is not the objects' own trouble."""
    again: OrderedDict[StatusKey, None] = msgspec.field(default_factory=OrderedDict)
    """Those that wait for another."""
    turn_of: StatusKey | None = None
    """Whose turn it is, until it is attended to."""
    refused: set[int] = msgspec.field(default_factory=set)
    """The codes with which statuses were refused, as it was logged, since one of the kind was written."""
    turns: int = 0
    """How many there were, since one of the kind was written."""
    until: float = 0.0
    """When the next may be, monotonic."""


class Turns:
    """Holds back those of `queue` that have to wait for their turn, and adds each to it when that has come."""

    def __init__(self, queue: WorkQueue[StatusKey], clock: Clock) -> None:
        self.failures = 0
        """Counts failed tries."""
        self._queue = queue
        self._clock = clock
        self._failed: dict[StatusKey, int] = {}
        """How often in a row."""
        self._troubles: dict[str, _Trouble] = {}
        """By kind; none once all of it could be written."""

    @property
    def waiting(self) -> int:
        """How many objects wait for a turn, and are in no queue."""
        return sum(len(each.fresh) + len(each.again) for each in self._troubles.values())

    def forget(self, key: StatusKey) -> None:
        """Nobody wants it any more, or wants something else of it."""
        self._failed.pop(key, None)
        if trouble := self._troubles.get(key.kind):
            trouble.failing.discard(key)
            trouble.fresh.pop(key, None)
            trouble.again.pop(key, None)
            trouble.turn_of = None if trouble.turn_of == key else trouble.turn_of

    def clear(self) -> None:
        """Forget all of them."""
        self._failed.clear()
        self._troubles.clear()

    def may_go(self, key: StatusKey) -> bool:
        """Whether it is to be tried now; what is not is in the queue again when its turn has come."""
        if key.key == TURN:
            self._take(key.kind)
            return False
        trouble = self._troubles.get(key.kind)
        if trouble and trouble.turn_of == key:
            trouble.turn_of = None
        elif trouble and len(trouble.row) >= SEVERAL:
            (trouble.again if key in self._failed else trouble.fresh)[key] = None
            self._call(key.kind, trouble)
            return False
        return True

    def fails(self, key: StatusKey, error: ApiError | OSError) -> float:
        """Have one object wait; and its kind, if others of it fare alike. Whose trouble it is, no answer says. Return
        after how many seconds to try it again.
        """
        self.failures += 1
        self._failed[key] = self._failed.get(key, 0) + 1
        if isinstance(error, Conflict):
            return self._pause(key)
        at_least = asked_to_wait(error)
        trouble = self._troubles.setdefault(key.kind, _Trouble(told_at=-REMINDER))
        trouble.failing.add(key)
        trouble.row.add(key)
        if len(trouble.row) >= SEVERAL:
            trouble.until = max(trouble.until, self._clock.monotonic() + at_least)
        self._say(key, trouble, error)
        return max(at_least, self._pause(key))

    def succeeds(self, key: StatusKey, *, written: bool) -> None:
        """It is as wished, and if it was `written`, so can others be, perhaps."""
        if trouble := self._troubles.get(key.kind):
            trouble.failing.discard(key)
            if written:
                self._release(key, trouble)
        self._failed.pop(key, None)

    def _call(self, kind: str, trouble: _Trouble) -> None:
        self._queue.add(StatusKey(kind=kind, key=TURN), trouble.until - self._clock.monotonic())

    def _take(self, kind: str) -> None:
        """Have one of those that wait attended to, once the one before it has been begun."""
        trouble = self._troubles.get(kind)
        if trouble is None or not (trouble.fresh or trouble.again):
            return
        now = self._clock.monotonic()
        if now >= trouble.until:
            if trouble.turn_of is None:
                key, _ = trouble.fresh.popitem() if trouble.fresh else trouble.again.popitem(last=False)
                trouble.turn_of = key
                self._queue.add(key)
            trouble.turns += 1
            trouble.until = now + pause_after(trouble.turns, self._clock, most=TURNS_CEILING)
        self._call(kind, trouble)

    def _pause(self, key: StatusKey) -> float:
        """Seconds for which an object waits that failed as often as it did."""
        return pause_after(self._failed[key], self._clock, first=1.0, most=60.0)

    def _say(self, key: StatusKey, trouble: _Trouble, error: ApiError | OSError) -> None:
        """A refusal once for each code, anything else now and then."""
        now = self._clock.monotonic()
        if isinstance(error, ApiError) and 400 <= error.code < 500 and error.code != TOO_MANY:
            if self._failed[key] == 1 and error.code not in trouble.refused:
                trouble.refused.add(error.code)  # the next of ten thousand routes says nothing new
                log.error(
                    "status update rejected, will retry; others of this kind are not logged",
                    object=str(key),
                    error=str(error),
                )
        elif now >= trouble.told_at + REMINDER:
            trouble.told_at = now
            waiting = len(self._queue) + self.waiting
            said = {"kind": key.kind, "object": str(key.key), "waiting": waiting}
            log.warning("statuses cannot be written, will retry", **said, error=str(error))

    def _release(self, key: StatusKey, trouble: _Trouble) -> None:
        """One was written: the next failure of its kind is news again, and who has not failed yet waits for no turn.
        Nor does anybody, if it had failed itself; else those that have go on as they would alone.
        """
        trouble.row.clear()
        trouble.refused.clear()
        trouble.turns, trouble.until = 0, 0.0
        for each in trouble.fresh:
            self._queue.add(each)
        for each in trouble.again:
            self._queue.add(each, 0.0 if key in self._failed else self._pause(each))
        trouble.fresh.clear()
        trouble.again.clear()
        if not trouble.failing:
            del self._troubles[key.kind]
            log.info("statuses are written again", kind=key.kind)
