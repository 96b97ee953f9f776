"""A Gateway's own listeners, then those of its ListenerSets in order of precedence → which of the latter must give way.

All are one list, and who comes first in it keeps its place: nothing that a ListenerSet brings costs a listener before
it. The Gateway's own listeners are judged already. No message names a listener of somebody else: that is none of a
tenant's business.

Spec: Gateway API v1.6 ListenerSetSpec.listeners; GEP-1713 "Listener Precedence", "Listener and ListenerSet Conflicts"
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from gateway_api.graph import problems
from gateway_api.graph.gateways.listener import can_share_port, transport_of
from gateway_api.graph.gateways.standing import is_unaccepted
from gateway_api.graph.problems import Problem
from gateway_api.graph.types import ListenerNode


def judge_beside(own: Iterable[ListenerNode], added: Iterable[ListenerNode]) -> tuple[ListenerNode, ...]:
    """Return `added`, in the same order, each with what is wrong with it beside those before it. Linear in the number
    of all.

    Spec: GEP-1713 "the first Listener in the precedence list MUST be accepted"
    """
    claims = _Claims()
    for listener in own:
        if not is_unaccepted(listener):
            claims.add(listener)
    return tuple(listener if is_unaccepted(listener) else _judged(listener, claims) for listener in added)


def _judged(listener: ListenerNode, claims: "_Claims") -> ListenerNode:
    problem = claims.judge(listener)
    return msgspec.structs.replace(listener, problems=(*listener.problems, problem)) if problem else listener


class _Port(NamedTuple):
    transport: str
    number: int


def _port(listener: ListenerNode) -> _Port:
    return _Port(transport_of(listener.spec), listener.spec.port)


class _Claims:
    """What the listeners so far have taken. A conflicted one holds its claim: it must not change hands by a mistake."""

    def __init__(self) -> None:
        self._holders: defaultdict[_Port, dict[str, str]] = defaultdict(dict)
        """Port → hostname → the protocol that it is claimed for."""
        self._served: defaultdict[_Port, set[str]] = defaultdict(set)
        """Port → those protocols: kept beside, for a look at every hostname would cost each listener that is added."""
        self._bound: dict[_Port, int] = {}
        """Port that the proxy binds → port that it does so for."""

    def add(self, listener: ListenerNode) -> None:
        port, hostname = _port(listener), listener.hostname
        self._served[port].add(self._holders[port].setdefault(hostname, listener.spec.protocol))
        self._bound.setdefault(_Port(port.transport, listener.bind_port), port.number)

    def judge(self, listener: ListenerNode) -> Problem | None:
        """Add a listener, unless something is in its way: return that."""
        port, protocol = _port(listener), listener.spec.protocol
        if self._bound.get(_Port(port.transport, listener.bind_port), port.number) != port.number:
            message = f"port {port.number} is not free on this Gateway's proxies; choose another one."
            return problems.port_unavailable(message)
        served = self._served.get(port)
        if served and not can_share_port(served | {protocol}):
            text = " and ".join(sorted(served))
            return problems.protocol_conflict(f"Port {port.number} of this Gateway serves {text} already.")
        if holder := self._holders[port].get(listener.hostname):
            what = (
                f"Hostname {listener.spec.hostname or '(any)'} on port {port.number} of this Gateway is taken already"
            )
            if holder == protocol:
                return problems.hostname_conflict(f"{what}.")
            return problems.protocol_conflict(f"{what}, for {holder}.")
        self.add(listener)
        return None
