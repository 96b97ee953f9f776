"""Messages → bytes, and kept bytes → discovery responses that carry them without decoding them again."""

from collections.abc import Iterable
from itertools import chain

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message

from protos.discovery import DeltaDiscoveryResponse, DiscoveryResponse, Resource
from protos.type_urls import PREFIX


def encode(message: Message) -> bytes:
    """The message's deterministic encoding: equal messages give equal bytes, map entries in order of their keys.

    Deterministic for one release of protobuf, which every replica of one release of ours shares.
    """
    return message.SerializeToString(deterministic=True)


def type_url(message: Message | type[Message]) -> str:
    """The URL that names the message's type inside an Any."""
    return PREFIX + message.DESCRIPTOR.full_name


def pack(message: Message) -> AnyMessage:
    """The message inside an Any, for the `typed_config` of an extension. Deterministic, as `encode`."""
    return AnyMessage(type_url=type_url(message), value=encode(message))


def as_field(number: int, body: bytes) -> bytes:
    """An encoded message as a field of another: one field after the other makes an encoding of that.

    Spec: Protocol Buffers, "Encoding", length-delimited records
    """
    return _header(number, len(body)) + body


def _header(number: int, length: int) -> bytes:
    """What goes before so many bytes to make them a field."""
    header = bytearray([number << 3 | 2])
    while length > 0x7F:
        header.append(length & 0x7F | 0x80)
        length >>= 7
    header.append(length)
    return bytes(header)


def encode_response(*, type_url: str, version: str, nonce: str, bodies: Iterable[bytes]) -> bytes:
    """A DiscoveryResponse around encoded resources.

    `bodies` are encodings of messages of the type that `type_url` names. Cost: copies each body, decodes none.
    """
    return DiscoveryResponse(
        version_info=version,
        type_url=type_url,
        nonce=nonce,
        resources=[AnyMessage(type_url=type_url, value=body) for body in bodies],
    ).SerializeToString()


def delta_resource(type_url: str, name: str, version: str, pieces: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """A resource of a DeltaDiscoveryResponse, for `encode_delta_response`: what goes before its body, and the body.

    `pieces` make up the body, and are neither copied nor joined. Cost: 3 µs.
    """
    size = sum(map(len, pieces))
    of_type = as_field(AnyMessage.TYPE_URL_FIELD_NUMBER, type_url.encode()) + _header(
        AnyMessage.VALUE_FIELD_NUMBER, size
    )
    start = (
        as_field(Resource.NAME_FIELD_NUMBER, name.encode())
        + as_field(Resource.VERSION_FIELD_NUMBER, version.encode())
        + _header(Resource.RESOURCE_FIELD_NUMBER, len(of_type) + size)
        + of_type
    )
    return _header(DeltaDiscoveryResponse.RESOURCES_FIELD_NUMBER, len(start) + size) + start, *pieces


def encode_delta_response(
    *, type_url: str, version: str, nonce: str, resources: Iterable[tuple[bytes, ...]], removed: Iterable[str] = ()
) -> bytes:
    """A DeltaDiscoveryResponse with these `delta_resource`s.

    `removed` names resources that are gone or never were; `version` is for people who debug, the protocol ignores it.
    Cost: copies each body once.

    Spec: Protocol Buffers, "Encoding", last one wins: one encoding after another is an encoding of both, merged.
    """
    rest = DeltaDiscoveryResponse(
        system_version_info=version, type_url=type_url, nonce=nonce, removed_resources=removed
    ).SerializeToString()
    return b"".join([*chain.from_iterable(resources), rest])
