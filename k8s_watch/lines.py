"""What a server says of one object, in a list or on a watch → what that means for the collection."""

from typing import NamedTuple

import msgspec

from k8s_watch.decode import Undecodable, decode, read_head
from k8s_watch.events import Apply, Delete, InitApply, Reject
from k8s_watch.keys import Kind
from k8s_watch.objects.meta import Object
from k8s_watch.paths import object_path
from k8s_watch.snapshot import Rejected
from k8s_watch.status_error import status_error


class Heard[T](NamedTuple):
    """What a line of a watch says."""

    resource_version: str
    """Up to where all is known with it; "" where it does not say."""
    event: Apply[T] | Delete | Reject | None
    """None for a bookmark, which says no more than that, and for whatever else may come one day."""


class _Line(msgspec.Struct, frozen=True, gc=False):
    type: str
    object: msgspec.Raw


_LINE = msgspec.json.Decoder(_Line)


def listed[T: Object](kind: Kind[T], version: str, raw: bytes | msgspec.Raw) -> InitApply[T] | Reject:
    """An item of a list. `version` is the kind's that is read."""
    found = _read(kind, version, raw)
    return found if isinstance(found, Reject) else InitApply(found)


def heard[T: Object](kind: Kind[T], version: str, raw: bytes) -> Heard[T]:
    """A line of a watch. Raises the `ApiError` that it brings, and `ConnectionError` for what is no line.

    Spec: Kubernetes meta/v1 WatchEvent
    """
    try:
        line = _LINE.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConnectionError(f"the watch sent a line that is no event: {error}") from error
    match line.type:
        case "ADDED" | "MODIFIED":
            found = _read(kind, version, line.object)
            if isinstance(found, Reject):
                return Heard(read_head(line.object).resource_version, found)
            return Heard(found.metadata.resource_version, Apply(found))
        case "DELETED":
            head = read_head(line.object)
            return Heard(head.resource_version, Delete(head.key, head.uid))
        case "ERROR":
            raise status_error(0, bytes(line.object))
        case _:
            return Heard(read_head(line.object).resource_version, None)


def _read[T: Object](kind: Kind[T], version: str, raw: bytes | msgspec.Raw) -> T | Reject:
    try:
        return decode(kind, raw)
    except Undecodable as error:
        head = read_head(raw)
        key = head.key if head.key.name else None
        where = object_path(kind, version, head.key)
        return Reject(Rejected(kind=kind.name, key=key, where=where, reason=str(error)), head.uid)
