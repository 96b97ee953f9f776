"""Files and folders on disk → the text of every manifest in them, read again only where it may have changed."""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

SUFFIXES = frozenset({".yaml", ".yml", ".json"})
MAX_BYTES = 1 << 20
RACY = 100_000_000
"""Nanoseconds: a file read so soon after its last change may change again without its times showing it."""

type Signature = tuple[int, ...]


class FileText(msgspec.Struct, frozen=True):
    """What one file held when it was read: `text`, or else `refusal` says why there is none."""

    signature: Signature
    """Equal to the one before: read again for nothing. () is never equal enough."""
    text: str = ""
    refusal: str = ""


def read_files(roots: Sequence[Path], known: Mapping[Path, FileText], *, now: float) -> dict[Path, FileText]:
    """Read every manifest under `roots`, in the order of the roots and then by name; no name begins with a dot.

    A file whose signature is that in `known` is the same FileText object. Only regular files inside a root are read:
    symbolic links may point about within their root (as those of a mounted ConfigMap do), not out of it.
    `now` is in seconds since 1970.
    """
    files: dict[Path, FileText] = {}
    for root in roots:
        for path in _manifests(root):
            if path not in files:
                files[path] = _read(path, root, known.get(path), int(now * 1e9))
    return files


def _manifests(root: Path) -> Iterator[Path]:
    if not root.is_dir():
        yield root
        return
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if _is_ours(name))
        for name in sorted(names):
            if _is_ours(name) and Path(name).suffix in SUFFIXES:
                yield Path(folder, name)


def _is_ours(name: str) -> bool:
    """Not hidden, and not what an editor leaves beside the file that it edits."""
    return not name.startswith((".", "#")) and not name.endswith("~")


def _read(path: Path, root: Path, known: FileText | None, now: int) -> FileText:
    try:
        real = path.resolve(strict=True)
        if path != root and not real.is_relative_to(root.resolve()):
            return FileText((), refusal=f"is a link out of {root}: name its target on the command line instead")
        found = real.stat()
        signature = _signature(found, now)
        if known and signature and known.signature == signature:
            return known
        return _read_regular(real, signature)
    except OSError as error:
        return FileText((), refusal=f"cannot be read: {error.strerror}")


def _read_regular(real: Path, signature: Signature) -> FileText:
    # O_NONBLOCK: a named pipe would otherwise stop us before we could see what it is.
    descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return FileText(signature, refusal="is not a regular file")
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        return FileText(signature, refusal="is larger than 1 MiB: split it")
    try:
        return FileText(signature, text=content.decode())
    except UnicodeDecodeError as error:
        return FileText(signature, refusal=f"is not UTF-8 text (byte {error.start + 1})")


def _signature(found: os.stat_result, now: int) -> Signature:
    if now - max(found.st_mtime_ns, found.st_ctime_ns) < RACY:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
