"""Wished statuses → status subresources: the newest wish of each object, a few at a time, only while we lead.

An object is attended to when its wish changes and when others were seen to change its status. How one is written is
`status_update`'s, who waits when the API server cannot write them is `turns`'.
"""

from collections.abc import Collection, Iterable

from flow.clock import Clock
from flow.latest import Latest
from flow.race import while_true
from gateway_api.status.types import Body, Statuses, StatusKey
from k8s_apply.api import KubeWriter
from k8s_apply.fence import NotLeadingError
from k8s_apply.kinds import STATUS
from k8s_apply.status_update import Observed, StatusUpdates
from k8s_apply.turns import Turns
from k8s_apply.workqueue import WorkQueue
from k8s_watch.api import ApiError
from k8s_watch.snapshot import ClusterSnapshot, objects_of

_RANKS = {name: rank for rank, name in enumerate(STATUS)}


class StatusWriter:
    """Keeps every wished status as it should be, while we lead."""

    def __init__(
        self,
        api: KubeWriter,
        *,
        leading: Latest[bool],
        clock: Clock,
        observed: Observed,
        in_flight: int = 8,
    ) -> None:
        self._leading = leading
        self._in_flight = in_flight
        self._wanted: Statuses = {}
        self._seen: ClusterSnapshot | None = None
        self._asked: dict[StatusKey, Body] = {}
        """The wish for which a key was last queued: a pass that wishes the same costs nothing."""
        self._queue: WorkQueue[StatusKey] = WorkQueue(clock)
        self._turns = Turns(self._queue, clock)
        self._updates = StatusUpdates(api, clock=clock, observed=observed, wished=self._wished)

    @property
    def writes(self) -> int:
        """As `StatusUpdates.writes`."""
        return self._updates.writes

    @property
    def unchanged(self) -> int:
        """As `StatusUpdates.unchanged`."""
        return self._updates.unchanged

    @property
    def conflicts(self) -> int:
        """As `StatusUpdates.conflicts`."""
        return self._updates.conflicts

    @property
    def failures(self) -> int:
        """As `Turns.failures`."""
        return self._turns.failures

    @property
    def waiting(self) -> int:
        """How many objects wait to be looked at, those for later included."""
        return len(self._queue) + self._turns.waiting

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

    def saw(self, cluster: ClusterSnapshot, /) -> None:
        """Look again at the wished objects that others have changed the status of; at all of them when snapshots were
        skipped. Never blocks.
        """
        before, self._seen = self._seen, cluster
        if not self._leading.value:
            return
        if before is None or cluster.changed is None or cluster.revision > before.revision + 1:
            for key in self._asked:
                self._queue.add(key)
            return
        for kind in cluster.changed.keys() & STATUS.keys():
            old, new = objects_of(before, kind), objects_of(cluster, kind)
            for name in cluster.changed[kind]:
                key = StatusKey(kind=kind, key=name)
                if key in self._asked and self._updates.saw(key, old.get(name), new.get(name)):
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
            self._asked.clear()
            self._updates.clear()
            self._turns.clear()

    def _wished(self, key: StatusKey) -> Body | None:
        return self._wanted.get(key)

    def _forget(self, key: StatusKey) -> None:
        self._asked.pop(key, None)
        self._updates.forget(key)
        self._turns.forget(key)

    async def _attend(self, key: StatusKey) -> float | None:
        """Bring one status to its wish, unless it has to wait for its turn; return when to look again."""
        if not self._turns.may_go(key):
            return None
        try:
            update = await self._updates.bring(key)
        except NotLeadingError:
            return 1.0  # whoever tells us so by `leading` ends this work before that
        except (ApiError, OSError) as error:
            return self._turns.fails(key, error)
        self._turns.succeeds(key, written=update.written)
        return update.again


def _in_order(keys: Iterable[StatusKey]) -> list[StatusKey]:
    """Classes and Gateways first: they are what people wait for."""
    return sorted(keys, key=lambda key: _RANKS[key.kind])
