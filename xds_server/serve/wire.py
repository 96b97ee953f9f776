"""Bytes of the xDS messages ↔ the protocol's records. The only place of `serve` that knows protobuf.

Spec: Envoy v1.40 service.discovery.v3
"""

import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sized
from typing import Final, NamedTuple, Protocol

from google.protobuf.message import DecodeError

from k8s_watch.keys import ObjectKey
from protos import core, type_urls
from protos.discovery import DeltaDiscoveryRequest, DiscoveryRequest
from protos.encode import encode_delta_resources, encode_delta_response, encode_response
from xds_server.protocol.errors import ProtocolError
from xds_server.protocol.messages import DeltaRequest, Response, SotwRequest
from xds_server.protocol.subscription import MAX_NAMES
from xds_server.snapshot.resource import Resource, ResourceType

TYPE_URLS: Final[Mapping[ResourceType, str]] = {
    ResourceType.CLUSTER: type_urls.CLUSTER,
    ResourceType.ENDPOINT: type_urls.ENDPOINT,
    ResourceType.SECRET: type_urls.SECRET,
    ResourceType.SCOPED_ROUTE: type_urls.SCOPED_ROUTE,
    ResourceType.LISTENER: type_urls.LISTENER,
    ResourceType.ROUTE: type_urls.ROUTE,
}
TYPES: Final[Mapping[str, ResourceType]] = {url: type_ for type_, url in TYPE_URLS.items()}


class Malformed(Exception):
    """The bytes are no request. Says nothing about what is in them."""


class Node(NamedTuple):
    """Who the client says it is; "" for what it leaves out."""

    id: str
    cluster: str
    version: tuple[int, int] = (0, 0)
    """Of its program, the first two numbers; zeros where it leaves it out."""


class Dialect[Request](Protocol):
    """How one dialect's messages are read and written."""

    def read(self, data: bytes, only: ResourceType | None) -> tuple[Node, Request | None]:
        """Decode a request; None stands for one of a type that is not served here.

        `only` is the type of a stream that carries one type, whose requests may leave it out. Raises `Malformed`, and
        `ProtocolError` when it has more names than a request may have.
        """
        ...

    def write(self, response: Response) -> bytes:
        """Encode a response around kept bytes."""
        ...


type Encode = Callable[[ResourceType, tuple[Resource, ...]], bytes]
"""`BatchMemo.encode`, for the proxies of one Gateway."""


class BatchMemo:
    """Large batches of resources as they were encoded last, for the next stream that is sent the same.

    All proxies of a Gateway begin with the same thousands of resources. What is kept is bounded by `limit` bytes of
    encodings, over all Gateways; each keeps its resources alive, which are about as large.
    """

    LARGE = 32
    """Resources. Fewer are encoded in no time, and would push out what is worth keeping."""

    def __init__(self, limit: int = 16 * 1024 * 1024) -> None:
        self._limit = limit
        self._size = 0
        self._known: OrderedDict[tuple[ObjectKey | None, ResourceType, str], tuple[tuple[Resource, ...], bytes]]
        self._known = OrderedDict()
        """By Gateway, type and first name: what changed since takes the place of what was before."""

    def encode(self, group: ObjectKey | None, type_: ResourceType, resources: tuple[Resource, ...]) -> bytes:
        """As `encode_delta_resources`, for a proxy of this Gateway; None where clients show no certificate.

        Cost of a batch that is known: to compare identities.
        """
        if len(resources) < self.LARGE:
            return _encode(type_, resources)
        key = (group, type_, resources[0].name)
        known, encoded = self._known.pop(key, ((), b""))
        if known != resources:
            self._size -= len(encoded)
            encoded = _encode(type_, resources)
            self._size += len(encoded)
        self._known[key] = resources, encoded
        while self._size > self._limit:
            _, (_, dropped) = self._known.popitem(last=False)
            self._size -= len(dropped)
        return encoded


def _encode(type_: ResourceType, resources: tuple[Resource, ...]) -> bytes:
    return encode_delta_resources(TYPE_URLS[type_], [(r.name, r.version, r.body) for r in resources])


class DeltaDialect:
    """DeltaDiscoveryRequest → DeltaRequest, Response → DeltaDiscoveryResponse."""

    def __init__(self, encode: Encode) -> None:
        self._encode = encode

    def read(self, data: bytes, only: ResourceType | None) -> tuple[Node, DeltaRequest | None]:
        """As `Dialect.read`."""
        try:
            message = DeltaDiscoveryRequest.FromString(data)
        except DecodeError as error:
            raise Malformed from error
        node = _node(message.node)
        if (type_ := _type(message.type_url, only)) is None:
            return node, None
        _count(message.resource_names_subscribe, message.resource_names_unsubscribe, message.initial_resource_versions)
        return node, DeltaRequest(
            type=type_,
            subscribe=_interned(message.resource_names_subscribe),
            unsubscribe=tuple(message.resource_names_unsubscribe),
            initial_versions=dict(message.initial_resource_versions),
            nonce=message.response_nonce,
            error=message.error_detail.message if message.HasField("error_detail") else None,
        )

    def write(self, response: Response) -> bytes:
        """As `Dialect.write`."""
        return encode_delta_response(
            type_url=TYPE_URLS[response.type],
            version=response.version,
            nonce=response.nonce,
            resources=self._encode(response.type, response.resources),
            removed=response.removed,
        )


class SotwDialect:
    """DiscoveryRequest → SotwRequest, Response → DiscoveryResponse."""

    def read(self, data: bytes, only: ResourceType | None) -> tuple[Node, SotwRequest | None]:
        """As `Dialect.read`."""
        try:
            message = DiscoveryRequest.FromString(data)
        except DecodeError as error:
            raise Malformed from error
        node = _node(message.node)
        if (type_ := _type(message.type_url, only)) is None:
            return node, None
        _count(message.resource_names)
        return node, SotwRequest(
            type=type_,
            names=_interned(message.resource_names),
            version=message.version_info,
            nonce=message.response_nonce,
            error=message.error_detail.message if message.HasField("error_detail") else None,
        )

    def write(self, response: Response) -> bytes:
        """As `Dialect.write`."""
        return encode_response(
            type_url=TYPE_URLS[response.type],
            version=response.version,
            nonce=response.nonce,
            bodies=[r.body for r in response.resources],
        )


_intern = sys.intern if sys.version_info >= (3, 12, 7) else str
"""Before that release of Python what was interned stayed for ever, and a client may say any names."""


def _interned(names: Iterable[str]) -> tuple[str, ...]:
    """The names, each the same object for all clients that ask for it: a thousand proxies know the same thousands."""
    return tuple(map(_intern, names))


def _count(*names: Sized) -> None:
    """Raise `ProtocolError` where there are too many, before each becomes an object of Python's many times as large."""
    if sum(map(len, names)) > MAX_NAMES:
        raise ProtocolError(f"more than {MAX_NAMES} names in one request")


def _node(node: core.Node) -> Node:
    if not node.id:  # all but the first request of a stream
        return Node("", node.cluster)
    version = node.user_agent_build_version.version
    return Node(node.id, node.cluster, (version.major_number, version.minor_number))


def _type(type_url: str, only: ResourceType | None) -> ResourceType | None:
    if only is None:
        return TYPES.get(type_url)
    return only if type_url in ("", TYPE_URLS[only]) else None
