"""One wished status → its subresource: compared with what is there, merged into it, written where it differs.

What is there is as watched where that is at hand: most of the time nothing differs and nothing is sent, above all not
after a restart or a change of leaders. What others undo again and again is repaired ever more slowly: two controllers
must not fight at full speed.
"""

from collections.abc import Callable
from typing import NamedTuple

from flow.backoff import pause_after
from flow.clock import Clock
from gateway_api.status.types import Body, PolicyStatus, RouteStatus, StatusKey
from k8s_apply.api import Conflict, Json, KubeWriter, NotFound
from k8s_apply.kinds import STATUS
from k8s_apply.status_merge import has_others_entries, merge
from k8s_apply.timestamps import rfc3339
from k8s_apply.watched import Reported

ATTEMPTS = 5
"""Reads and writes of one object in a row, before it has to wait its turn again."""
REPAIR_FLOOR, REPAIR_CEILING = 1.0, 300.0
"""Seconds between two repairs of a status that somebody else changes: at first, and at most."""

type _Place = tuple[str, Body]
"""The uid of an object, and what was wished for it: one that is made again under its name is another place."""
type Observed = Callable[[StatusKey], Json | None]
"""The object as watched, see `k8s_apply.watched`; None when it is not known: then it is read."""


class Update(NamedTuple):
    """How a look at an object ended."""

    written: bool = False
    again: float | None = None
    """Seconds after which to look again; None when that is not called for."""


class StatusUpdates:
    """Brings statuses to their wishes, each when asked to."""

    def __init__(
        self, api: KubeWriter, *, clock: Clock, observed: Observed, wished: Callable[[StatusKey], Body | None]
    ) -> None:
        """`wished` is asked before every try: the newest wish counts, and without one nothing is written."""
        self.writes = 0
        """How many statuses were written."""
        self.unchanged = 0
        """How many looks at an object ended without anything to write."""
        self.conflicts = 0
        """How often an object was another when we wrote it than when we read it."""
        self._api = api
        self._clock = clock
        self._observed = observed
        self._wished = wished
        self._placed: dict[StatusKey, _Place] = {}
        """The wish that was last seen to be in place, and where."""
        self._versions: dict[StatusKey, str] = {}
        """The newest version of the object in which that is known to be so."""
        self._repairs: dict[StatusKey, tuple[int, float]] = {}
        """How often a wish that was in place had to be placed again, and when the next time may be."""

    def forget(self, key: StatusKey) -> None:
        """Let its next wish be the first."""
        self._placed.pop(key, None)
        self._versions.pop(key, None)
        self._repairs.pop(key, None)

    def clear(self) -> None:
        """Forget all of them."""
        self._placed.clear()
        self._versions.clear()
        self._repairs.clear()

    def saw(self, key: StatusKey, before: Reported | None, now: Reported | None) -> bool:
        """Note what an object was in one snapshot and is in the next; return whether that calls for a look at it: not
        where our wish was in place, and nobody touched the status since.
        """
        known = self._versions.get(key)
        if known is None or before is None or now is None:
            return True
        untouched = before.metadata.uid == now.metadata.uid and before.status == now.status
        if known != now.metadata.resource_version and not (known == before.metadata.resource_version and untouched):
            return True
        self._versions[key] = now.metadata.resource_version
        return False

    async def bring(self, key: StatusKey) -> Update:
        """Compare, write, and on a conflict read and compare again. Raises what the API raises, `Conflict` when
        somebody else is faster time and again.

        A watched object may be older than the real one; only the API server's own word ends in giving up.
        """
        kind, seen = STATUS[key.kind], self._observed(key)
        live = False
        for attempt in range(1, ATTEMPTS + 1):
            if (body := self._wished(key)) is None:
                return Update()
            if seen is None:
                try:
                    seen, live = await self._api.get(kind, key.key), True
                except NotFound:
                    return Update()
            merged = merge(seen, body, now=rfc3339(self._clock.now()))
            place = seen["metadata"].get("uid", ""), body
            if merged is None:
                self.unchanged += 1
                self._placed[key], self._versions[key] = place, seen["metadata"].get("resourceVersion", "")
                return Update()
            if wait := self._wait_before_repair(key, place):
                return Update(again=wait)
            if (
                not live
                and isinstance(body, RouteStatus | PolicyStatus)
                and has_others_entries(seen, body.controller_name)
            ):
                seen = None  # their entries are written back whole: as they are, not as far as we decode them
                continue
            try:
                version = await self._api.replace_status(kind, key.key, merged)
            except (Conflict, NotFound) as error:
                self.conflicts += isinstance(error, Conflict)
                seen = None
                await self._clock.sleep(pause_after(attempt, self._clock, first=0.02))
            else:
                self.writes += 1
                self._placed[key], self._versions[key] = place, version
                return Update(written=True)
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
