"""Files and folders on disk → the text of every manifest in them, read again only where it may have changed."""

import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

SUFFIXES = (".yaml", ".yml", ".json")
MAX_BYTES = 16 << 20
"""Of one file: some 20,000 objects as `kubectl get -o yaml` writes them. What is larger was most likely not meant."""
RACY = 100_000_000
"""Nanoseconds: a file read so soon after its last change may change again without its times showing it."""

EMPTIED = "is empty: delete the file to remove its objects"
"""Said of a file that was not: `generate > all.yaml` empties it first, and writes when it is done."""

type Signature = tuple[int, ...]


class FileText(msgspec.Struct, frozen=True):
    """What one file held when it was read: `text`, or else `refusal` says why there is none."""

    signature: Signature
    """Equal to the one before: read again for nothing. () is never equal enough."""
    text: str = ""
    refusal: str = ""


type Files = Mapping[str, FileText]
"""By path, as the user would write it."""
type Folder = tuple[str, int, int]
"""Path, device and inode: another in its place is another."""


class Reading(NamedTuple):
    """What was found under the roots."""

    files: dict[str, FileText]
    """In the order of the roots and then by name, files before folders."""
    folders: set[Folder]
    """Those that the files are in: whoever would know of a change has to watch them, and no others."""


def read_files(roots: Sequence[Path], known: Files, *, now: float) -> Reading:
    """Read every manifest under `roots`.

    A file whose signature is that in `known` is the same FileText object. Only regular files inside a root are read:
    symbolic links may point about within their root (as those of a mounted ConfigMap do), not out of it.
    What was in a folder that cannot be read now is as it was: a network file system may be away for a moment.
    `now` is in seconds since 1970.
    """
    files: dict[str, FileText] = {}
    folders: set[Folder] = set()
    nanoseconds = int(now * 1e9)
    for root in roots:
        if is_folder(root):
            _Walk(root.resolve(), Reading(files, folders), known, nanoseconds).read_folder(str(root), root.resolve())
        elif str(root) not in files:
            found = files[str(root)] = _read_link(str(root), None, known, nanoseconds)
            if found.refusal:
                files |= _below(str(root), known)
            with suppress(OSError):
                folders.add(_folder(str(root.parent)))  # editors replace files by renaming
    return Reading(files, folders)


def _folder(path: str) -> Folder:
    found = Path(path).stat()
    return path, found.st_dev, found.st_ino


class _Walk:
    """Reads a root into `reading`, each folder in it once.

    What a link to a folder leads to is read in its own place, and refused where that is outside. Where its own place is
    hidden, as those of a mounted ConfigMap and of git-sync are, it is read in that of the link.
    """

    def __init__(self, root: Path, reading: Reading, known: Files, now: int) -> None:
        self._root = root
        self._files = reading.files
        self._folders = reading.folders
        self._known = known
        self._now = now
        self._entered = [root]
        """Without links: the root, and where followed links lead. What is below one, and not hidden in it, is read."""

    def read_folder(self, folder: str, real: Path) -> None:
        """Read the folder's own files, then its folders'. `real` is where it is without links."""
        try:
            with os.scandir(folder) as found:
                entries = sorted((entry for entry in found if _is_ours(entry.name)), key=lambda entry: entry.name)
            self._folders.add(_folder(folder))
        except OSError as error:
            self._keep(folder, _refused(error))
            return
        folders = []
        for entry in entries:
            if entry.path in self._files:
                continue
            try:
                link, below = entry.is_symlink(), entry.is_dir(follow_symlinks=False)
            except OSError as error:  # of a file system that does not say of itself what an entry is
                self._keep(entry.path, _refused(error))
                continue
            if below or (link and is_folder(entry.path)):
                folders.append(entry)
            elif link:
                self._read_linked_file(entry)
            elif entry.name.endswith(SUFFIXES):
                self._files[entry.path] = _read_plain(entry, self._known.get(entry.path), self._now)
        for entry in folders:
            if entry.is_symlink():
                self._follow(entry.path)
            elif (inner := real / entry.name) not in self._entered[1:]:
                self.read_folder(entry.path, inner)

    def _read_linked_file(self, entry: os.DirEntry[str]) -> None:
        if entry.name.endswith(SUFFIXES):
            self._files[entry.path] = _read_link(entry.path, self._root, self._known, self._now)
        elif _below(entry.path, self._known):  # it was a folder, which is away for a moment
            self._keep(entry.path, FileText((), refusal="cannot be read: it is a link to nothing"))

    def _follow(self, link: str) -> None:
        real = Path(link).resolve()
        if refusal := _leads_out(real, self._root):
            self._keep(link, FileText((), refusal=refusal))
        elif not any(_is_seen(real, entered) for entered in self._entered):
            self._entered.append(real)
            self.read_folder(link, real)

    def _keep(self, path: str, refusal: FileText) -> None:
        """Refuse what is at `path`; what was below it is as it was."""
        self._files.update(_below(path, self._known) | {path: refusal})


def _is_seen(real: Path, folder: Path) -> bool:
    """Whether `folder` is or contains it, unhidden."""
    return real.is_relative_to(folder) and all(map(_is_ours, real.relative_to(folder).parts))


def is_folder(path: str | Path) -> bool:
    """Whether it is one now; what cannot be looked at is none. In Python 3.12, that of Path raises."""
    return os.path.isdir(path)  # noqa: PTH112


def _below(folder: str, known: Files) -> dict[str, FileText]:
    return {path: text for path, text in known.items() if path.startswith(folder + os.sep)}


def _is_ours(name: str) -> bool:
    """Not hidden, and not what an editor leaves beside the file that it edits."""
    return not name.startswith((".", "#")) and not name.endswith("~")


def _read_plain(entry: os.DirEntry[str], known: FileText | None, now: int) -> FileText:
    """Read what is no link, unless it is as it was. Thousands of them are looked at: no Path is made."""
    try:
        signature = _signature(entry.stat(follow_symlinks=False), now)
        return known if known and _is_same(known, signature) else _read_anew(entry.path, signature, known)
    except OSError as error:
        return _refused(error)


def _read_link(path: str, root: Path | None, files: Files, now: int) -> FileText:
    """Read what `path` leads to, as long as that is inside `root`, if one is given."""
    try:
        real = Path(path).resolve(strict=True)
        if root and (refusal := _leads_out(real, root)):
            return FileText((), refusal=refusal)
        signature, known = _signature(real.stat(), now), files.get(path)
        return known if known and _is_same(known, signature) else _read_anew(str(real), signature, known)
    except OSError as error:
        return _refused(error)
    except RuntimeError:  # what Python 3.12 makes of links in a circle
        return FileText((), refusal="cannot be read: it is a link to itself")


def _leads_out(real: Path, root: Path) -> str:
    """Why a link is not followed, if where it leads is outside of the root; "" if it is not."""
    if real.is_relative_to(root):
        return ""
    return f"is a link out of {root}: name its target on the command line instead"


def _is_same(known: FileText, signature: Signature) -> bool:
    return bool(signature) and known.signature == signature


def _refused(error: OSError) -> FileText:
    return FileText((), refusal=f"cannot be read: {error.strerror}")


def _read_anew(path: str, signature: Signature, known: FileText | None) -> FileText:
    """Read a file that may have changed. One that was emptied this moment is about to be written: it is as it was.

    Whoever writes it may take long: one that stays empty is refused, and so goes on as it was.
    """
    read = _read_regular(path, signature)
    if read.text or read.refusal or not known or not (known.text or known.refusal):
        return read
    return FileText(signature, refusal=EMPTIED) if signature else known


def _read_regular(real: str, signature: Signature) -> FileText:
    # O_NONBLOCK: a named pipe would otherwise stop us before we could see what it is.
    descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return FileText(signature, refusal="is not a regular file")
        return file_text(file, signature)


def file_text(file: BinaryIO, signature: Signature = ()) -> FileText:
    """Read what is not yet read of an open file."""
    content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        return FileText(signature, refusal=f"is larger than {MAX_BYTES >> 20} MiB: split it")
    try:
        return FileText(signature, text=content.decode())
    except UnicodeDecodeError as error:
        return FileText(signature, refusal=f"is not UTF-8 text (byte {error.start + 1}): save it as UTF-8")


def _signature(found: os.stat_result, now: int) -> Signature:
    if now - max(found.st_mtime_ns, found.st_ctime_ns) < RACY:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
