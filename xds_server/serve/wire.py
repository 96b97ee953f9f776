"""Bytes of the xDS messages ↔ the protocol's records. The only place of `serve` that knows protobuf.

Spec: Envoy v1.40 service.discovery.v3
"""

import sys
from collections.abc import Iterable, Mapping, Sized
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

import msgspec
from google.protobuf.message import DecodeError, Message

from protos import core
from protos.discovery import DeltaDiscoveryRequest, DiscoveryRequest
from protos.encode import delta_resource, encode_delta_response, encode_response
from xds_server.protocol.errors import ProtocolError
from xds_server.protocol.messages import DeltaRequest, Response, SotwRequest
from xds_server.protocol.subscription import MAX_NAMES
from xds_server.snapshot.resource import TYPE_URLS, Resource, ResourceType

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


class DeltaDialect:
    """DeltaDiscoveryRequest → DeltaRequest, Response → DeltaDiscoveryResponse."""

    def read(self, data: bytes, only: ResourceType | None) -> tuple[Node, DeltaRequest | None]:
        """As `Dialect.read`."""
        return _read_once(data, only) if len(data) in WORTH_KEEPING else _read_delta(data, only)

    def write(self, response: Response) -> bytes:
        """As `Dialect.write`."""
        return encode_delta_response(
            type_url=TYPE_URLS[response.type],
            version=response.version,
            nonce=response.nonce,
            resources=[r.framed or _frame(response.type, r) for r in response.resources],
            removed=response.removed,
        )


WORTH_KEEPING = range(4 * 1024, 256 * 1024)
"""Bytes of a request that is kept with what it says: a thousand proxies ask for the same thousand names in the same
words. The largest are left out, so that nobody can have us keep much."""


def _read_delta(data: bytes, only: ResourceType | None) -> tuple[Node, DeltaRequest | None]:
    message = _decode(DeltaDiscoveryRequest, data)
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
        error=_error(message),
    )


_read_once = lru_cache(maxsize=8)(_read_delta)


def _frame(type_: ResourceType, resource: Resource) -> tuple[bytes, ...]:
    """Make what all streams send of it, once: a thousand proxies get the same thousands of resources."""
    framed = delta_resource(TYPE_URLS[type_], resource.name, resource.version, resource.pieces)
    msgspec.structs.force_setattr(resource, "framed", framed)
    return framed


class SotwDialect:
    """DiscoveryRequest → SotwRequest, Response → DiscoveryResponse."""

    def read(self, data: bytes, only: ResourceType | None) -> tuple[Node, SotwRequest | None]:
        """As `Dialect.read`."""
        message = _decode(DiscoveryRequest, data)
        node = _node(message.node)
        if (type_ := _type(message.type_url, only)) is None:
            return node, None
        _count(message.resource_names)
        return node, SotwRequest(
            type=type_,
            names=_interned(message.resource_names),
            version=message.version_info,
            nonce=message.response_nonce,
            error=_error(message),
        )

    def write(self, response: Response) -> bytes:
        """As `Dialect.write`."""
        return encode_response(
            type_url=TYPE_URLS[response.type],
            version=response.version,
            nonce=response.nonce,
            bodies=[r.body for r in response.resources],
        )


def _decode[M: Message](shape: type[M], data: bytes) -> M:
    try:
        return shape.FromString(data)
    except DecodeError as error:
        raise Malformed from error


_intern = sys.intern if sys.version_info >= (3, 12, 7) else str
"""Before that release of Python what was interned stayed for ever, and a client may say any names."""


def _interned(names: Iterable[str]) -> tuple[str, ...]:
    """The names, each the same object for all clients that ask for it: a thousand proxies know the same thousands."""
    return tuple(map(_intern, names))


def _count(*names: Sized) -> None:
    """Raise `ProtocolError` where there are too many, before each becomes an object of Python's many times as large."""
    if sum(map(len, names)) > MAX_NAMES:
        raise ProtocolError(f"more than {MAX_NAMES} names in one request")


MAX_ERROR = 16 * 1024
"""Characters of a refusal's words that are read: every name that was sent is looked for in them."""


def _error(message: DeltaDiscoveryRequest | DiscoveryRequest) -> str | None:
    return message.error_detail.message[:MAX_ERROR] if message.HasField("error_detail") else None


def _node(node: core.Node) -> Node:
    if not node.id:  # all but the first request of a stream
        return Node("", node.cluster)
    version = node.user_agent_build_version.version
    return Node(node.id, node.cluster, (version.major_number, version.minor_number))


def _type(type_url: str, only: ResourceType | None) -> ResourceType | None:
    if only is None:
        return TYPES.get(type_url)
    return only if type_url in ("", TYPE_URLS[only]) else None
