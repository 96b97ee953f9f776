"""The source of a standalone Lychgate: files and folders, watched; behind the same port as a cluster."""

import asyncio
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

from flow.clock import Clock
from flow.latest import Latest
from k8s_watch.files.contents import Contents, Id, Placed, read_contents
from k8s_watch.files.folder import Files, Folder, read_files
from k8s_watch.files.overrides import Override, with_overrides
from k8s_watch.files.shelf import Shelf
from k8s_watch.files.watch import FolderWatch
from k8s_watch.objects.meta import Object
from k8s_watch.snapshot import ClusterSnapshot, Rejected

NOTHING: Files = {}
A_MOMENT = 0.05
"""Seconds that a file must be missing. Git, and many an editor, remove a file before they write it anew."""


class FileSource:
    """Implements `k8s_watch.snapshot.Source` over YAML.

    Of an object that is defined twice the first definition counts, in the order of `paths`, then of file names, then
    of documents. Only documents whose text changed are parsed; all else keeps its identity.
    """

    def __init__(
        self, paths: Sequence[Path], *, clock: Clock, overrides: Sequence[Override] = (), given: Files = NOTHING
    ) -> None:
        """`given` are texts that are read already, by what to call them: they come before all of `paths`."""
        self._paths = paths
        self._given = given
        self._clock = clock
        self._overrides = overrides
        self._revision: Latest[int] = Latest(0)
        self._contents: Mapping[str, Contents] = {}
        self._shelf = Shelf()
        self._watch = FolderWatch(clock=clock)

    @property
    def revision(self) -> Latest[int]:
        """Counts changes, those of rejections included; stays 0 until everything has been read once."""
        return self._revision

    def snapshot(self) -> ClusterSnapshot:
        """The present state. Copies only the mappings of kinds that changed since the last call."""
        return self._shelf.snapshot()

    async def run(self) -> None:
        """Read, and read again whenever something may have changed, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch.run(), name="watch files")
            rung = 0
            while True:
                await self.reload()
                rung, _ = await self._watch.bell.newer_than(rung)

    async def reload(self) -> None:
        """Read now what may have changed. The reading happens on a thread; nothing is visible before it is done."""
        before = self._contents
        contents = await self._read_surely(before)
        if self._revision.value and list(map(id, contents.values())) == list(map(id, before.values())):
            return
        objects, doubles = _merge(contents)
        rejected = [*(r for one in contents.values() for r in one.rejected), *doubles]
        self._contents = contents
        passed_over = [one.passed_over for one in contents.values() if one.passed_over]
        changed = self._shelf.put(with_overrides(objects, self._overrides), rejected, passed_over)
        if changed or not self._revision.value:
            self._revision.publish(self._revision.value + 1)

    async def _read_surely(self, before: Mapping[str, Contents]) -> Mapping[str, Contents]:
        """Read; where a file is missing, once more a moment later. Who removes one meanwhile makes us come again."""
        contents = await self._read(before)
        if not (missing := before.keys() - contents.keys()):
            return contents
        await self._clock.sleep(A_MOMENT)
        contents = await self._read(before)
        return {**contents, **{path: before[path] for path in before.keys() - contents.keys() - missing}}

    async def _read(self, before: Mapping[str, Contents]) -> Mapping[str, Contents]:
        contents, folders = await asyncio.to_thread(self._read_now, before)
        self._watch.follow(folders)
        return contents

    def _read_now(self, before: Mapping[str, Contents]) -> tuple[Mapping[str, Contents], Set[Folder]]:
        known = {path: one.file for path, one in before.items()}
        files, folders = read_files(self._paths, known, now=self._clock.now())
        return {
            path: read_contents(path, file, before.get(path)) for path, file in {**self._given, **files}.items()
        }, folders


def _merge(contents: Mapping[str, Contents]) -> tuple[dict[Id, Object], list[Rejected]]:
    """All files' objects, and a rejection for every further definition of one."""
    first: dict[Id, Placed] = {}
    doubles: list[Rejected] = []
    for one in (placed for file in contents.values() for placed in file.placed):
        known = first.setdefault(one.id, one)
        if known is not one:
            reason = f"is already defined at {known.where}, which counts: remove one of the two"
            doubles.append(Rejected(kind=one.kind, key=one.object.key, where=one.where, reason=reason))
    for one in (held for file in contents.values() for held in file.held):
        first.setdefault(one.id, one)
    return {id_: one.object for id_, one in first.items()}, doubles
