"""Bytes of the xDS messages ↔ the protocol's records. The only place of `serve` that knows protobuf.

Spec: Envoy v1.40 service.discovery.v3
"""

from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

from google.protobuf.message import DecodeError

from protos import type_urls
from protos.discovery import DeltaDiscoveryRequest, DiscoveryRequest
from protos.encode import encode_delta_response, encode_response
from xds_server.protocol.messages import DeltaRequest, Response, SotwRequest
from xds_server.snapshot.resource import ResourceType

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


class Dialect[Request](Protocol):
    """How one dialect's messages are read and written."""

    def read(self, data: bytes, only: ResourceType | None) -> tuple[Node, Request | None]:
        """Decode a request; None stands for one of a type that is not served here.

        `only` is the type of a stream that carries one type, whose requests may leave it out. Raises `Malformed`.
        """
        ...

    def write(self, response: Response) -> bytes:
        """Encode a response around kept bytes."""
        ...


class DeltaDialect:
    """DeltaDiscoveryRequest → DeltaRequest, Response → DeltaDiscoveryResponse."""

    def read(self, data: bytes, only: ResourceType | None) -> tuple[Node, DeltaRequest | None]:
        """As `Dialect.read`."""
        try:
            message = DeltaDiscoveryRequest.FromString(data)
        except DecodeError as error:
            raise Malformed from error
        node = Node(message.node.id, message.node.cluster)
        if (type_ := _type(message.type_url, only)) is None:
            return node, None
        return node, DeltaRequest(
            type=type_,
            subscribe=tuple(message.resource_names_subscribe),
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
            resources=[(r.name, r.version, r.body) for r in response.resources],
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
        node = Node(message.node.id, message.node.cluster)
        if (type_ := _type(message.type_url, only)) is None:
            return node, None
        return node, SotwRequest(
            type=type_,
            names=tuple(message.resource_names),
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


def _type(type_url: str, only: ResourceType | None) -> ResourceType | None:
    if only is None:
        return TYPES.get(type_url)
    return only if type_url in ("", TYPE_URLS[only]) else None
