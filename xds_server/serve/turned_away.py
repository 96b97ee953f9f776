"""Streams that are turned away → a line in the log, so that who looks for a proxy that cannot connect finds out why."""

from typing import NamedTuple

import grpc
import msgspec
import structlog

from flow.clock import Clock
from k8s_watch.keys import ObjectKey
from xds_server.serve.session import Ending
from xds_server.serve.wire import Node

PAUSE = 60.0
"""Seconds between two lines of one code and Gateway: a proxy that may not connect tries every second."""
KNOWN = 1000
"""Codes and Gateways that are remembered, before those that were silent for long are forgotten."""
LONGEST = 200
"""Characters of what a client says of itself."""
TOLD = frozenset(
    {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED}
)
"""What somebody has to mend. That we are not ready yet is not among it."""

log = structlog.get_logger("xds_server.serve")


class Visitor(msgspec.Struct):
    """Who is at the door, as far as is known by then."""

    peer: str
    """Its address, in gRPC's words."""
    gateway: ObjectKey | None = None
    """Whose certificate it shows."""
    node: Node = Node("", "")
    """Who it says it is."""


class _Said(NamedTuple):
    at: float
    unsaid: int
    """How many were turned away since, without a line."""


class TurnedAwayLog:
    """Tells of streams that were turned away, once a minute for each code and Gateway at most."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said: dict[tuple[grpc.StatusCode, ObjectKey | None], _Said] = {}

    def tell(self, ending: Ending, visitor: Visitor) -> None:
        """A stream was turned away, or ended by us. Cost: a look into a table, and seldom a line."""
        if ending.code not in TOLD:
            return
        key, now = (ending.code, visitor.gateway), self._clock.monotonic()
        said = self._said.get(key)
        if said and now < said.at + PAUSE:
            self._said[key] = said._replace(unsaid=said.unsaid + 1)
            return
        if len(self._said) >= KNOWN:
            self._said = {each: one for each, one in self._said.items() if now < one.at + PAUSE}
        self._said[key] = _Said(now, 0)
        log.warning(
            "stream turned away",
            code=ending.code.name,
            reason=ending.why,
            peer=visitor.peer,
            node=visitor.node.id[:LONGEST],
            node_cluster=visitor.node.cluster[:LONGEST],
            gateway=str(visitor.gateway) if visitor.gateway else "",
            suppressed=said.unsaid if said else 0,
        )
