"""Two hostnames → what they share, and which of several is the most specific.

A hostname is exact (`www.example.com`), a wildcard (`*.example.com`: one or more labels before the suffix), or `*`,
which is how the graph writes "any". Spec: Gateway API v1.6 Hostname.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Set

ANY = "*"

_LABEL = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_HOSTNAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_IPV4 = re.compile(r"[0-9]+(?:\.[0-9]+){3}")
_MAX_LENGTH = 253


def is_precise(hostname: str) -> bool:
    """Whether it is a valid hostname without a wildcard; an IP address is none.

    Spec: Gateway API v1.6 PreciseHostname, RFC 1123.
    """
    return (
        len(hostname) <= _MAX_LENGTH and _HOSTNAME.fullmatch(hostname) is not None and _IPV4.fullmatch(hostname) is None
    )


def is_hostname(hostname: str) -> bool:
    """Whether it is a valid hostname, exact or with one leading `*.`.

    Spec: Gateway API v1.6 Hostname.
    """
    return len(hostname) <= _MAX_LENGTH and is_precise(hostname.removeprefix("*."))


def covers(pattern: str, hostname: str) -> bool:
    """Whether every request for `hostname` is one for `pattern` too.

    Spec: Gateway API v1.6 HTTPRouteSpec.hostnames, "wildcards are matched with any number of labels".
    """
    if pattern in (ANY, hostname):
        return True
    # `*.example.com` covers `a.example.com` and `*.a.example.com`: both end in `.example.com` with something before it.
    return (
        pattern.startswith("*.")
        and hostname != ANY
        and hostname.endswith(pattern[1:])
        and len(hostname) >= len(pattern)
    )


def wider(hostname: str) -> Iterator[str]:
    """List every other hostname that covers all of this one, the most specific first: `a.b.c` → `*.b.c`, `*.c`, `*`."""
    suffix = hostname.removeprefix("*.")
    while "." in suffix:
        suffix = suffix.partition(".")[2]
        yield f"*.{suffix}"
    if hostname != ANY:
        yield ANY


def intersect(one: str, other: str) -> str | None:
    """Return the hostname that both match, the more specific of the two; None when they share nothing.

    Spec: Gateway API v1.6 HTTPRouteSpec.hostnames
    """
    if covers(one, other):
        return other
    if covers(other, one):
        return one
    return None


def shared(listener: str, route: Iterable[str]) -> tuple[str, ...]:
    """Return what a route's hostnames share with a listener's, in the route's order, without duplicates.

    A route without hostnames takes any. Empty when nothing is shared.

    Spec: Gateway API v1.6 HTTPRouteSpec.hostnames, "at least one intersecting hostname"
    """
    found = (intersect(listener, hostname) for hostname in tuple(route) or (ANY,))
    return tuple(dict.fromkeys(hostname for hostname in found if hostname is not None))


def sharers(route: Collection[str]) -> Set[str] | None:
    """Return the hostnames, of all there can be, that share something with one of a route's: `shared` of the others is
    empty. None when those are too many to list: without hostnames, and below a wildcard.

    Spec: Gateway API v1.6 HTTPRouteSpec.hostnames
    """
    if not route or any(hostname.startswith("*") for hostname in route):
        return None
    return {each for hostname in route for each in (hostname, *wider(hostname))}


def specificity(hostname: str) -> tuple[bool, int, str]:
    """Sort key, the most specific first: exact, then wildcards by the length of their suffix, then `*`.

    Spec: Gateway API v1.6 GatewaySpec.listeners, "Listeners that are distinct only by Hostname"
    """
    return (hostname.startswith("*"), -len(hostname), hostname)
