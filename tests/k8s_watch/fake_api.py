"""A small API server in memory: collections with history, lists in pages, watches, and every way to misbehave.

It is a `KubeReader`, and `http_server.py` puts the same thing behind HTTP.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

from flow.clock import Clock
from k8s_watch.api import ApiError, Gone, NotServed, Page
from k8s_watch.keys import AnyKind, ObjectKey

type Json = dict[str, Any]


class Call(NamedTuple):
    """One request that the server saw."""

    verb: str
    """discover, list or watch."""
    kind: str
    at: float
    resource_version: str = ""
    limit: int = -1
    timeout: float = 0.0


class Collection:
    """The objects of one kind, and what happened to them."""

    def __init__(self) -> None:
        self.objects: dict[ObjectKey, Json] = {}
        self.history: list[tuple[int, str, Json]] = []
        self.compacted = 0
        self.watches: list[asyncio.Queue[bytes | BaseException | None]] = []


class Objects:
    """What a server holds, whichever way one comes to it."""

    def __init__(self) -> None:
        self.collections: dict[str, Collection] = {}
        self.last = 99
        """The newest resourceVersion."""
        self.uid = itertools.count(1)


class FakeApi:
    """Serves the kinds it is told to. All faults are attributes and take effect at once."""

    def __init__(self, clock: Clock, *, page_size: int = 1000, objects: Objects | None = None) -> None:
        self.calls: list[Call] = []
        self.refuse: dict[str, BaseException] = {}
        """What calls raise: all of them ("*"), those for a kind ("Service"), or one sort of those ("watch Service")."""
        self.refuse_once: list[BaseException | None] = []
        """What the next calls raise, one each; None lets one pass."""
        self.missing: set[str] = set()
        """Kinds whose CRD is not there."""
        self.gone_as_event = False
        """Whether an old resourceVersion on a watch is an ERROR event in a good answer, or an HTTP 410."""
        self.expired_tokens = 0
        """Continue tokens made before this are gone."""
        self._clock = clock
        self._page_size = page_size
        self._objects = objects or Objects()
        self._watches: dict[str, list[asyncio.Queue[bytes | BaseException | None]]] = {}
        """Those that were opened this way, by kind."""
        self._lists: dict[str, tuple[list[bytes], str]] = {}

    def another_way(self) -> "FakeApi":
        """Make another way to the same objects, with faults and calls of its own."""
        return FakeApi(self._clock, page_size=self._page_size, objects=self._objects)

    # What a test does to the server.

    def put(self, kind: AnyKind, name: str, namespace: str = "default", *, uid: str = "", **fields: Any) -> Json:
        """Create the object or change it; `uid` other than its own makes another object of the same name."""
        of = self.of(kind)
        key = ObjectKey(namespace if kind.namespaced else "", name)
        old = of.objects.get(key)
        if old and uid and old["metadata"]["uid"] != uid:
            self.delete(kind, name, namespace)
            old = None
        uid = uid or (old["metadata"]["uid"] if old else f"uid-{next(self._objects.uid)}")
        meta = {"name": name, "uid": uid, "resourceVersion": self._tick()} | fields.pop("metadata", {})
        meta |= {"namespace": namespace} if kind.namespaced else {}
        made = {"metadata": meta, **fields}
        of.objects[key] = made
        was, is_ = old is not None and selected(kind, old), selected(kind, made)
        if was and not is_:
            self._tell(of, "DELETED", (old or {}) | {"metadata": (old or {})["metadata"] | made["metadata"]})
        elif is_:
            self._tell(of, "MODIFIED" if was else "ADDED", made)
        return made

    def delete(self, kind: AnyKind, name: str, namespace: str = "default") -> None:
        """Delete the object if it is there."""
        of = self.of(kind)
        key = ObjectKey(namespace if kind.namespaced else "", name)
        if (old := of.objects.pop(key, None)) is not None:
            gone = old | {"metadata": old["metadata"] | {"resourceVersion": self._tick()}}
            if selected(kind, old):
                self._tell(of, "DELETED", gone)

    def bookmark(self, kind: AnyKind, **metadata: Any) -> None:
        """Tell every watch of the kind how far it is."""
        self.say(kind, "BOOKMARK", {"metadata": {"resourceVersion": self.last_version, **metadata}})

    def say(self, kind: AnyKind, type_: str, of: Json) -> None:
        """Send one event to the open watches, outside of history."""
        for watch in self.of(kind).watches:
            watch.put_nowait(_line(type_, of))

    def send(self, kind: AnyKind, line: bytes) -> None:
        """Send any bytes as a line."""
        for watch in self.of(kind).watches:
            watch.put_nowait(line)

    def compact(self) -> None:
        """Forget all history: older resourceVersions are gone. Something unrelated moves the version on first."""
        self._tick()
        for of in self._objects.collections.values():
            of.history.clear()
            of.compacted = self._objects.last

    def close(self, kind: AnyKind) -> None:
        """End the kind's watches cleanly."""
        self._end(kind, None)

    def cut(self, kind: AnyKind, error: BaseException | None = None) -> None:
        """Break the kind's watches."""
        self._end(kind, error or ConnectionResetError("cut"))

    def stall(self, kind: AnyKind) -> None:
        """Have the kind's open watches say nothing more and end never, as if their peer was gone without a word."""
        for watch in self._watches.pop(kind.name, ()):
            self.of(kind).watches.remove(watch)

    def stop(self) -> None:
        """Be unreachable: refuse every call and cut every watch."""
        self.refuse["*"] = ConnectionRefusedError("nobody listens")
        for watches in self._watches.values():
            for watch in watches:
                watch.put_nowait(ConnectionResetError("gone"))

    def start(self) -> None:
        """Be reachable again."""
        self.refuse.pop("*", None)

    def drop_crd(self, kind: AnyKind) -> None:
        """Stop to serve the kind; its watches end."""
        self.missing.add(kind.name)
        self.close(kind)

    # What a test asks.

    def of(self, kind: AnyKind) -> Collection:
        """The kind's collection."""
        return self._objects.collections.setdefault(kind.name, Collection())

    def seen(self, verb: str, kind: AnyKind) -> list[Call]:
        """The calls of one sort for one kind."""
        return [call for call in self.calls if (call.verb, call.kind) == (verb, kind.name)]

    @property
    def last_version(self) -> str:
        """The newest resourceVersion."""
        return str(self._objects.last)

    # KubeReader.

    async def served_version(self, kind: AnyKind, /) -> str:
        self._call(Call("discover", kind.name, self._clock.monotonic()))
        if kind.name in self.missing:
            raise NotServed(404, "no CRD")
        return kind.versions[0]

    async def list_page(self, kind: AnyKind, version: str, /, *, limit: int, continue_token: str) -> Page:
        self._call(Call("list", kind.name, self._clock.monotonic(), limit=limit))
        if kind.name in self.missing:
            raise NotServed(404, "no CRD")
        if continue_token:
            number, start = (int(part) for part in continue_token.split(":"))
            if number < self.expired_tokens:
                raise Gone(410, "The provided continue parameter is too old", reason="Expired")
            items, resource_version = self._lists[str(number)]
        else:
            number, start = len(self._lists), 0
            objects = sorted(self.of(kind).objects.items())
            items = [json.dumps(held).encode() for _, held in objects if selected(kind, held)]
            resource_version = self.last_version
            self._lists[str(number)] = (items, resource_version)
        end = start + min(limit, self._page_size) if limit else len(items)
        return Page(tuple(items[start:end]), resource_version, f"{number}:{end}" if end < len(items) else "")

    async def watch(
        self,
        kind: AnyKind,
        version: str,
        /,
        *,
        resource_version: str,
        timeout: float,  # noqa: ASYNC109
    ) -> AsyncGenerator[bytes, None]:
        self._call(Call("watch", kind.name, self._clock.monotonic(), resource_version, timeout=timeout))
        if kind.name in self.missing:
            raise NotServed(404, "no CRD")
        of = self.of(kind)
        if int(resource_version) < of.compacted:
            status = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
            if not self.gone_as_event:
                raise Gone(410, "too old resource version", reason="Expired")
            yield _line("ERROR", status)
            return
        yield b""
        queue: asyncio.Queue[bytes | BaseException | None] = asyncio.Queue()
        for at, type_, held in of.history:
            if at > int(resource_version):
                queue.put_nowait(_line(type_, held))
        own = self._watches.setdefault(kind.name, [])
        for watches in (own, of.watches):
            watches.append(queue)
        try:
            while (said := await queue.get()) is not None:
                if isinstance(said, BaseException):
                    raise said
                yield said
        finally:
            for watches in (own, of.watches):
                if queue in watches:  # or it was stalled
                    watches.remove(queue)

    def _call(self, call: Call) -> None:
        self.calls.append(call)
        if self.refuse_once and (error := self.refuse_once.pop(0)):
            raise error
        for name in ("*", call.kind, f"{call.verb} {call.kind}"):
            if name in self.refuse:
                raise self.refuse[name]

    def _tick(self) -> str:
        self._objects.last += 1
        return self.last_version

    def _tell(self, of: Collection, type_: str, held: Json) -> None:
        of.history.append((self._objects.last, type_, held))
        for watch in of.watches:
            watch.put_nowait(_line(type_, held))

    def _end(self, kind: AnyKind, how: BaseException | None) -> None:
        for watch in self._watches.get(kind.name, ()):
            watch.put_nowait(how)


def labels_of(kind: AnyKind) -> dict[str, str]:
    """The labels that the kind is watched by."""
    return dict(pair.split("=") for pair in kind.selector.split(",") if pair)


def selected(kind: AnyKind, held: Json) -> bool:
    """Whether the object has those labels: to who watches, another one is not there."""
    return labels_of(kind).items() <= held["metadata"].get("labels", {}).items()


def _line(type_: str, of: Json) -> bytes:
    return json.dumps({"type": type_, "object": of}).encode()


FORBIDDEN = ApiError(403, "gateways is forbidden", reason="Forbidden")
UNAVAILABLE = ApiError(500, "etcdserver: request timed out")
