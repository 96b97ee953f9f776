"""One encoded Envoy resource, sets of them, and the whole that one Gateway's proxies get."""

from binascii import b2a_base64
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from functools import cached_property
from operator import attrgetter
from typing import Final, NamedTuple

import msgspec
import xxhash
from immutables import Map

from protos import type_urls


class ResourceType(IntEnum):
    """The value is the order of sending. Spec: xDS protocol, "Eventual consistency considerations"."""

    CLUSTER = 0
    ENDPOINT = 1
    SECRET = 2
    SCOPED_ROUTE = 3
    LISTENER = 4
    ROUTE = 5


TYPE_URLS: Final[Mapping[ResourceType, str]] = {
    ResourceType.CLUSTER: type_urls.CLUSTER,
    ResourceType.ENDPOINT: type_urls.ENDPOINT,
    ResourceType.SECRET: type_urls.SECRET,
    ResourceType.SCOPED_ROUTE: type_urls.SCOPED_ROUTE,
    ResourceType.LISTENER: type_urls.LISTENER,
    ResourceType.ROUTE: type_urls.ROUTE,
}


type Reference = tuple[ResourceType, str]
"""A resource by its type and name."""


class Resource(msgspec.Struct, frozen=True, eq=False):
    """Encoded once, at birth. `version` is a digest of the content: equal on every replica and after every restart.

    It is short, since it goes along with each resource: a version is only ever compared with another of the same name.
    """

    name: str
    version: str
    encoding: bytes | tuple[bytes, ...]
    """The body, or pieces that make it up: a large one whose neighbour versions share most of them is not copied for
    each version, and a version that nobody asks for is never put together."""
    depends_on: tuple[Reference, ...] = ()
    """Resources that it names, each once: they must be in `Snapshot` too, and are acknowledged before it is sent."""
    framed: tuple[bytes, ...] = ()
    """The pieces behind what goes before them in a response; () until it was sent first. Kept by who sends (ADR 15)."""

    @property
    def body(self) -> bytes:
        """The message's deterministic encoding, without the Any around it."""
        return b"".join(self.pieces)

    @property
    def pieces(self) -> tuple[bytes, ...]:
        """What makes up the body."""
        return (self.encoding,) if isinstance(self.encoding, bytes) else self.encoding

    @property
    def size(self) -> int:
        """Bytes of the body. Puts nothing together."""
        return len(self.encoding) if isinstance(self.encoding, bytes) else sum(map(len, self.encoding))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Resource) and self._content == other._content

    def __hash__(self) -> int:
        return hash((self.name, self.version))

    @property
    def _content(self) -> tuple[str, str, bytes, tuple[Reference, ...]]:
        return self.name, self.version, self.body, self.depends_on


def make_resource(name: str, body: bytes, depends_on: Iterable[Reference] = ()) -> Resource:
    """A resource with the version that its bytes deserve."""
    return Resource(name, _short(xxhash.xxh3_128_intdigest(body)), body, tuple(depends_on))


def digest(part: bytes) -> int:
    """A number that stands for a part of a body. The sum of the parts' stands for the body: see `make_from_parts`."""
    return xxhash.xxh3_128_intdigest(part)


def make_from_parts(name: str, total: int, pieces: tuple[bytes, ...], depends_on: Iterable[Reference]) -> Resource:
    """A resource of many parts whose order follows from their content.

    `total` is the sum of each part's `digest`, so the version is the same however the parts came to be. `pieces` make
    up the body; where they begin and end means nothing.
    """
    return Resource(name, _short(total), pieces, tuple(depends_on))


def _short(digest: int) -> str:
    """64 bits of it, in eleven characters."""
    return b2a_base64((digest % 2**64).to_bytes(8), newline=False).decode().rstrip("=")


class SetChange(NamedTuple):
    """How a set came to be: the version before, and the names that were added, removed or changed since."""

    before: str
    names: frozenset[str]


class ResourceSet(msgspec.Struct, frozen=True, eq=False, dict=True):
    """All resources of one type, in no order. `version` changes exactly when a name or a body does.

    Sets of the same content are equal, however they came to be.
    """

    version: str
    """The sum of a digest of each resource, so that a change of the set costs what it changes; "" for no resources."""
    by_name: Map[str, Resource]
    lineage: tuple[SetChange, ...] = ()
    """The last few changes, the newest first; empty when nothing is known of sets before."""

    @cached_property
    def in_order(self) -> tuple[Resource, ...]:
        """The resources in the order of their names."""
        return tuple(sorted(self.by_name.values(), key=attrgetter("name")))

    @cached_property
    def parcels(self) -> tuple[tuple[Resource, ...], ...]:
        """`in_order`, as it travels to all clients that begin: see `parcels`."""
        return tuple(parcels(self.in_order))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ResourceSet) and self.version == other.version and self.by_name == other.by_name

    def __ne__(self, other: object) -> bool:
        return not self == other  # a Struct's own compares identities

    def __hash__(self) -> int:
        return hash(self.version)


EMPTY_SET = ResourceSet("", Map())

MAX_BYTES = 1024 * 1024
"""Of resources in one parcel. More goes into the next: one big message would hold up everything behind it."""


def parcels(resources: Iterable[Resource]) -> Iterator[tuple[Resource, ...]]:
    """Resources → groups of at most `MAX_BYTES`; a resource that is larger is one by itself."""
    parcel: list[Resource] = []
    size = 0
    for resource in resources:
        size += resource.size
        if parcel and size > MAX_BYTES:
            yield tuple(parcel)
            parcel, size = [], resource.size
        parcel.append(resource)
    if parcel:
        yield tuple(parcel)


LINEAGE = 16
"""Changes that a set remembers: a stream that looks up less often compares whole sets."""


def make_set(resources: Iterable[Resource]) -> ResourceSet:
    """A set with the version that its content deserves. Cost: linear in its size."""
    by_name = Map({r.name: r for r in resources})
    return ResourceSet(_version(sum(map(_digest, by_name.values())), by_name), by_name)


def change_set(old: ResourceSet, upserts: Iterable[Resource], removals: Iterable[str] = ()) -> ResourceSet:
    """`old` without `removals` and with `upserts`: equal to `make_set` of all of that.

    Returns `old` itself when nothing differs. Cost: follows what changes; the two share the rest (ADR 18).
    """
    by_name = old.by_name.mutate()
    total = int(old.version, 16) if old.version else 0
    changed = set()
    for name in removals:
        if (gone := by_name.pop(name, None)) is not None:
            total -= _digest(gone)
            changed.add(name)
    for resource in upserts:
        known = by_name.get(resource.name)
        if known is not None and known.version == resource.version:
            continue
        total += _digest(resource) - (0 if known is None else _digest(known))
        by_name[resource.name] = resource
        changed.add(resource.name)
    if not changed:
        return old
    lineage = (SetChange(old.version, frozenset(changed)), *old.lineage[: LINEAGE - 1])
    now = by_name.finish()
    return ResourceSet(_version(total, now), now, lineage)


def _digest(resource: Resource) -> int:
    return xxhash.xxh3_128_intdigest(f"{resource.name}\0{resource.version}".encode())


def _version(total: int, by_name: Mapping[str, Resource]) -> str:
    return format(total % 2**128, "032x") if by_name else ""


class Snapshot(msgspec.Struct, frozen=True):
    """Everything that the proxies of one Gateway get."""

    by_type: Mapping[ResourceType, ResourceSet]

    def of(self, type_: ResourceType) -> ResourceSet:
        """The set of one type; the empty set when there is none."""
        return self.by_type.get(type_, EMPTY_SET)
