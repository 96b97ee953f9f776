"""What one file says → what it contributes: its objects, its rejections, and what is held over from before.

A document that turns bad goes on serving as it last was good; a document that is taken out is gone. Where a bad
document does not tell which object it is, everything that the file no longer defines might be it, and stays.
"""

from collections.abc import Iterator, Mapping

import msgspec

from k8s_watch.files.folder import FileText
from k8s_watch.files.manifest import Bad, Good, Item, read_document
from k8s_watch.files.yaml_text import Document, split_documents
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.meta import Object
from k8s_watch.snapshot import Rejected

type Id = tuple[str, ObjectKey]
"""Kind name and key."""


class Placed(msgspec.Struct, frozen=True):
    """An object and where it stands."""

    kind: str
    object: Object
    where: str

    @property
    def id(self) -> Id:
        return self.kind, self.object.key


class Contents(msgspec.Struct, frozen=True):
    """What one file contributes."""

    file: FileText
    read: Mapping[str, tuple[Item, ...]]
    """Document text → what it was read as; an unchanged document is not read again."""
    placed: tuple[Placed, ...]
    held: tuple[Placed, ...]
    """Last good objects of documents that have turned bad."""
    rejected: tuple[Rejected, ...]


def read_contents(path: str, file: FileText, previous: Contents | None) -> Contents:
    """Read a file in the light of what it said before. The same FileText as before gives the same Contents."""
    if previous and previous.file is file:
        return previous
    if previous and (previous.file.text, previous.file.refusal) == (file.text, file.refusal):
        return msgspec.structs.replace(previous, file=file)
    known = previous.read if previous else {}
    path = _printable(path)
    documents = split_documents(file.text)
    read = {document.text: known.get(document.text) or read_document(document.text) for document in documents}
    placed, bad = [], []
    for document in documents:
        for item in read[document.text]:
            if isinstance(item, Good):
                placed.append(Placed(item.kind, item.object, f"{path}:{document.where}"))
            else:
                bad.append((document, item))
    held = tuple(_held(previous, placed, [item for _, item in bad], everything=bool(file.refusal)))
    rejected = tuple(_rejected(path, file, bad, held))
    return Contents(file, read, tuple(placed), held, rejected)


def _held(previous: Contents | None, placed: list[Placed], bad: list[Bad], *, everything: bool) -> Iterator[Placed]:
    """The earlier objects that a bad document may stand for."""
    if previous is None:
        return
    everything = everything or any(not item.kind or item.key is None for item in bad)
    present, turned_bad = {one.id for one in placed}, {(item.kind, item.key) for item in bad}
    for one in (*previous.placed, *previous.held):
        if one.id not in present and (everything or one.id in turned_bad):
            yield one


def _rejected(
    path: str, file: FileText, bad: list[tuple[Document, Bad]], held: tuple[Placed, ...]
) -> Iterator[Rejected]:
    kept = {one.id for one in held}
    if file.refusal:
        yield Rejected(kind="", key=None, where=path, reason=_printable(file.refusal) + _goes_on(serving=bool(held)))
    for document, item in bad:
        serving = bool(held) if item.key is None else (item.kind, item.key) in kept
        reason = item.reason + _goes_on(serving=serving)
        yield Rejected(kind=item.kind, key=item.key, where=f"{path}:{document.at(item.line)}", reason=reason)


def _printable(text: str) -> str:
    """A text with paths, whose bytes that are no UTF-8 are spelt out: what we say of them is written as UTF-8."""
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _goes_on(*, serving: bool) -> str:
    return "; what was last good goes on serving" if serving else ""
