"""Wished statuses → status subresources: the newest wish of each object, a few at a time, only while we lead.

An object is attended to when its wish changes and when it was seen to change. What is there is compared with the wish
first, as watched where that is at hand: most of the time nothing differs and nothing is sent, above all not after a
restart or a change of leaders. What others undo again and again is repaired ever more slowly: two controllers must not
fight at full speed.

An object that cannot be written waits, and nobody with it: what answers 500 may be a webhook that minds this one alone.
Only when several of a kind have failed and none was written since, those of this kind take turns, with a pause between
two: who has not failed yet first, the newest of them before all, since the others may have come with those that failed.
The first that is written ends it for those; who has failed goes on waiting, until one that had failed is written. So an
outage, or a permission that is missing, costs the API server a call a second and kind, and ten thousand objects that
cannot be written cost the next one no more than that second.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec
import structlog

from flow.backoff import pause_after
from flow.clock import Clock
from flow.latest import Latest
from flow.race import while_true
from gateway_api.status.types import Body, PolicyStatus, RouteStatus, Statuses, StatusKey
from k8s_apply.api import Conflict, Json, KubeWriter, NotFound
from k8s_apply.fence import NotLeadingError
from k8s_apply.kinds import STATUS
from k8s_apply.status_merge import has_others_entries, merge
from k8s_apply.timestamps import rfc3339
from k8s_apply.workqueue import WorkQueue
from k8s_watch.api import ApiError
from k8s_watch.keys import ObjectKey

log = structlog.get_logger("k8s_apply.status")

ATTEMPTS = 5
"""Reads and writes of one object in a row, before it has to wait its turn again."""
SEVERAL = 4
"""Objects of a kind that fail in a row, from which on it is not their own trouble."""
TURN = ObjectKey("*", "*")
"""Stands in the queue for the next object of a kind that fails; none is called so."""
TURNS_CEILING = 1.0
"""Seconds between two turns, at most."""
REMINDER = 300.0
"""Seconds between two lines about one kind that fails."""
TOO_MANY = 429
REPAIR_FLOOR, REPAIR_CEILING = 1.0, 300.0
"""Seconds between two repairs of a status that somebody else changes: at first, and at most."""
_RANKS = {name: rank for rank, name in enumerate(STATUS)}

type _Place = tuple[str, Body]
"""The uid of an object, and what was wished for it: one that is made again under its name is another place."""
type Observed = Callable[[StatusKey], Json | None]
"""The object as watched, see `k8s_apply.watched`; None when it is not known."""


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


class StatusWriter:
    """Keeps every wished status as it should be, while we lead."""

    def __init__(
        self,
        api: KubeWriter,
        *,
        leading: Latest[bool],
        clock: Clock,
        observed: Observed | None = None,
        in_flight: int = 8,
    ) -> None:
        """Without `observed`, each object is read from the API before it is compared."""
        self.writes = 0
        """How many statuses were written."""
        self.unchanged = 0
        """How many looks at an object ended without anything to write."""
        self.conflicts = 0
        self.failures = 0
        self._api = api
        self._leading = leading
        self._clock = clock
        self._observed = observed or _unknown
        self._in_flight = in_flight
        self._wanted: Statuses = {}
        self._asked: dict[StatusKey, Body] = {}
        """The wish for which a key was last queued: a pass that wishes the same costs nothing."""
        self._placed: dict[StatusKey, _Place] = {}
        """The wish that was last seen to be in place, and where."""
        self._repairs: dict[StatusKey, tuple[int, float]] = {}
        """How often a wish that was in place had to be placed again, and when the next time may be."""
        self._failed: dict[StatusKey, int] = {}
        self._troubles: dict[str, _Trouble] = {}
        """By kind; none once all of it could be written."""
        self._queue: WorkQueue[StatusKey] = WorkQueue(clock)

    @property
    def waiting(self) -> int:
        """How many objects wait to be looked at, those for later included."""
        return len(self._queue) + sum(len(each.fresh) + len(each.again) for each in self._troubles.values())

    def want(self, statuses: Statuses, /, changed: Collection[StatusKey] | None = None) -> None:
        """Make these the wish, all of them. Never blocks; cost: one comparison each, and nothing while not leading.

        With `changed`, the keys at which they differ from those wanted last, only these are compared.
        """
        self._wanted = statuses
        if not self._leading.value:
            return
        for key in _in_order({*self._asked, *statuses} if changed is None else changed):
            body = statuses.get(key)
            known = self._asked.get(key)
            if known is body or known == body:
                continue
            self._forget(key)
            if body is not None:
                self._asked[key] = body
                self._queue.add(key)

    def saw(self, changed: Mapping[str, frozenset[ObjectKey]] | None, /) -> None:
        """Look again at these wished objects, by kind name; at all of them when None. Never blocks."""
        if not self._leading.value:
            return
        if changed is None:
            for key in self._asked:
                self._queue.add(key)
            return
        for kind in changed.keys() & STATUS.keys():
            for name in changed[kind]:
                if (key := StatusKey(kind=kind, key=name)) in self._asked:
                    self._queue.add(key)

    async def run(self) -> None:
        """Write while we lead, until cancelled. Retries conflicts and outages itself."""
        await while_true(self._leading, self._lead)

    async def _lead(self) -> None:
        """Begin with a look at everything: we do not know what an earlier leader has written."""
        self._asked = dict(self._wanted)
        for key in _in_order(self._asked):
            self._queue.add(key)
        try:
            await self._queue.run(self._attend, workers=self._in_flight)
        finally:
            self._queue.clear()
            for remembered in (self._asked, self._placed, self._repairs, self._failed, self._troubles):
                remembered.clear()

    def _forget(self, key: StatusKey) -> None:
        for remembered in (self._asked, self._placed, self._repairs, self._failed):
            remembered.pop(key, None)
        if trouble := self._troubles.get(key.kind):
            trouble.failing.discard(key)
            trouble.fresh.pop(key, None)
            trouble.again.pop(key, None)
            trouble.turn_of = None if trouble.turn_of == key else trouble.turn_of

    async def _attend(self, key: StatusKey) -> float | None:
        """Bring one status to its wish, or have it wait for its turn; return when to look again."""
        if key.key == TURN:
            self._take_turn(key.kind)
            return None
        trouble = self._troubles.get(key.kind)
        if trouble and trouble.turn_of == key:
            trouble.turn_of = None
        elif trouble and len(trouble.row) >= SEVERAL:
            (trouble.again if key in self._failed else trouble.fresh)[key] = None
            self._call_turn(key.kind, trouble)
            return None
        return await self._try(key)

    def _call_turn(self, kind: str, trouble: _Trouble) -> None:
        self._queue.add(StatusKey(kind=kind, key=TURN), trouble.until - self._clock.monotonic())

    def _take_turn(self, kind: str) -> None:
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
        self._call_turn(kind, trouble)

    async def _try(self, key: StatusKey) -> float | None:
        """Bring one status to its wish; return when to look again."""
        try:
            again = await self._bring(key)
        except NotLeadingError:
            return 1.0  # whoever tells us so by `leading` ends this work before that
        except Conflict:
            self.failures += 1
            self._failed[key] = self._failed.get(key, 0) + 1
            return self._pause(key)
        except (ApiError, OSError) as error:
            return self._fail(key, error)
        self._failed.pop(key, None)
        if trouble := self._troubles.get(key.kind):
            trouble.failing.discard(key)
        return again

    async def _bring(self, key: StatusKey) -> float | None:
        """Compare, write, and on a conflict read and compare again. Raises what the API raises.

        A watched object may be older than the real one; only the API server's own word ends in giving up.
        """
        kind, seen = STATUS[key.kind], self._observed(key)
        live = False
        for attempt in range(1, ATTEMPTS + 1):
            if (body := self._wanted.get(key)) is None:
                return None
            if seen is None:
                try:
                    seen, live = await self._api.get(kind, key.key), True
                except NotFound:
                    return None
            merged = merge(seen, body, now=rfc3339(self._clock.now()))
            place = seen["metadata"].get("uid", ""), body
            if merged is None:
                self.unchanged += 1
                self._placed[key] = place
                return None
            if wait := self._wait_before_repair(key, place):
                return wait
            if (
                not live
                and isinstance(body, RouteStatus | PolicyStatus)
                and has_others_entries(seen, body.controller_name)
            ):
                seen = None  # their entries are written back whole: as they are, not as far as we decode them
                continue
            try:
                await self._api.replace_status(kind, key.key, merged)
            except (Conflict, NotFound) as error:
                self.conflicts += isinstance(error, Conflict)
                seen = None
                await self._clock.sleep(pause_after(attempt, self._clock, first=0.02))
            else:
                self.writes += 1
                self._placed[key] = place
                self._works(key)
                return None
        raise Conflict(409, f"{key}: somebody else writes it all the time")

    def _wait_before_repair(self, key: StatusKey, place: _Place) -> float | None:
        """Seconds until a wish that was in place already may be placed again; None when it may be now."""
        if self._placed.get(key) != place:
            self._repairs.pop(key, None)
            return None
        now = self._clock.monotonic()
        count, due = self._repairs.get(key, (0, 0.0))
        if due > now:
            return due - now
        pause = pause_after(count + 1, self._clock, first=REPAIR_FLOOR, most=REPAIR_CEILING)
        self._repairs[key] = count + 1, now + pause
        return pause if count == 0 else None

    def _pause(self, key: StatusKey) -> float:
        """Seconds for which an object waits that failed as often as it did."""
        return pause_after(self._failed[key], self._clock, first=1.0, most=60.0)

    def _fail(self, key: StatusKey, error: ApiError | OSError) -> float:
        """Have one object wait; and its kind, if others of it fare alike. Whose trouble it is, no answer says."""
        self.failures += 1
        at_least = (error.retry_after or 0.0) if isinstance(error, ApiError) else 0.0
        trouble = self._troubles.setdefault(key.kind, _Trouble(told_at=-REMINDER))
        trouble.failing.add(key)
        trouble.row.add(key)
        if len(trouble.row) >= SEVERAL:
            trouble.until = max(trouble.until, self._clock.monotonic() + at_least)
        self._failed[key] = self._failed.get(key, 0) + 1
        self._say(key, trouble, error)
        return max(at_least, self._pause(key))

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
            said = {"kind": key.kind, "object": str(key.key), "waiting": self.waiting}
            log.warning("statuses cannot be written, will retry", **said, error=str(error) or type(error).__name__)

    def _works(self, key: StatusKey) -> None:
        """One was written: the next failure of its kind is news again, and who has not failed yet waits for no turn.
        Nor does anybody, if it had failed itself; else those that have go on as they would alone.
        """
        if (trouble := self._troubles.get(key.kind)) is None:
            return
        trouble.failing.discard(key)
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


def _in_order(keys: Iterable[StatusKey]) -> list[StatusKey]:
    """Classes and Gateways first: they are what people wait for."""
    return sorted(keys, key=lambda key: _RANKS[key.kind])


def _unknown(_: StatusKey) -> None:
    return None
