"""The operating system's file notices → a bell that rings when something under the roots may have changed."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import structlog
from watchfiles import awatch

from flow.clock import Clock
from flow.latest import Latest
from k8s_watch.files.folder import is_folder

log = structlog.get_logger("k8s_watch.files")

RESCAN = 2.0
"""Seconds between looks of our own, for what the system does not tell: network file systems, replaced roots."""
STEP = 10
"""Milliseconds without a further notice that end a burst of them."""
LONGEST_BURST = 50
"""Milliseconds."""


class FolderWatch:
    """Rings `bell` soon after a change under `roots`, and every `RESCAN` seconds anyway."""

    def __init__(self, roots: Sequence[Path], *, clock: Clock) -> None:
        self.bell: Latest[int] = Latest(0)
        self._roots = roots
        self._clock = clock
        self._moved = asyncio.Event()

    async def run(self) -> None:
        """Watch until cancelled. A single file is watched through its folder: editors replace files by renaming."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(recursive=True), name="watch folders")
            tasks.create_task(self._listen(recursive=False), name="watch files")
            tasks.create_task(self._look(), name="look at roots")

    async def _listen(self, *, recursive: bool) -> None:
        while True:
            watched = {root if recursive else root.parent for root in self._roots if is_folder(root) == recursive}
            moved = self._moved
            if not any(map(is_folder, watched)):
                await moved.wait()
                continue
            notices = awatch(
                *filter(is_folder, watched),
                watch_filter=None,
                recursive=recursive,
                step=STEP,
                debounce=LONGEST_BURST,
                stop_event=moved,
            )
            try:
                async for _ in notices:
                    self._ring()
            except (OSError, RuntimeError) as error:  # out of watches, or a folder vanished: our own looks must do
                log.warning("no notices of changed files, looking for them instead", reason=str(error), every=RESCAN)
                await moved.wait()
            except ExceptionGroup as errors:  # what the watching thread raises: a name that is no UTF-8, for example
                if errors.split((OSError, RuntimeError))[1]:
                    raise
                log.warning("a notice of changed files is lost, looking for them", reason=str(errors.exceptions[0]))
                self._ring()
                await self._clock.sleep(RESCAN)

    async def _look(self) -> None:
        before = self._identities()
        while True:
            await self._clock.sleep(RESCAN)
            now = self._identities()
            if now != before:
                before = now
                moved, self._moved = self._moved, asyncio.Event()
                moved.set()
            self._ring()

    def _ring(self) -> None:
        self.bell.publish(self.bell.value + 1)

    def _identities(self) -> tuple[tuple[int, int] | None, ...]:
        """Device and inode of each root: an exchanged folder takes its watches with it."""
        return tuple(_identity(root) for root in self._roots)


def _identity(root: Path) -> tuple[int, int] | None:
    try:
        found = (root if is_folder(root) else root.parent).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
