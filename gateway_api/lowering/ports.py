"""A Gateway's listeners → its ports: which listeners share each, and which of them serve."""

from itertools import groupby

import msgspec

from gateway_api.graph.gateways.listener import can_share_port, transport_of
from gateway_api.graph.gateways.standing import is_unaccepted
from gateway_api.graph.types import GatewayNode, ListenerNode
from gateway_api.ir import xds as ir


class Port(msgspec.Struct, frozen=True):
    """The listeners of one port of one transport, in spec order.

    They share a protocol, or are of HTTPS and TLS: others conflict and do not serve.
    """

    number: int
    bind_port: int
    transport: ir.Transport
    listeners: tuple[ListenerNode, ...]
    """Those that serve, at least one."""
    unserved: tuple[ListenerNode, ...] = ()
    """The first of each hostname that none of those has: it keeps its hostname while it is being repaired."""

    @property
    def hostnames(self) -> frozenset[str]:
        """What they share out, those among them that do not serve."""
        return frozenset(listener.hostname for listener in (*self.listeners, *self.unserved))

    @property
    def protocol(self) -> str:
        """The first listener's."""
        return self.listeners[0].spec.protocol


def ports_of(gateway: GatewayNode) -> tuple[Port, ...]:
    """Return the ports that a Gateway serves, in order, TCP before UDP: none where it does not serve itself. One that
    none of its listeners serves is left out.
    """
    if not gateway.serves:
        return ()
    claiming = sorted((listener for listener in gateway.all_listeners if not is_unaccepted(listener)), key=_port)
    groups = (_port_of(tuple(group)) for _, group in groupby(claiming, key=_port))
    return tuple(port for port in groups if port is not None)


def _port_of(claiming: tuple[ListenerNode, ...]) -> Port | None:
    """Take the listeners of one port that are not refused for themselves; None when none of them serves.

    Of those that do not, one of another protocol has no part in the port: it conflicts with who came first.
    """
    serving = tuple(listener for listener in claiming if listener.serves)
    if not serving:
        return None
    first, served = serving[0], {listener.hostname for listener in serving}
    unserved: dict[str, ListenerNode] = {}
    for listener in claiming:
        if can_share_port({first.spec.protocol, listener.spec.protocol}) and listener.hostname not in served:
            unserved.setdefault(listener.hostname, listener)
    number, transport = _port(first)
    return Port(number, first.bind_port, transport, serving, tuple(unserved.values()))


def _port(listener: ListenerNode) -> tuple[int, ir.Transport]:
    return listener.spec.port, transport_of(listener.spec)
