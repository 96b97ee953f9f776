"""The operating system's file notices → a bell that rings when something in the watched folders may have changed."""

import asyncio
from collections.abc import Set
from contextlib import aclosing

import structlog
from watchfiles import awatch

from flow.clock import Clock
from flow.latest import Latest
from k8s_watch.files.folder import Folder

log = structlog.get_logger("k8s_watch.files")

RESCAN = 2.0
"""Seconds between looks of our own, for what the system does not tell: network file systems, replaced roots."""
STEP = 10
"""Milliseconds without a further notice that end a burst of them."""
LONGEST_BURST = 50
"""Milliseconds."""


class FolderWatch:
    """Rings `bell` soon after a change in one of the folders that it follows, and every `RESCAN` seconds anyway.

    Each folder is watched by itself. The system's way to watch all below one would go through hidden folders, and
    through links to wherever they lead, which may be all of this machine.
    """

    def __init__(self, *, clock: Clock) -> None:
        self.bell: Latest[int] = Latest(0)
        self._clock = clock
        self._folders: Set[Folder] = frozenset()
        self._moved = asyncio.Event()
        self._unheard = ""
        """Why there are no notices, as it was logged."""

    def follow(self, folders: Set[Folder]) -> None:
        """Watch these from now on, and no others."""
        if folders != self._folders:
            self._folders = folders
            moved, self._moved = self._moved, asyncio.Event()
            moved.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(), name="listen")
            tasks.create_task(self._look(), name="look")

    async def _listen(self) -> None:
        while True:
            moved, paths = self._moved, {path for path, _, _ in self._folders}
            if not paths:
                await moved.wait()
                continue
            try:
                await self._listen_in(paths, moved)
            except FileNotFoundError:  # it went between reading and watching: the next reading tells
                self._ring()
                await self._clock.sleep(STEP / 1000)
            except (OSError, RuntimeError) as error:  # out of watches, for example: our own looks must do
                self._say_unheard(str(error))
                await moved.wait()
            except ExceptionGroup as errors:  # what the watching thread raises: a name that is no UTF-8, for example
                if errors.split((OSError, RuntimeError))[1]:
                    raise
                log.warning("a notice of changed files is lost, looking for them", reason=str(errors.exceptions[0]))
                self._ring()
                await self._clock.sleep(RESCAN)

    async def _listen_in(self, paths: Set[str], moved: asyncio.Event) -> None:
        """Ring for what changes in these folders until one of them may be another, or there are others to watch."""
        notices = awatch(
            *paths, watch_filter=None, recursive=False, step=STEP, debounce=LONGEST_BURST, stop_event=moved
        )
        listening = asyncio.get_running_loop().call_soon(self._is_listening)
        try:
            async with aclosing(notices):
                async for changes in notices:
                    self._ring()
                    if any(path in paths for _, path in changes):
                        return
        finally:
            listening.cancel()

    async def _look(self) -> None:
        while True:
            await self._clock.sleep(RESCAN)
            self._ring()

    def _ring(self) -> None:
        self.bell.publish(self.bell.value + 1)

    def _is_listening(self) -> None:
        self._say_unheard("")
        self._ring()  # of what changed before, since the folders were read, nobody tells

    def _say_unheard(self, reason: str) -> None:
        if reason and reason != self._unheard:
            log.warning("no notices of changed files, looking for them instead", reason=reason, every=RESCAN)
        elif self._unheard and not reason:
            log.info("there are notices of changed files again")
        self._unheard = reason
