"""A folder of manifests, and the source that reads it."""

import textwrap
from pathlib import Path

from flow.clock import SystemClock
from k8s_watch.files import FileSource
from k8s_watch.snapshot import ClusterSnapshot


class World:
    """A folder, and what a source says of it after each `read`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source = FileSource([folder], clock=SystemClock())

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    async def read(self) -> ClusterSnapshot:
        await self.source.reload()
        return self.source.snapshot()
