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


class RefusedRoute(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """What a route says of a hostname, and proxies refuse. `message` is Envoy's."""

    source: str
    """As `ir.xds.Route.name` begins."""
    hostname: str
    message: str
    left_out: bool = False
    """Whether it is not there at all; otherwise its requests are answered with 500."""


class GatewayFleet(msgspec.Struct, frozen=True, kw_only=True):
    """One Gateway's proxies."""

    connected: int = 0
    acked: int = 0
    """How many have acknowledged everything that is served."""
    nacks: tuple[Nack, ...] = ()
    """What is held back as a whole."""
    refused: tuple[RefusedRoute, ...] = ()
    """What is held back alone, and nothing else with it."""


class FleetReport(msgspec.Struct, frozen=True):
    gateways: Mapping[ObjectKey, GatewayFleet] = {}

    def of(self, gateway: ObjectKey) -> GatewayFleet:
        """What a Gateway's proxies say; of one that nobody heard of, nothing."""
        return self.gateways.get(gateway, NOBODY)


NOBODY = GatewayFleet()
