"""One encoded Envoy resource, sets of them, and the whole that one Gateway's proxies get."""

from collections.abc import Iterable, Mapping
from enum import IntEnum

import msgspec
import xxhash


class ResourceType(IntEnum):
    """The value is the order of sending. Spec: xDS protocol, "Eventual consistency considerations"."""

    CLUSTER = 0
    ENDPOINT = 1
    SECRET = 2
    LISTENER = 3
    ROUTE = 4


class Resource(msgspec.Struct, frozen=True):
    """Encoded once, at birth. `version` is a digest of `body`: equal on every replica and after every restart."""

    name: str
    version: str
    body: bytes
    """The message's deterministic encoding, without the Any around it."""
    depends_on: tuple[tuple[ResourceType, str], ...] = ()
    """Resources that it names: what `Snapshot` must hold too, and what must be acknowledged before it is sent."""


def make_resource(name: str, body: bytes, depends_on: Iterable[tuple[ResourceType, str]] = ()) -> Resource:
    """A resource with the version that its bytes deserve."""
    return Resource(name, xxhash.xxh3_128_hexdigest(body), body, tuple(depends_on))


class ResourceSet(msgspec.Struct, frozen=True):
    """All resources of one type. `version` changes exactly when a name or a body does."""

    version: str
    by_name: Mapping[str, Resource]


EMPTY_SET = ResourceSet("", {})


def make_set(resources: Iterable[Resource]) -> ResourceSet:
    """A set with the version that its content deserves. Cost: linear in its size."""
    by_name = {r.name: r for r in sorted(resources, key=lambda r: r.name)}
    digest = xxhash.xxh3_128()
    for r in by_name.values():
        digest.update(f"{r.name}\0{r.version}\0".encode())
    return ResourceSet(digest.hexdigest() if by_name else "", by_name)


class Snapshot(msgspec.Struct, frozen=True):
    """Everything that the proxies of one Gateway get."""

    by_type: Mapping[ResourceType, ResourceSet]

    def of(self, type_: ResourceType) -> ResourceSet:
        """The set of one type; the empty set when there is none."""
        return self.by_type.get(type_, EMPTY_SET)
