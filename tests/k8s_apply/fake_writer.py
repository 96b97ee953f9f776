"""A `KubeWriter` over a dict: resourceVersions, conflicts, uids, server-side apply as far as we use it, and faults."""

import asyncio
import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from flow.clock import Clock
from k8s_apply.api import Conflict, Json, KubeWriter, NotFound
from k8s_watch.api import ApiError
from k8s_watch.keys import AnyKind, ObjectKey


class Call(NamedTuple):
    """One request that the server saw."""

    verb: str
    kind: str
    key: ObjectKey
    at: float


EVERYWHERE = "list in all namespaces"


type Field = tuple[str, ...]
"""The way to a value that is no mapping."""

LIST_MAP_KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "env": ("name",),
    "ports": ("port", "containerPort", "protocol"),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
"""Lists whose items an apply tells apart by these keys. Spec: Kubernetes API, `x-kubernetes-list-map-keys`"""
ITEM = "."
"""In a tree, a field of each item of such a list: that it is there. Spec: Kubernetes meta/v1 FieldsV1"""


class Items(dict[str, Json]):
    """Such a list, by the keys of its items."""


class FakeWriter(KubeWriter):
    """Holds objects of any kind. All faults are attributes and take effect at once."""

    def __init__(self, clock: Clock) -> None:
        self.calls: list[Call] = []
        self.refuse: dict[str, Exception] = {}
        """Verb, kind name, object name, EVERYWHERE, or "*" → what such a call raises before it has done anything."""
        self.slow: dict[str, float] = {}
        """The same → the seconds that such a call takes, before anything of it is done or refused."""
        self.refuse_once: list[Exception] = []
        """What the next writes raise, one each."""
        self.before_write: list[Any] = []
        """Functions to call right before the next writes take effect, one each: somebody who is faster than us."""
        self.stuck = asyncio.Event()
        self.stuck.set()
        """Cleared, every call hangs until it is set again."""
        self.most_in_flight = 0
        self._in_flight = 0
        self._clock = clock
        self._objects: dict[tuple[str, ObjectKey], Json] = {}
        self._owned: dict[tuple[str, ObjectKey], dict[str, set[Field]]] = {}
        """What each manager has applied, and nobody else changed since."""
        self._version = itertools.count(100)
        self._uid = itertools.count(1)

    # What a test does to the server, and asks of it.

    def put(self, kind: AnyKind, key: ObjectKey, **fields: Any) -> Json:
        """Create the object or change its fields, as somebody else would."""
        old = self._objects.get((kind.name, key), {})
        meta = old.get("metadata") or {"name": key.name, "uid": f"uid-{next(self._uid)}", "generation": 1}
        meta = meta | ({"namespace": key.namespace} if key.namespace else {}) | fields.pop("metadata", {})
        new = old | {"metadata": meta} | fields
        for owned in self._owned.get((kind.name, key), {}).values():
            owned.difference_update(_differences(_tree_of(old), _tree_of(new)))
        return self._store(kind, key, new)

    def drop(self, kind: AnyKind, key: ObjectKey) -> None:
        """Delete the object, as somebody else would."""
        del self._objects[kind.name, key]
        self._owned.pop((kind.name, key), None)

    def peek(self, kind: AnyKind, key: ObjectKey) -> Json | None:
        """The object, without a call."""
        return self._objects.get((kind.name, key))

    def keys(self, kind: AnyKind) -> set[ObjectKey]:
        """The keys of all objects of the kind."""
        return {key for name, key in self._objects if name == kind.name}

    def seen(self, *verbs: str) -> list[Call]:
        """The calls with one of these verbs."""
        return [call for call in self.calls if call.verb in verbs]

    @property
    def writes(self) -> list[Call]:
        return self.seen("create", "replace", "replace_status", "apply", "overwrite", "delete")

    # KubeWriter.

    async def get(self, kind: AnyKind, key: ObjectKey, /) -> Json:
        await self._call("get", kind, key)
        return self._get(kind, key)

    async def list(self, kind: AnyKind, /, *, namespace: str, selector: str) -> list[Json]:
        await self._call("list", kind, ObjectKey(namespace, ""))
        wanted = dict(pair.split("=") for pair in selector.split(","))
        return [
            item
            for (name, key), item in self._objects.items()
            if name == kind.name
            and namespace in ("", key.namespace)
            and wanted.items() <= (item["metadata"].get("labels") or {}).items()
        ]

    async def create(self, kind: AnyKind, key: ObjectKey, body: Json, /) -> Json:
        await self._call("create", kind, key)
        if (kind.name, key) in self._objects:
            raise Conflict(409, f"{key} already exists")
        return self.put(
            kind, key, **{name: value for name, value in body.items() if name not in ("apiVersion", "kind")}
        )

    async def replace(self, kind: AnyKind, key: ObjectKey, body: Json, /) -> Json:
        await self._call("replace", kind, key)
        live = self._get(kind, key)
        self._check_version(live, body)
        if body["metadata"].get("uid", live["metadata"]["uid"]) != live["metadata"]["uid"]:
            raise Conflict(409, "the uid is another object's")
        stored = self._store(kind, key, body)
        if "deletionTimestamp" in stored["metadata"] and not stored["metadata"].get("finalizers"):
            self.drop(kind, key)
        return stored

    async def replace_status(self, kind: AnyKind, key: ObjectKey, body: Json, /) -> str:
        await self._call("replace_status", kind, key)
        live = self._get(kind, key)
        self._check_version(live, body)
        version: str = self._store(kind, key, live | {"status": body["status"]})["metadata"]["resourceVersion"]
        return version

    async def apply(self, kind: AnyKind, manifest: Json, /, *, field_manager: str) -> Json:
        meta = manifest["metadata"]
        key = ObjectKey(meta.get("namespace", ""), meta["name"])
        await self._call("apply", kind, key)
        assert manifest["kind"] == kind.name
        old = self._objects.get((kind.name, key))
        if "resourceVersion" in meta:
            self._check_version(self._get(kind, key), manifest)
        wanted = _tree_of(_body(manifest))
        managers = {name: set(fields) for name, fields in self._owned.get((kind.name, key), {}).items()}
        before = managers.pop(field_manager, set())
        others = set[Field]().union(*managers.values())
        merged = _merged(_without(_tree_of(old or {}), before - set(_fields(wanted)) - others), wanted)
        if kind.name == "Deployment":
            merged["spec"] = {"replicas": 1} | merged.get("spec", {})
        for owned in managers.values():
            owned.difference_update(_differences(_tree_of(old or {}), merged))
        new = _item_of(merged)
        _validate(kind, new)
        if old and old == new | {"metadata": old["metadata"] | new["metadata"]} and before == set(_fields(wanted)):
            return old
        self._owned[kind.name, key] = managers | {field_manager: set(_fields(wanted))}
        return self._update(kind, key, old, new)

    async def overwrite(self, kind: AnyKind, manifest: Json, /) -> Json:
        key = ObjectKey(manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"])
        await self._call("overwrite", kind, key)
        old = self._get(kind, key)
        new = _merged(old, _body(manifest))
        _validate(kind, new)
        for owned in self._owned.get((kind.name, key), {}).values():
            owned.difference_update(_differences(_tree_of(old), _tree_of(new)))
        return self._update(kind, key, old, new)

    async def delete(self, kind: AnyKind, key: ObjectKey, /, *, uid: str) -> None:
        await self._call("delete", kind, key)
        live = self._objects.get((kind.name, key))
        if not live or live["metadata"]["uid"] != uid:
            return
        if live["metadata"].get("finalizers"):
            self._store(kind, key, live | {"metadata": live["metadata"] | {"deletionTimestamp": "now"}})
        else:
            self.drop(kind, key)

    async def _call(self, verb: str, kind: AnyKind, key: ObjectKey) -> None:
        self.calls.append(Call(verb, kind.name, key, self._clock.monotonic()))
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            await asyncio.sleep(0)
            await self.stuck.wait()
            names = ("*", verb, kind.name, key.name, *([EVERYWHERE] if verb == "list" and not key.namespace else []))
            if seconds := max((self.slow.get(name, 0.0) for name in names), default=0.0):
                await self._clock.sleep(seconds)
        finally:
            self._in_flight -= 1
        for name in names:
            if name in self.refuse:
                raise self.refuse[name]
        if verb not in ("get", "list"):
            if self.refuse_once:
                raise self.refuse_once.pop(0)
            if self.before_write:
                self.before_write.pop(0)()

    def _get(self, kind: AnyKind, key: ObjectKey) -> Json:
        try:
            return self._objects[kind.name, key]
        except KeyError:
            raise NotFound(404, f"{kind.plural} {key} not found") from None

    def _check_version(self, live: Json, body: Json) -> None:
        if body["metadata"]["resourceVersion"] != live["metadata"]["resourceVersion"]:
            raise Conflict(409, "the object has been modified")

    def _update(self, kind: AnyKind, key: ObjectKey, old: Json | None, new: Json) -> Json:
        """Store a new spec. Services have no generation."""
        uid = old["metadata"]["uid"] if old else f"uid-{next(self._uid)}"
        generation = old["metadata"].get("generation", 0) + (old.get("spec") != new.get("spec")) if old else 1
        numbered = {"generation": generation} if kind.name == "Deployment" else {}
        return self._store(kind, key, new | {"metadata": new["metadata"] | {"uid": uid} | numbered})

    def _store(self, kind: AnyKind, key: ObjectKey, item: Json) -> Json:
        meta = item["metadata"] | {"resourceVersion": str(next(self._version))}
        if managers := self._owned.get((kind.name, key)):
            meta["managedFields"] = [
                {"manager": name, "operation": "Apply", "fieldsV1": _tree(owned)} for name, owned in managers.items()
            ]
        stored = item | {"metadata": meta}
        self._objects[kind.name, key] = stored
        return stored


def _body(manifest: Json) -> Json:
    return {name: value for name, value in manifest.items() if name not in ("apiVersion", "kind")}


def _validate(kind: AnyKind, item: Json) -> None:
    """Spec: Kubernetes core/v1 ServicePort.name, ServiceSpec.loadBalancerSourceRanges"""
    spec = item["spec"] if kind.name == "Service" else {}
    if "loadBalancerSourceRanges" in spec and spec.get("type") != "LoadBalancer":
        raise ApiError(422, f"Service {item['metadata']['name']} is invalid: spec.loadBalancerSourceRanges")
    names = [port.get("name") for port in spec.get("ports", ())]
    if len(names) != len({*names}) or (len(names) > 1 and None in names):
        raise ApiError(422, f"{kind.name} {item['metadata']['name']} is invalid: spec.ports[1].name")


def _tree_of(item: Json) -> Json:
    """The object with its lists by their items' keys."""
    return {name: _branch_of(name, value) for name, value in item.items()}


def _branch_of(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return _tree_of(value)
    if not value or name not in LIST_MAP_KEYS:
        return value
    keys = [json.dumps({key: item[key] for key in LIST_MAP_KEYS[name] if key in item}) for item in value]
    return Items({key: {ITEM: True} | _tree_of(item) for key, item in zip(keys, value, strict=True)})


def _item_of(tree: Json) -> Json:
    return {name: _value_of(value) for name, value in tree.items() if name != ITEM}


def _value_of(branch: Any) -> Any:
    if isinstance(branch, Items):
        return [_item_of(item) for item in branch.values() if ITEM in item]
    return _item_of(branch) if isinstance(branch, dict) else branch


def _merged(live: Json, wanted: Json) -> Json:
    """The live object, with what is wanted as wanted, in the order of the wanted."""
    merged = {
        name: _merged(live[name], value) if isinstance(value, dict) and isinstance(live.get(name), dict) else value
        for name, value in wanted.items()
    }
    return type(live)(merged | {name: value for name, value in live.items() if name not in wanted})


def _without(live: Json, fields: set[Field], above: Field = ()) -> Json:
    """The live object without these fields: what a manager owned alone and names no more."""
    return type(live)(
        (name, _without(value, fields, (*above, name)) if isinstance(value, dict) else value)
        for name, value in live.items()
        if (*above, name) not in fields
    )


def _fields(item: Json, above: Field = ()) -> Iterator[Field]:
    for name, value in item.items():
        if isinstance(value, dict):
            yield from _fields(value, (*above, name))
        else:
            yield (*above, name)


def _differences(old: Json, new: Json) -> set[Field]:
    return {field for field in {*_fields(old), *_fields(new)} if _at(old, field) != _at(new, field)}


def _at(item: Any, field: Field) -> Any:
    for name in field:
        item = item.get(name) if isinstance(item, dict) else None
    return item


def _tree(fields: set[Field]) -> Json:
    """Spec: Kubernetes meta/v1 FieldsV1, as far as names go."""
    tree: Json = {}
    for field in sorted(fields):
        inner = tree
        for name in field:
            inner = inner.setdefault(_spelled(name), {})
    return tree


def _spelled(name: str) -> str:
    return name if name == ITEM else f"k:{name}" if name.startswith("{") else f"f:{name}"


def refusals(code: int, *verbs: str, retry_after: float | None = None) -> dict[str, Exception]:
    """For `FakeWriter.refuse`: the same error for each of these."""
    return {verb: ApiError(code, "no", retry_after=retry_after) for verb in verbs}


def names(calls: Iterable[Call]) -> list[str]:
    """`verb Kind name` of each call."""
    return [f"{call.verb} {call.kind} {call.key.name}" for call in calls]
