"""A Gateway's own listeners, then those of its ListenerSets in order of precedence → which of the latter must give way.

All are one list, and who comes first in it keeps its place: nothing that a ListenerSet brings costs a listener before
it. The Gateway's own listeners are judged already, and hear no more of ListenerSets than that hostnames overlap. No
message names a listener of somebody else: that is none of a tenant's business.

Spec: Gateway API v1.6 ListenerSetSpec.listeners; GEP-1713 "Listener Precedence", "Listener and ListenerSet Conflicts"
"""

from collections import defaultdict
from collections.abc import Sequence, Set
from typing import NamedTuple

import msgspec

from gateway_api.graph import problems
from gateway_api.graph.gateways.listener import OF_SERVER_NAME, can_share_port, transport_of
from gateway_api.graph.gateways.standing import is_refused, is_unaccepted
from gateway_api.graph.hostnames import wider
from gateway_api.graph.problems import Problem, of_condition
from gateway_api.graph.types import ListenerNode


class Beside(NamedTuple):
    """The listeners of a Gateway, judged together."""

    own: tuple[ListenerNode, ...]
    added: tuple[ListenerNode, ...]


def judge_beside(own: Sequence[ListenerNode], added: Sequence[ListenerNode]) -> Beside:
    """Add to each of `added`, in the same order, what is wrong with it beside those before it, and to each of all
    listeners whether its hostname overlaps with another's. Linear in their number.

    Spec: GEP-1713 "the first Listener in the precedence list MUST be accepted"
    Spec: Gateway API v1.6 ListenerConditionOverlappingTLSConfig, "MUST be set on all Listeners"
    """
    if not added:
        return Beside(tuple(own), ())
    claims = _Claims()
    for listener in own:
        if not is_unaccepted(listener):
            claims.add(listener)
    wrong = [None if is_unaccepted(listener) else claims.judge(listener) for listener in added]
    overlapping = {port: _overlapping(hostnames) for port, hostnames in claims.server_names.items()}

    def overlap(listener: ListenerNode) -> Problem | None:
        return _overlap(listener, overlapping.get(listener.spec.port, frozenset()))

    return Beside(
        tuple(listener if _is_told(listener) else _with(listener, overlap(listener)) for listener in own),
        tuple(_with(listener, problem or overlap(listener)) for listener, problem in zip(added, wrong, strict=True)),
    )


def _is_told(own: ListenerNode) -> bool:
    return is_refused(own) or bool(of_condition(own.problems, problems.OVERLAPPING_TLS_CONFIG))


class _Port(NamedTuple):
    transport: str
    number: int


def _port(listener: ListenerNode) -> _Port:
    return _Port(transport_of(listener.spec), listener.spec.port)


class _Claims:
    """What the listeners so far have taken. A conflicted one holds its claim: it must not change hands by a mistake."""

    def __init__(self) -> None:
        self.server_names: defaultdict[int, set[str]] = defaultdict(set)
        """Port → the hostnames of its HTTPS and TLS listeners."""
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
        if listener.spec.protocol in OF_SERVER_NAME:
            self.server_names[port.number].add(hostname)

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


def _overlapping(hostnames: Set[str]) -> frozenset[str]:
    """Return the hostnames that share requests with another of them."""
    pairs = ((name, other) for name in hostnames for other in wider(name) if other in hostnames)
    return frozenset(name for pair in pairs for name in pair)


def _overlap(listener: ListenerNode, overlapping: Set[str]) -> Problem | None:
    hostname = listener.hostname
    if listener.spec.protocol not in OF_SERVER_NAME or hostname not in overlapping or is_unaccepted(listener):
        return None
    text = listener.spec.hostname or "(any)"
    return problems.overlapping_hostnames(
        f"Hostname {text} overlaps with another listener's on port {listener.spec.port}."
    )


def _with(listener: ListenerNode, problem: Problem | None) -> ListenerNode:
    return msgspec.structs.replace(listener, problems=(*listener.problems, problem)) if problem else listener
