"""Files → reproducible image layers in the cache.

A layer is a tar of sorted entries without times, owners or anything else that differs between two builds of the same
files, so that equal files give an equal digest and containerd stores them once. A layer is made anew only when its
`recipe` changes: whatever decides its content, for example the text of a lock file.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.lab.places import CACHE

type Fill = Callable[[Path], None]
"""Puts a layer's files under the given root."""

LAYERS = CACHE / "layers"
FORMAT = "1"
"""Changes when this module changes what a layer looks like."""

DIGEST_CHUNK = 1 << 20


@dataclass(frozen=True)
class Layer:
    """An uncompressed tar and its digest, `sha256:<hex>`."""

    path: Path
    digest: str

    @property
    def size(self) -> int:
        """Bytes."""
        return self.path.stat().st_size


def layer(name: str, recipe: str, fill: Fill) -> Layer:
    """Return the layer `name` of `recipe`; when the cache lacks it, `fill` puts its files under the given root.

    Older layers of the same name are removed, so the cache does not grow with every commit.
    """
    key = hashlib.sha256(f"{FORMAT}\n{recipe}".encode()).hexdigest()[:16]
    path = LAYERS / f"{name}-{key}.tar"
    record = path.with_suffix(".json")
    if not record.exists():
        LAYERS.mkdir(parents=True, exist_ok=True)
        for old in LAYERS.glob(f"{name}-????????????????.*"):
            old.unlink()
        with TemporaryDirectory(prefix="lychgate-layer-") as folder:
            root = Path(folder)
            fill(root)
            _write_tar(root, path)
        record.write_text(json.dumps({"digest": digest_of(path)}))
    return Layer(path, json.loads(record.read_text())["digest"])


def put_program(root: Path, source: Path, target: str) -> None:
    """Copy an executable to `target` under `root`, and the shared libraries it needs to the paths they have here."""
    destination = root / target.lstrip("/")
    destination.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, destination)
    destination.chmod(0o755)
    for library in _shared_libraries(source):
        beside = root / str(library).lstrip("/")
        beside.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(library.resolve(), beside)
        beside.chmod(0o755)


def digest_of(path: Path) -> str:
    """Return `sha256:<hex>` of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(DIGEST_CHUNK):
            digest.update(chunk)
    return f"sha256:{digest.hexdigest()}"


def _shared_libraries(program: Path) -> Iterator[Path]:
    """Absolute paths of the libraries that an ELF file loads, the loader included; none for a static one."""
    answer = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False).stdout
    for line in answer.splitlines():
        if found := re.search(r"(/\S+) \(0x", line):
            yield Path(os.path.normpath(found[1]))


def _write_tar(root: Path, path: Path) -> None:
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for file in sorted(root.rglob("*")):
            entry = tar.gettarinfo(file, arcname=str(file.relative_to(root)))
            entry.uid = entry.gid = entry.mtime = 0
            entry.uname = entry.gname = ""
            entry.mode = _plain_mode(entry)
            if entry.isreg():
                with file.open("rb") as content:
                    tar.addfile(entry, content)
            else:
                tar.addfile(entry)


def _plain_mode(entry: tarfile.TarInfo) -> int:
    """Modes that do not depend on who built: readable by all, executable where the owner's bit says so."""
    if entry.name in ("tmp", "home/nonroot"):
        return 0o1777
    return 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
