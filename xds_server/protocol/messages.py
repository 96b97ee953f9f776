"""What comes in and goes out, as records. Bytes become these, and these become bytes, in `xds_server.serve.wire`."""

from collections.abc import Mapping

import msgspec

from xds_server.snapshot.resource import Resource, ResourceType


class SotwRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Spec: Envoy v1.40 service.discovery.v3.DiscoveryRequest"""

    type: ResourceType
    names: tuple[str, ...] = ()
    version: str = ""
    """The version of the last response that the client accepted, from this server or another."""
    nonce: str = ""
    """Of the response that this answers; "" answers none."""
    error: str | None = None
    """Why the response was refused; None when it was not."""


class DeltaRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Spec: Envoy v1.40 service.discovery.v3.DeltaDiscoveryRequest"""

    type: ResourceType
    subscribe: tuple[str, ...] = ()
    unsubscribe: tuple[str, ...] = ()
    initial_versions: Mapping[str, str] = {}
    """What the client holds from an earlier stream, by name."""
    nonce: str = ""
    error: str | None = None


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """Resources to send, of either dialect."""

    type: ResourceType
    nonce: str
    version: str
    resources: tuple[Resource, ...] = ()
    removed: tuple[str, ...] = ()
    """Delta only."""


class Acked(msgspec.Struct, frozen=True, kw_only=True):
    """The client took a response."""

    type: ResourceType
    resources: tuple[Resource, ...]
    removed: tuple[str, ...] = ()


class Nacked(msgspec.Struct, frozen=True, kw_only=True):
    """The client refused a response. `message` is the head of its own."""

    type: ResourceType
    names: tuple[str, ...]
    """What the response brought."""
    culprit: Resource | None
    """What is to blame; None while it is being looked for."""
    message: str


class Stale(msgspec.Struct, frozen=True, kw_only=True):
    """The request answers a response of which nothing is known any more."""

    type: ResourceType
    nonce: str


class Returned(msgspec.Struct, frozen=True, kw_only=True):
    """The client has these already, from another stream."""

    type: ResourceType
    versions: Mapping[str, str]
    """By name."""


type Heard = Acked | Nacked | Stale | Returned | None
