"""One kind: a watcher that feeds a store, and how both are doing."""

from collections.abc import Callable
from contextlib import aclosing

import msgspec

from flow.clock import Clock
from flow.latest import Latest
from flow.race import anew
from k8s_watch.api import KubeReader
from k8s_watch.keys import Kind
from k8s_watch.objects.meta import Object
from k8s_watch.store import Change, Store, StoreWriter
from k8s_watch.trouble import Sort
from k8s_watch.watcher import Watcher


class KindHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How reading one kind goes: for readiness, metrics and whoever asks why."""

    kind: str
    synced: bool
    """Whether what we hold counts: the whole list came once, or the kind counts as empty."""
    state: str
    """Empty, Paging, Listed or Watching."""
    objects: int
    rejected: int
    failures: int
    """Counts failed calls."""
    error: str = ""
    """Why the kind cannot be read right now; "" while it can."""
    forbidden: bool = False
    not_served: bool = False
    conceded: bool = False
    """It counts as empty, whatever stands in the way."""
    failing_since: float | None = None
    """By the clock's monotonic time, in seconds."""


class Informer[T: Object]:
    """Keeps `store` like the server's collection of `kind`, and calls `changed` for each change in it.

    The first whole list is a change also when it is empty.
    """

    def __init__(
        self,
        kind: Kind[T],
        api: KubeReader,
        *,
        clock: Clock,
        changed: Callable[[Change], None],
        recovered: Latest[int],
    ) -> None:
        self.kind = kind
        self._writer: StoreWriter[T] = StoreWriter()
        self.store: Store[T] = self._writer.reader()
        self._watcher = Watcher(kind, api, clock=clock, recovered=recovered)
        self._changed = changed

    async def run(self) -> None:
        """Watch until cancelled."""
        await anew(self._watcher.renewals, self._follow)

    async def renew(self, *, relist: bool) -> None:
        """Return once `store` is no older than this call: see `Watcher.renew`. Needs `run` beside it; cancel-safe."""
        await self._watcher.renew(relist=relist)

    async def _follow(self) -> None:
        async with aclosing(self._watcher.events()) as events:
            async for event in events:
                was_synced = self._writer.synced
                change = self._writer.apply(event)
                if change or self._writer.synced is not was_synced:
                    self._changed(change)

    @property
    def health(self) -> KindHealth:
        """How reading this kind goes right now."""
        trouble = self._watcher.trouble
        cause = trouble.cause
        return KindHealth(
            kind=self.kind.name,
            synced=self._writer.synced,
            state=type(self._watcher.state).__name__,
            objects=len(self.store),
            rejected=len(self.store.rejected),
            failures=trouble.failures,
            error=cause.text if cause else "",
            forbidden=cause is not None and cause.sort is Sort.FORBIDDEN,
            not_served=cause is not None and cause.sort is Sort.NOT_SERVED,
            conceded=trouble.has_conceded,
            failing_since=cause.since if cause else None,
        )
