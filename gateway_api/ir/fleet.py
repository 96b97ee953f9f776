"""What the data plane tells us back."""

from collections.abc import Mapping

import msgspec

from k8s_watch.keys import ObjectKey


class Nack(msgspec.Struct, frozen=True, kw_only=True):
    """A proxy refused a resource. `message` is Envoy's own."""

    node_id: str
    type_url: str
    resources: tuple[str, ...]
    """Names in the refused response."""
    message: str


class GatewayFleet(msgspec.Struct, frozen=True, kw_only=True):
    """One Gateway's proxies."""

    connected: int = 0
    acked: int = 0
    """How many have acknowledged everything of the newest snapshot."""
    nacks: tuple[Nack, ...] = ()


class FleetReport(msgspec.Struct, frozen=True):
    gateways: Mapping[ObjectKey, GatewayFleet] = {}
