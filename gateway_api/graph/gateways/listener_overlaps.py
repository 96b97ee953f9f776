"""The listeners of a Gateway, all together → those for which clients may use another's connection: a warning.

A browser sends requests over a connection that it has, where the certificate that it saw there is for their host, too.
But a connection with TLS belongs to one listener, and what is for another gets 421 there. Overlapping hostnames make
that possible; overlapping certificates make it likely, also between hostnames that have nothing in common.

Spec: Gateway API v1.6 ListenerConditionOverlappingTLSConfig; GEP-3567
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import msgspec

from gateway_api.graph import problems
from gateway_api.graph.gateways.listener import OF_SERVER_NAME
from gateway_api.graph.gateways.standing import is_refused
from gateway_api.graph.hostnames import wider
from gateway_api.graph.types import ListenerNode

type _Names = tuple[str, ...]
"""Of one certificate, or the one hostname of a listener."""

_ENOUGH = 2
"""So many bearers of a name are remembered: one of them is another than who asks."""


class _Overlap(NamedTuple):
    other: int
    """Whose name it is with which ours overlaps."""
    name: str
    """Ours."""


def with_overlaps(listeners: Sequence[ListenerNode]) -> tuple[ListenerNode, ...]:
    """Warn each listener, in the same order, of another on its port whose certificates or hostname overlap with its.

    Cost: linear in the listeners and in the names of all certificates, however many listeners share one.

    Spec: Gateway API v1.6 ListenerConditionOverlappingTLSConfig, "MUST be set on all Listeners"
    """
    told = list(listeners)
    ports: defaultdict[int, list[int]] = defaultdict(list)
    for place, listener in enumerate(listeners):
        if listener.spec.protocol in OF_SERVER_NAME and not is_refused(listener):
            ports[listener.spec.port].append(place)
    for places in ports.values():
        siblings = [listeners[place] for place in places]
        certificates = _overlaps([_names(each) for each in siblings], _wildcard)
        hostnames = _overlaps([[(each.hostname,)] for each in siblings], wider)
        for place, certificate, hostname in zip(places, certificates, hostnames, strict=True):
            told[place] = _told(listeners[place], siblings, certificate, hostname)
    return tuple(told)


def _names(listener: ListenerNode) -> Sequence[_Names]:
    return tuple(dict.fromkeys(certificate.names for certificate in listener.certificates))


def _told(
    listener: ListenerNode, siblings: Sequence[ListenerNode], certificate: _Overlap | None, hostname: _Overlap | None
) -> ListenerNode:
    """The reason is the first one's. Spec: "if both are true, it SHOULD set the OverlappingCertificates Reason"."""
    found = listener.problems
    if certificate:
        message = (
            f"Certificate name {certificate.name} overlaps with one of {_whom(listener, siblings[certificate.other])}; "
            "browsers use one connection for both, and get 421 for the other's hosts, unless certificates have no name "
            "in common."
        )
        found = (*found, problems.overlapping_certificates(message))
    if hostname:
        own, whom = listener.spec.hostname or "(any)", _whom(listener, siblings[hostname.other])
        found = (*found, problems.overlapping_hostnames(f"Hostname {own} overlaps with that of {whom}."))
    return listener if found is listener.problems else msgspec.structs.replace(listener, problems=found)


def _whom(listener: ListenerNode, other: ListenerNode) -> str:
    """Listeners of another object are not named: they are none of its owner's business."""
    if other.listener_set == listener.listener_set:
        return f"listener {other.spec.name}"
    return f"another listener on port {listener.spec.port}"


def _overlaps(borne: Sequence[Sequence[_Names]], wider: Callable[[str], Iterable[str]]) -> Iterator[_Overlap | None]:
    """Yield, for each bearer of names, one that overlaps with another's; `wider` are those that cover a name."""
    times: Counter[_Names] = Counter()
    bearers: defaultdict[str, list[int]] = defaultdict(list)
    for bearer, several in enumerate(borne):
        times.update(several)
        for name in chain.from_iterable(names for names in several if times[names] <= _ENOUGH):
            _remember(bearers[name], bearer)
    near: defaultdict[str, list[int]] = defaultdict(list)
    for name, some in bearers.items():
        for each in (each for each in wider(name) if each in bearers):
            _remember(near[name], *bearers[each])
            _remember(near[each], *some)
    for bearer, several in enumerate(borne):
        others = (
            _Overlap(other, name)
            for names in several
            for name in names
            for other in (*bearers[name], *near.get(name, ()))
            if other != bearer
        )
        yield next(others, None)


def _remember(known: list[int], *bearers: int) -> None:
    for bearer in bearers:
        if len(known) < _ENOUGH and bearer not in known:
            known.append(bearer)


def _wildcard(name: str) -> Iterator[str]:
    """`a.b.c` → `*.b.c`: of a certificate a wildcard is one label. Spec: RFC 9525 section 6.3."""
    label, _, rest = name.partition(".")
    if label != "*" and rest:
        yield f"*.{rest}"
