"""The listeners of one Gateway, together → which of them cannot be told apart.

No winner is picked: all listeners of a conflict stay unserved, and those outside of it are untouched.
Spec: Gateway API v1.6 GatewaySpec.listeners, "Distinct Listeners", "Handling indistinct Listeners"
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence

import msgspec

from gateway_api.graph import problems
from gateway_api.graph.gateways.listener import can_share_port, transport_of
from gateway_api.graph.gateways.standing import is_unaccepted
from gateway_api.graph.mentions import some
from gateway_api.graph.problems import Problem
from gateway_api.graph.types import ListenerNode


def judge_together(listeners: Sequence[ListenerNode]) -> tuple[ListenerNode, ...]:
    """Add to each listener, in the same order, what is wrong with it beside its siblings.

    Spec: Gateway API v1.6 GatewaySpec.listeners, "Distinct Listeners"
    """
    listeners = judge_names(listeners)
    found: dict[int, list[Problem]] = defaultdict(list)
    accepted = [(i, listener) for i, listener in enumerate(listeners) if not is_unaccepted(listener)]
    for siblings in _grouped(accepted, lambda listener: (transport_of(listener.spec), listener.spec.port)):
        _conflicts(siblings, found)
    for siblings in _grouped(accepted, lambda listener: (transport_of(listener.spec), listener.bind_port)):
        _bind_port_clashes(siblings, found)
    return tuple(
        msgspec.structs.replace(listener, problems=(*listener.problems, *found[i])) if i in found else listener
        for i, listener in enumerate(listeners)
    )


def judge_names(listeners: Sequence[ListenerNode]) -> tuple[ListenerNode, ...]:
    """Refuse those listeners of one object, in the same order, whose name another one has too.

    Spec: Gateway API v1.6 Listener.name, ListenerEntry.name
    """
    times = Counter(listener.spec.name for listener in listeners)
    return tuple(_named_like_another(listener) if times[listener.spec.name] > 1 else listener for listener in listeners)


type _Indexed = tuple[int, ListenerNode]
type _Found = dict[int, list[Problem]]


def _grouped(listeners: Iterable[_Indexed], by: Callable[[ListenerNode], Hashable]) -> list[list[_Indexed]]:
    """Return the groups of two and more."""
    groups: dict[Hashable, list[_Indexed]] = defaultdict(list)
    for indexed in listeners:
        groups[by(indexed[1])].append(indexed)
    return [group for group in groups.values() if len(group) > 1]


def _named_like_another(listener: ListenerNode) -> ListenerNode:
    problem = problems.unsupported_value(f"Listener name {listener.spec.name} is used more than once.")
    return msgspec.structs.replace(listener, problems=(*listener.problems, problem))


def _conflicts(siblings: list[_Indexed], found: _Found) -> None:
    """Judge the listeners of one port of one transport. TCP and UDP share it with nothing, HTTP with HTTP alone."""
    port = siblings[0][1].spec.port
    protocols = {listener.spec.protocol for _, listener in siblings}
    if not can_share_port(protocols):
        _protocol_conflict(siblings, f"Port {port}", found)
        return
    for same in _grouped(siblings, lambda listener: listener.hostname):
        hostname = same[0][1].spec.hostname or "(any)"
        if len({listener.spec.protocol for _, listener in same}) > 1:
            _protocol_conflict(same, f"Hostname {hostname} on port {port}", found)
            continue
        for i, _ in same:
            others = some(other.spec.name for j, other in same if j != i)
            message = f"Hostname {hostname} on port {port} is claimed by {others} too."
            found[i].append(problems.hostname_conflict(message))


def _protocol_conflict(siblings: list[_Indexed], what: str, found: _Found) -> None:
    for i, listener in siblings:
        others = some(f"{other.spec.name} ({other.spec.protocol})" for j, other in siblings if j != i)
        found[i].append(problems.protocol_conflict(f"{what} cannot serve {listener.spec.protocol} beside {others}."))


def _bind_port_clashes(siblings: list[_Indexed], found: _Found) -> None:
    """Refuse the port that only clashes because a privileged one was shifted onto it: 80 keeps 10080."""
    ports = {listener.spec.port for _, listener in siblings}
    if len(ports) == 1:
        return
    privileged = min(ports)
    for i, listener in siblings:
        if listener.spec.port != privileged:
            message = f"The proxy binds port {listener.bind_port} for port {privileged} already; choose another port."
            found[i].append(problems.port_unavailable(message))
