"""Objects, all of them, again and again → ClusterSnapshots that share whatever did not change."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec
import xxhash
from immutables import Map

from k8s_watch.files.contents import Id
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.meta import Object
from k8s_watch.slices import SliceIndex
from k8s_watch.snapshot import FIELDS, ClusterSnapshot, PassedOver, Rejected

EPOCH = "1970-01-01T00:00:00Z"
"""Creation time of objects whose file names none: what is older must not depend on when we were started."""

_NAMESPACE_OF_UIDS = uuid.UUID("a7c2a2c6-6a3c-4c53-9e0c-3f2f6f1d2b11")
_SLICES = "EndpointSlice"


class Shelf:
    """Keeps the newest objects, gives them what an API server would, and hands out snapshots of them.

    uid, generation, resourceVersion and creationTimestamp are a function of what was put; the generation grows when
    anything but the metadata differs. An object that is put again unchanged stays the same Python object.
    """

    def __init__(self) -> None:
        self._written: dict[Id, Object] = {}
        self._stamped: defaultdict[str, Map[ObjectKey, Any]] = defaultdict(Map)
        """By kind."""
        self._rejected: tuple[Rejected, ...] = ()
        self._passed_over: tuple[PassedOver, ...] = ()
        self._changed: dict[str, set[ObjectKey]] = {}
        self._slices = SliceIndex()
        self._fresh = True
        self._snapshot = ClusterSnapshot(revision=0)

    def put(
        self, objects: Mapping[Id, Object], rejected: Iterable[Rejected], passed_over: Iterable[PassedOver]
    ) -> bool:
        """Make these all that there is; return whether anything differs from before. Cost: linear in all objects."""
        rejected, passed_over = tuple(rejected), tuple(passed_over)
        changed = [(id_, found) for id_, found in objects.items() if not self._knows(id_, found)]
        removed = self._written.keys() - objects.keys()
        for id_, found in changed:
            kind, key = id_
            stamped = _stamp(id_, found, self._written.get(id_), self._stamped[kind].get(key))
            self._stamped[kind] = self._stamped[kind].set(key, stamped)
            self._written[id_] = found
        for kind, key in removed:
            del self._written[kind, key]
            self._stamped[kind] = self._stamped[kind].delete(key)
        for kind, key in (*(id_ for id_, _ in changed), *removed):
            self._changed.setdefault(kind, set()).add(key)
        beside = (rejected, passed_over) != (self._rejected, self._passed_over)
        differs = bool(changed or removed or beside)
        self._fresh = self._fresh or differs
        self._rejected, self._passed_over = rejected, passed_over
        return differs

    def snapshot(self) -> ClusterSnapshot:
        """The present state. Cost: follows what changed since the last call."""
        if not self._fresh:
            return self._snapshot
        before = self._snapshot
        fields: dict[str, Any] = {field: self._stamped[kind] for kind, field in FIELDS.items() if kind in self._changed}
        changed = {kind: frozenset(keys) for kind, keys in self._changed.items()}
        if _SLICES in changed:
            changed[_SLICES] = self._slices.update(self._stamped[_SLICES], changed[_SLICES])
            fields["slices_by_service"] = self._slices.by_service
        self._snapshot = msgspec.structs.replace(
            before,
            revision=before.revision + 1,
            changed=MappingProxyType(changed) if before.revision else None,
            rejected=self._rejected,
            passed_over=self._passed_over,
            **fields,
        )
        self._changed, self._fresh = {}, False
        return self._snapshot

    def _knows(self, id_: Id, found: Object) -> bool:
        written = self._written.get(id_)
        return written is found or written == found


def _stamp(id_: Id, found: Object, written: Object | None, stamped: Object | None) -> Object:
    """The object with the metadata that an API server would have given it."""
    generation = 1
    if written and stamped:
        same = msgspec.structs.replace(found, metadata=written.metadata) == written
        generation = stamped.metadata.generation + (0 if same else 1)
    meta = found.metadata
    kind, key = id_
    return msgspec.structs.replace(
        found,
        metadata=msgspec.structs.replace(
            meta,
            uid=meta.uid or str(uuid.uuid5(_NAMESPACE_OF_UIDS, f"{kind}/{key.namespace}/{key.name}")),
            generation=generation,
            resource_version=xxhash.xxh3_64_hexdigest(msgspec.msgpack.encode(found)),
            creation_timestamp=meta.creation_timestamp or EPOCH,
        ),
    )
