"""What one file says → what it contributes: its objects, its rejections, and what is held over from before.

A document that turns bad goes on serving as it last was good; a document that is taken out is gone. A bad document that
names no object that its edit took away does not tell which one it is: an edit may have spoilt the very lines that tell.
Everything that went with that edit might be it, and stays.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import NamedTuple

import msgspec

from k8s_watch.files.folder import FileText
from k8s_watch.files.manifest import READ, Bad, Foreign, Good, Item, read_document
from k8s_watch.files.yaml_text import Document, split_documents
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.meta import Object
from k8s_watch.snapshot import PassedOver, Rejected

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
    passed_over: PassedOver | None
    """None where there is nothing of others in it."""


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
    items = [(document, item) for document in documents for item in read[document.text]]
    placed = tuple(
        Placed(item.kind, item.object, f"{path}:{document.where}") for document, item in items if isinstance(item, Good)
    )
    gone = _gone(previous, placed)
    bad = tuple(_judged(items, gone, previous))
    different = {id(one.stands_for): one.stands_for for one in bad}  # thousands may stand for the same thousands
    kept = gone.keys() if file.refusal else set().union(*different.values())
    held = tuple(one for id_, one in gone.items() if id_ in kept)
    rejected = tuple(_rejected(path, file, bad, serving=bool(held)))
    return Contents(file, read, placed, held, rejected, _passed_over(path, items))


def _passed_over(path: str, items: Iterable[tuple[Document, Item]]) -> PassedOver | None:
    counts = Counter(item.kind for _, item in items if isinstance(item, Foreign) and not item.reason)
    what = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    return PassedOver(where=path, what=what) if what else None


class _Judged(NamedTuple):
    """What was not taken in, and the objects that went and that it may stand for."""

    document: Document
    item: Bad | Foreign
    stands_for: Set[Id]


def _gone(previous: Contents | None, placed: Iterable[Placed]) -> Mapping[Id, Placed]:
    """What the file defined, now or before it turned bad, and does not any more."""
    if previous is None:
        return {}
    present = {one.id for one in placed}
    before = reversed((*previous.placed, *previous.held))  # of an object that is defined twice the first counts
    return {one.id: one for one in before if one.id not in present}


def _judged(
    items: Iterable[tuple[Document, Item]], gone: Mapping[Id, Placed], previous: Contents | None
) -> Iterator[_Judged]:
    """What was not taken in, each with what it may stand for.

    A document that was bad before, letter by letter, is none of those that went with this edit: it goes on standing for
    those that no document stood for by name.
    """
    known = previous.read if previous else {}
    named = {(item.kind, item.key) for read in known.values() for item in read if isinstance(item, Bad)}
    still = {one.id for one in previous.held if one.id in gone} - named if previous else set()
    everything = gone.keys()
    for document, item in items:
        if isinstance(item, Foreign) and item.reason:
            yield _Judged(document, item, frozenset())
        elif isinstance(item, Bad):
            yield _Judged(
                document, item, _stands_for(item, everything, still if document.text in known else everything)
            )


def _stands_for(item: Bad, gone: Set[Id], possible: Set[Id]) -> Set[Id]:
    """The object that it names, if that is `gone`; else whatever is `possible`, of its kind where it has no name."""
    if item.key and (item.kind, item.key) in gone:
        return {(item.kind, item.key)}
    if item.key is None and item.kind in READ:
        return {id_ for id_ in possible if id_[0] == item.kind}
    return possible


def _rejected(path: str, file: FileText, bad: Iterable[_Judged], *, serving: bool) -> Iterator[Rejected]:
    if file.refusal:
        yield Rejected(kind="", key=None, where=path, reason=_printable(file.refusal) + _goes_on(serving=serving))
    for document, item, stands_for in bad:
        reason = item.reason + _goes_on(serving=bool(stands_for))
        yield Rejected(kind=item.kind, key=item.key, where=f"{path}:{document.at(item.line)}", reason=reason)


def _printable(text: str) -> str:
    """A text with paths, whose bytes that are no UTF-8 are spelt out: what we say of them is written as UTF-8."""
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _goes_on(*, serving: bool) -> str:
    return "; what was last good goes on serving" if serving else ""
