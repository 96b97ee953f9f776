"""Wished statuses → status subresources: the newest wish of each object, a few at a time, only while we lead.

An object is attended to when its wish changes and when it was seen to change. What is there is compared with the wish
first, as watched where that is at hand: most of the time nothing differs and nothing is sent, above all not after a
restart or a change of leaders. What others undo again and again is repaired ever more slowly: two controllers must not
fight at full speed.

An object that cannot be written waits, and nobody with it: what answers 500 may be a webhook that minds this one alone.
Only when several of a kind have failed and none was written since, those of this kind are attended to one at a time,
with a pause between, who has not failed yet first: the first that is written ends it. So an outage costs the API server
a call a second and kind, and ten thousand objects that cannot be written cost the next one no more than that second.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec
import structlog

from flow.clock import Clock
from flow.latest import Latest
from flow.race import while_true
from gateway_api.status.types import Body, PolicyStatus, RouteStatus, Statuses, StatusKey
from k8s_apply.api import Conflict, Json, KubeWriter, NotFound
from k8s_apply.fence import NotLeadingError
from k8s_apply.kinds import STATUS
from k8s_apply.status_merge import has_others_entries, merge
from k8s_apply.timestamps import rfc3339
from k8s_apply.workqueue import WorkQueue, backoff
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
FORBIDDEN = 403
REPAIR_FLOOR, REPAIR_CEILING = 1.0, 300.0
"""Seconds between two repairs of a status that somebody else changes: at first, and at most."""
_RANKS = {name: rank for rank, name in enumerate(STATUS)}

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
    turns: int = 0
    """How many failed."""
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
        self._placed: dict[StatusKey, Body] = {}
        """The wish that was last seen to be in place."""
        self._repairs: dict[StatusKey, tuple[int, float]] = {}
        """How often a wish that was in place had to be placed again, and when the next time may be."""
        self._failed: dict[StatusKey, int] = {}
        self._troubles: dict[str, _Trouble] = {}
        """By kind; none once all of it could be written."""
        self._refused: dict[str, set[int]] = {}
        """Kind → the codes with which its statuses were refused, as it was logged, since one of them was written."""
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
            for remembered in (self._asked, self._placed, self._repairs, self._failed, self._refused, self._troubles):
                remembered.clear()

    def _forget(self, key: StatusKey) -> None:
        for remembered in (self._asked, self._placed, self._repairs, self._failed):
            remembered.pop(key, None)
        if trouble := self._troubles.get(key.kind):
            trouble.failing.discard(key)
            trouble.fresh.pop(key, None)
            trouble.again.pop(key, None)

    async def _attend(self, key: StatusKey) -> float | None:
        """Bring one status to its wish, or have it wait for its turn; return when to look again."""
        if key.key == TURN:
            return await self._take_turn(key.kind)
        trouble = self._troubles.get(key.kind)
        if trouble is None or len(trouble.row) < SEVERAL:
            return await self._try(key)
        (trouble.again if key in self._failed else trouble.fresh)[key] = None
        self._queue.add(StatusKey(kind=key.kind, key=TURN), trouble.until - self._clock.monotonic())
        return None

    async def _take_turn(self, kind: str) -> float | None:
        """Attend to one of those that wait; return when the next turn is."""
        trouble = self._troubles.get(kind)
        waiting = trouble and (trouble.fresh or trouble.again)
        if not trouble or not waiting:
            return None
        if (left := trouble.until - self._clock.monotonic()) > 0:
            return left
        key, _ = waiting.popitem(last=False)
        if (again := await self._try(key)) is not None:
            self._queue.add(key, again)
        return max(trouble.until - self._clock.monotonic(), 0.0)

    async def _try(self, key: StatusKey) -> float | None:
        """Bring one status to its wish; return when to look again."""
        try:
            again = await self._bring(key)
        except NotLeadingError:
            return 1.0  # whoever tells us so by `leading` ends this work before that
        except Conflict:
            return self._retry_alone(key, None)
        except ApiError as error:
            if error.code == 429 or error.code >= 500:
                return self._fail(key, error, error.retry_after or 0.0)
            return self._retry_alone(key, error)
        except OSError as error:
            return self._fail(key, error, 0.0)
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
            if merged is None:
                self.unchanged += 1
                self._placed[key] = body
                return None
            if wait := self._wait_before_repair(key, body):
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
                await self._clock.sleep(backoff(attempt, self._clock.jitter(), floor=0.02))
            else:
                self.writes += 1
                self._placed[key] = body
                self._works(key)
                return None
        raise Conflict(409, f"{key}: somebody else writes it all the time")

    def _wait_before_repair(self, key: StatusKey, body: Body) -> float | None:
        """Seconds until a wish that was in place already may be placed again; None when it may be now."""
        if self._placed.get(key) != body:
            return None
        now = self._clock.monotonic()
        count, due = self._repairs.get(key, (0, 0.0))
        if due > now:
            return due - now
        pause = backoff(count + 1, self._clock.jitter(), floor=REPAIR_FLOOR, ceiling=REPAIR_CEILING)
        self._repairs[key] = count + 1, now + pause
        return pause if count == 0 else None

    def _fail(self, key: StatusKey, error: Exception, at_least: float) -> float:
        """Have one object wait; and its kind, if others of it fare alike. Whose trouble it is, no answer says."""
        self.failures += 1
        failures = self._failed[key] = self._failed.get(key, 0) + 1
        now = self._clock.monotonic()
        trouble = self._troubles.setdefault(key.kind, _Trouble(told_at=-REMINDER))
        trouble.failing.add(key)
        trouble.row.add(key)
        if len(trouble.row) >= SEVERAL:
            trouble.turns += 1
            pause = backoff(trouble.turns, self._clock.jitter(), ceiling=TURNS_CEILING)
            trouble.until = now + max(at_least, pause)
        if now >= trouble.told_at + REMINDER:
            trouble.told_at = now
            said = {"kind": key.kind, "object": str(key.key), "waiting": self.waiting}
            log.warning("statuses cannot be written, will retry", **said, error=str(error) or type(error).__name__)
        return max(at_least, backoff(failures, self._clock.jitter(), floor=1.0, ceiling=60.0))

    def _retry_alone(self, key: StatusKey, error: ApiError | None) -> float:
        """Have one object wait, because the trouble is its own or its kind's; the others go on."""
        self.failures += 1
        failures = self._failed[key] = self._failed.get(key, 0) + 1
        if error and failures == 1 and error.code not in (said := self._refused.setdefault(key.kind, set())):
            said.add(error.code)  # the next of ten thousand routes says nothing new
            log.error(
                "status update rejected, will retry; others of this kind are not logged",
                object=str(key),
                error=str(error),
            )
        return backoff(failures, self._clock.jitter(), floor=1.0, ceiling=60.0)

    def _works(self, key: StatusKey) -> None:
        """One was written: the next failure of its kind is news again, and nobody of it waits for a turn."""
        if trouble := self._troubles.get(key.kind):
            trouble.failing.discard(key)
            trouble.row.clear()
            trouble.turns, trouble.until = 0, 0.0
            for waiting in (trouble.fresh, trouble.again):
                for each in waiting:
                    self._queue.add(each)
                waiting.clear()
            if not trouble.failing:
                del self._troubles[key.kind]
                log.info("statuses are written again", kind=key.kind)
        if FORBIDDEN in self._refused.pop(key.kind, ()):
            log.info("statuses of this kind are written again", kind=key.kind)


def _in_order(keys: Iterable[StatusKey]) -> list[StatusKey]:
    """Classes and Gateways first: they are what people wait for."""
    return sorted(keys, key=lambda key: _RANKS[key.kind])


def _unknown(_: StatusKey) -> None:
    return None
