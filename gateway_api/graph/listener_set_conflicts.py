"""A Gateway's own listeners, then those of its ListenerSets in order of precedence → which of the latter must give way.

All are one list, and who comes first in it keeps its place: nothing that a ListenerSet brings costs a listener before
it. The Gateway's own listeners are judged already and hear nothing of ListenerSets. No message names a listener of
somebody else: that is none of a tenant's business.

Spec: Gateway API v1.6 ListenerSetSpec.listeners; GEP-1713 "Listener Precedence", "Listener and ListenerSet Conflicts"
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence, Set

import msgspec

from gateway_api.graph import problems
from gateway_api.graph.hostnames import ANY, wider
from gateway_api.graph.listener_conflicts import is_unaccepted
from gateway_api.graph.types import ListenerNode, Problem


def judge_beside(own: Iterable[ListenerNode], added: Sequence[ListenerNode]) -> tuple[ListenerNode, ...]:
    """Add to each of `added`, in the same order, what is wrong with it beside those before it. Linear in their number.

    Spec: GEP-1713 "the first Listener in the precedence list MUST be accepted"
    """
    claims = _Claims()
    for listener in own:
        if not is_unaccepted(listener):
            claims.add(listener)
    wrong = [None if is_unaccepted(listener) else claims.judge(listener) for listener in added]
    overlapping = {port: _overlapping(hostnames) for port, hostnames in claims.https.items()}
    return tuple(
        _with(listener, problem or _overlap(listener, overlapping.get(listener.spec.port, frozenset())))
        for listener, problem in zip(added, wrong, strict=True)
    )


class _Claims:
    """What the listeners so far have taken. A conflicted one holds its claim: it must not change hands by a mistake."""

    def __init__(self) -> None:
        self.https: defaultdict[int, set[str]] = defaultdict(set)
        """Port → the hostnames of its HTTPS listeners."""
        self._protocols: defaultdict[int, set[str]] = defaultdict(set)
        self._hostnames: set[tuple[int, str]] = set()
        self._bound: dict[int, int] = {}
        """Port that the proxy binds → port that it does so for."""

    def add(self, listener: ListenerNode) -> None:
        port, hostname = listener.spec.port, listener.spec.hostname or ANY
        self._protocols[port].add(listener.spec.protocol)
        self._hostnames.add((port, hostname))
        self._bound.setdefault(listener.bind_port, port)
        if listener.spec.protocol == "HTTPS":
            self.https[port].add(hostname)

    def judge(self, listener: ListenerNode) -> Problem | None:
        """Add a listener, unless something is in its way: return that."""
        port, protocol = listener.spec.port, listener.spec.protocol
        if self._bound.get(listener.bind_port, port) != port:
            return problems.port_unavailable(f"port {port} is not free on this Gateway's proxies; choose another one.")
        taken = self._protocols.get(port) or set()
        if taken - {protocol} or (taken and protocol == "TCP"):
            return problems.protocol_conflict(
                f"Port {port} of this Gateway serves {' and '.join(sorted(taken))} already."
            )
        if (port, listener.spec.hostname or ANY) in self._hostnames:
            hostname = listener.spec.hostname or "(any)"
            return problems.hostname_conflict(f"Hostname {hostname} on port {port} of this Gateway is taken already.")
        self.add(listener)
        return None


def _overlapping(hostnames: Set[str]) -> frozenset[str]:
    """Return the hostnames that share requests with another of them."""
    pairs = ((name, other) for name in hostnames for other in wider(name) if other in hostnames)
    return frozenset(name for pair in pairs for name in pair)


def _overlap(listener: ListenerNode, overlapping: Set[str]) -> Problem | None:
    """Spec: Gateway API v1.6 ListenerConditionOverlappingTLSConfig."""
    hostname = listener.spec.hostname or ANY
    if listener.spec.protocol != "HTTPS" or hostname not in overlapping or is_unaccepted(listener):
        return None
    text = listener.spec.hostname or "(any)"
    return problems.overlapping_hostnames(
        f"Hostname {text} overlaps with another listener's on port {listener.spec.port}."
    )


def _with(listener: ListenerNode, problem: Problem | None) -> ListenerNode:
    return msgspec.structs.replace(listener, problems=(*listener.problems, problem)) if problem else listener
