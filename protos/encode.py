"""Messages → bytes, and kept bytes → discovery responses that carry them without decoding them again."""

from collections.abc import Iterable

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
    header = bytearray([number << 3 | 2])
    length = len(body)
    while length > 0x7F:
        header.append(length & 0x7F | 0x80)
        length >>= 7
    header.append(length)
    return bytes(header) + body


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


def encode_delta_resources(type_url: str, resources: Iterable[tuple[str, str, bytes]]) -> bytes:
    """The resources of a DeltaDiscoveryResponse, for `encode_delta_response`; each is (name, version, body).

    Cost: copies each body, decodes none; 3 µs each.
    """
    return DeltaDiscoveryResponse(
        resources=[
            Resource(name=name, version=of, resource=AnyMessage(type_url=type_url, value=body))
            for name, of, body in resources
        ]
    ).SerializeToString()


def encode_delta_response(
    *, type_url: str, version: str, nonce: str, resources: bytes, removed: Iterable[str] = ()
) -> bytes:
    """A DeltaDiscoveryResponse around what `encode_delta_resources` returned.

    `removed` names resources that are gone or never were; `version` is for people who debug, the protocol ignores it.

    Spec: Protocol Buffers, "Encoding", last one wins: one encoding after another is an encoding of both, merged.
    """
    rest = DeltaDiscoveryResponse(
        system_version_info=version, type_url=type_url, nonce=nonce, removed_resources=removed
    ).SerializeToString()
    return resources + rest
