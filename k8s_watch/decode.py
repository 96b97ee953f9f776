"""JSON of one object → a frozen shape, or a reason that names the field.

Bytes are decoded straight into the shape: unknown fields, managedFields among them, are skipped without being built.
`null` means absent, as for the API server: only an object that holds one pays for a second, slower pass.
"""

import re
import sys
from contextlib import suppress
from typing import Any

import msgspec

from k8s_watch.keys import Kind, ObjectKey
from k8s_watch.objects.meta import EMPTY, Meta, Object

_MESSAGE = re.compile(r"(?P<problem>.*?)(?: - at `\$\.?(?P<path>.*)`)?", re.DOTALL)
_MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Undecodable(ValueError):
    """The value does not fit the shape. `path` names the field, like spec.rules[0].name; "" is the whole."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}" if path else problem)
        self.path = path
        self.problem = problem


class Head(msgspec.Struct, frozen=True, gc=False):
    """What can be said of an object whose shape may be broken. Each field is "" when it is missing."""

    key: ObjectKey
    uid: str
    resource_version: str


class _LooseMeta(msgspec.Struct, frozen=True, rename="camel", gc=False):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""


class _LooseObject(msgspec.Struct, frozen=True, gc=False):
    metadata: _LooseMeta = _LooseMeta()


_DECODERS: dict[type[Any], msgspec.json.Decoder[Any]] = {}
_HEAD = msgspec.json.Decoder(_LooseObject)


def decode[T](kind: Kind[T], raw: bytes | msgspec.Raw) -> T:
    """Decode one object. Raises `Undecodable`."""
    try:
        decoded: T = _decoder(kind.type).decode(raw)
    except _MALFORMED:
        return _decode_loosely(kind, raw)
    return _kept(kind, decoded)


def without_nulls(value: Any) -> Any:
    """Return a plain value without the fields that are null: to Kubernetes those are absent."""
    match value:
        case dict():
            return {name: without_nulls(item) for name, item in value.items() if item is not None}
        case list():
            return [without_nulls(item) for item in value]
        case _:
            return value


def read_head(raw: bytes | msgspec.Raw) -> Head:
    """Read whose JSON this is, whatever else it holds. Never fails: what cannot be read is ""."""
    try:
        meta = _HEAD.decode(raw).metadata
    except _MALFORMED:
        meta = _LooseMeta()
    return Head(ObjectKey(sys.intern(meta.namespace), meta.name), meta.uid, meta.resource_version)


def _decoder(of: type[Any]) -> msgspec.json.Decoder[Any]:
    if of not in _DECODERS:
        _DECODERS[of] = msgspec.json.Decoder(of)
    return _DECODERS[of]


def _decode_loosely[T](kind: Kind[T], raw: bytes | msgspec.Raw) -> T:
    try:
        value = without_nulls(msgspec.json.decode(raw))
    except _MALFORMED as error:
        raise _undecodable(error) from error
    try:
        return _kept(kind, msgspec.convert(value, kind.type))
    except _MALFORMED as error:
        first = _undecodable(error)
    if isinstance(value, dict) and first.path.partition(".")[0] == "status":
        with suppress(*_MALFORMED):  # whatever others report of it, the object is what its user wrote
            return _kept(kind, msgspec.convert({**value, "status": {}}, kind.type))
    raise first


def _kept[T](kind: Kind[T], decoded: T) -> T:
    if isinstance(decoded, Object):
        _slim(decoded.metadata, keeps_annotations=kind.metadata_alone)
    return kind.trim(decoded) if kind.trim else decoded


def _slim(of: Meta, *, keeps_annotations: bool) -> None:
    """Let all objects of a namespace hold one and the same text of its name, and none its annotations: nobody reads
    them, and `kubectl apply` writes the whole object into one of them once more.
    """
    msgspec.structs.force_setattr(of, "namespace", sys.intern(of.namespace))
    if not keeps_annotations:
        msgspec.structs.force_setattr(of, "annotations", EMPTY)


def _undecodable(error: Exception) -> Undecodable:
    if isinstance(error, RecursionError):
        return Undecodable("", "nested too deep")
    found = _MESSAGE.fullmatch(str(error))
    path, problem = (found["path"] or "", found["problem"]) if found else ("", str(error))
    problem = problem.replace("`", "")
    return Undecodable(path, problem[:1].lower() + problem[1:])
