"""All kinds of one cluster → ClusterSnapshot. The one door out of this folder.

What is guaranteed:

* No snapshot before every kind has been listed once. An optional kind whose CRD is missing counts as listed, and empty,
  after a while, as does one that we are not allowed to read, unless it is essential (`trouble.py` has how long,
  `kinds.py` which). Once all others are there, it is looked at once more: what kept them away may have kept it, too.
* Later failures of any sort change no snapshot: what was read last stays in force, until a list says otherwise.
* A change of nothing but a status may be announced `STATUS_ONLY` seconds late: most are our own words come back, and
  the next change that somebody waits for brings them along.
* A snapshot holds, for each kind, a state that the server had. Between kinds there is no such order: a route may be
  seen before the Service that was made before it. After an outage, which may have hidden minutes of changes, those of
  the kinds that are back wait for the others, `RETURN` seconds at most.

To watch some namespaces only, a reader that lists and watches each of them is all that changes: `HttpReader` is the
place, this file would not notice.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec
import structlog

from flow.clock import Alarm, Clock
from flow.latest import Latest, reached
from flow.race import newer_within, within
from k8s_watch import kinds as known_kinds
from k8s_watch.api import KubeReader
from k8s_watch.informer import Informer, KindHealth
from k8s_watch.keys import AnyKind, ObjectKey
from k8s_watch.slices import SliceIndex
from k8s_watch.snapshot import FIELDS, ClusterSnapshot
from k8s_watch.store import Change

SLICES = known_kinds.ENDPOINT_SLICE.name

STATUS_ONLY = 0.5
"""Seconds that a change of nothing but a status waits at most for one that is more urgent."""
RETURN = 2.0
"""Seconds that changes wait at most, from when the first kind is read again, for the others that cannot be yet."""
BEHIND = 0.1
"""Seconds after a watch's first word in which what it missed comes."""
PATIENCE = 10.0
"""Seconds for which `catch_up` waits for a kind that is not decisive."""

log = structlog.get_logger("k8s_watch.cluster")


class Cluster:
    """A `snapshot.Source` that reads a Kubernetes API server."""

    def __init__(self, api: KubeReader, *, clock: Clock, kinds: Sequence[AnyKind] = known_kinds.ALL) -> None:
        self._clock = clock
        self._revision = Latest(0)
        self._recovered = recovered = Latest(0)
        """Counts kinds that are read again; what is beyond `_together` may be the first of several."""
        self._together = 0
        self._whole = Latest(initial=False)
        """Whether every kind has been listed once, or counts as empty."""
        self._informers: Mapping[str, Informer[Any]] = {
            kind.name: Informer(kind, api, clock=clock, changed=self._listener(kind), recovered=recovered)
            for kind in kinds
        }
        self._slices = SliceIndex()
        self._dirty: dict[str, set[ObjectKey]] = {}
        self._unhurried: Alarm | None = None
        """Announces what was not at once, unless a snapshot has it before."""
        self._rejected = True
        """Whether what is rejected may differ from the last snapshot's."""
        self._last: ClusterSnapshot | None = None

    @property
    def revision(self) -> Latest[int]:
        """Counts changes; 0 until every kind has been listed once."""
        return self._revision

    async def run(self) -> None:
        """Watch every kind until cancelled. A kind that cannot be read never stops another."""
        async with asyncio.TaskGroup() as tasks:
            for informer in self._informers.values():
                tasks.create_task(informer.run(), name=f"watch {informer.kind.name}")
            tasks.create_task(self._announcing_the_first(), name="first")
            tasks.create_task(self._announcing_together(), name="returning")

    async def catch_up(self, decisive: Collection[str]) -> int:
        """Return once what we hold is no older than this call: the revision from which on `snapshot` shows it.

        Of the kinds named in `decisive` that is proven, by a list, however long it takes. So it is of every kind that
        fits in a page, which costs no more than to open its watch anew. Of larger ones only the watch is opened: what
        we missed comes right behind its first word, and to list 40,000 routes takes seconds. Who is in trouble is tried
        at once, and not waited for longer than `PATIENCE`, unless it is decisive. Needs `run` beside it; cancel-safe.
        """
        async with asyncio.TaskGroup() as tasks:
            for name, informer in self._informers.items():
                if name in decisive:
                    tasks.create_task(informer.renew(relist=True), name=f"renew {name}")
                else:
                    tasks.create_task(self._renew_in_time(informer), name=f"renew {name}")
        if self._revision.value and self._dirty:
            self._announce()  # whatever it may have been waiting for
        return max(self._revision.value, 1)

    async def _renew_in_time(self, informer: Informer[Any]) -> None:
        # A first list that is under way is left alone: it has begun just now, and may be a long one.
        relist = informer.store.synced and len(informer.store) <= informer.kind.page
        try:
            await within(PATIENCE, informer.renew(relist=relist), self._clock)
        except TimeoutError:
            log.warning("kind may be out of date", kind=informer.kind.name, error=informer.health.error)

    def health(self) -> tuple[KindHealth, ...]:
        """Return how reading each kind goes right now, in the order of the kinds."""
        return tuple(informer.health for informer in self._informers.values())

    def get(self, kind: str, key: ObjectKey) -> Any | None:
        """Return an object as it was seen last, even if no snapshot has it yet; raises `KeyError` for another kind."""
        return self._informers[kind].store.objects().get(key)

    def snapshot(self) -> ClusterSnapshot:
        """Return the present state; the same object as last time when nothing changed.

        Cost: follows what changed since the last call. Raises `RuntimeError` while `revision` is 0:
        half a world must not be served.
        """
        if self._revision.value == 0:
            raise RuntimeError("no snapshot before every kind has been listed: await revision.newer_than(0)")
        if self._last is None:
            self._last = self._first()
        elif news := self._news():
            self._last = msgspec.structs.replace(self._last, revision=self._last.revision + 1, **news)
        return self._last

    def _listener(self, kind: AnyKind) -> Callable[[Change], None]:
        def changed(change: Change) -> None:
            self._dirty.setdefault(kind.name, set()).update(change.keys)
            self._rejected = self._rejected or change.rejected
            if not self._revision.value:
                self._whole.publish(all(informer.store.synced for informer in self._informers.values()))
            elif change.status_only and not kind.urgent_status:
                self._unhurried = self._unhurried or self._clock.call_later(STATUS_ONLY, self._announce_the_unhurried)
            elif self._recovered.value == self._together:  # else it is announced when the others are back
                self._announce()

        return changed

    def _announce(self) -> None:
        self._revision.publish(self._revision.value + 1)

    def _announce_the_unhurried(self) -> None:
        self._unhurried = None
        if self._recovered.value == self._together:
            self._announce()

    async def _announcing_the_first(self) -> None:
        """Announce the first snapshot. A server that starts up serves no CRD for a while, or forbids everything: then
        what counts as empty since is there by now, and proxies that have it must not lose it.
        """
        await self._whole.until(True)
        async with asyncio.TaskGroup() as tasks:
            for name, informer in self._informers.items():
                if informer.health.conceded:
                    tasks.create_task(self._renew_in_time(informer), name=f"renew {name}")
        self._announce()

    async def _announcing_together(self) -> None:
        """Announce what the kinds have missed in an outage once all of them know it, or it takes too long."""
        while True:
            await reached(self._recovered, self._together + 1)
            if self._is_some_kind_away():
                await self._until_all_are_back()
            self._together = self._recovered.value
            if self._dirty and self._revision.value:
                self._announce()

    async def _until_all_are_back(self) -> None:
        end = self._clock.monotonic() + RETURN
        while (left := end - self._clock.monotonic()) > 0:
            away = self._is_some_kind_away()
            pause = left if away else min(left, BEHIND)
            rung = await newer_within(self._recovered, self._recovered.version, pause, self._clock)
            if not (rung or away or self._is_some_kind_away()):  # what comes behind a first word may be a 410
                return

    def _is_some_kind_away(self) -> bool:
        return any(each.error and not each.forbidden and not each.not_served for each in self.health())

    def _first(self) -> ClusterSnapshot:
        news = self._news()
        return msgspec.structs.replace(ClusterSnapshot(revision=1), **(news | {"changed": None}))

    def _news(self) -> dict[str, Any]:
        """Return the snapshot's fields that differ since the last call; empty when none does."""
        dirty, self._dirty = self._dirty, {}
        if self._unhurried:
            self._unhurried.cancel()
            self._unhurried = None
        news: dict[str, Any] = {}
        changed: dict[str, frozenset[ObjectKey]] = {}
        for name, keys in dirty.items():
            objects = self._informers[name].store.objects()
            if name == SLICES:
                changed[name] = self._slices.update(objects, keys)
                if changed[name]:
                    news["slices_by_service"] = self._slices.by_service
            elif keys and name in FIELDS:
                changed[name] = frozenset(keys)
                news[FIELDS[name]] = objects
        if self._rejected:
            self._rejected = False
            rejected = tuple(one for informer in self._informers.values() for one in informer.store.rejected)
            if rejected != (self._last.rejected if self._last else ()):
                news["rejected"] = rejected
        return news | {"changed": {name: keys for name, keys in changed.items() if keys}} if news else {}
