"""Who wins when two say different things: Gateway API's conflict rules as sort keys, the winner first.

Nobody else sorts routes or matches.
"""

from collections.abc import Iterable
from typing import NamedTuple

from gateway_api.graph.hostnames import ANY, covers, specificity
from gateway_api.graph.paths import unescaped
from k8s_watch.objects.grpc_route import GRPCMethodMatch, GRPCRouteMatch
from k8s_watch.objects.meta import Object
from k8s_watch.objects.routes import HTTPRouteMatch

type Seniority = tuple[str, str]
"""Time of creation, and `<namespace>/<name>`."""


class MatchOrder(NamedTuple):
    """Sort key of the matches of one hostname, compared field by field: the lowest is tried first. No two are equal."""

    hostname: int
    """0: the route names the hostname itself; else more, the less of it the route names: see `under`."""
    path: int
    """The type of the path; below 0 for methods of gRPC, the longest service first: see `behind`."""
    length: int
    """Of the path, or of gRPC's method: negative, the longest first."""
    method: int
    """0: one is matched; 1: preflights for it; 2: any."""
    headers: int
    """How many are matched, negative."""
    queries: int
    """How many query parameters are matched, negative."""
    route: Seniority
    rule: int
    """Its place in the route."""
    match: int
    """Its place in the rule."""
    itself: bool
    """False: the preflights for a match, which are first."""


_LONGEST = 1000
"""Longer than any hostname."""
_LONGEST_NAME = 10_000
"""Longer than the name of any gRPC service."""

# Where regular expressions stand is up to the implementation; here between the other two: they say more than a prefix.
_PATH_RANK = {"Exact": 0, "RegularExpression": 1, "PathPrefix": 2}


def seniority(of: Object) -> Seniority:
    """Sort key of routes, ListenerSets and policies: the oldest first, then by `<namespace>/<name>`.

    Spec: Gateway API v1.6 HTTPRouteRule.matches, "If ties still exist across multiple Routes"; GEP-713 conflict rules
    Spec: GEP-1713 "Listener Precedence"
    """
    return (of.metadata.creation_timestamp, f"{of.metadata.namespace}/{of.metadata.name}")


def asked_for(hostname: str, own: Iterable[str]) -> str:
    """Return the most specific of a route's own hostnames that covers this one; `*` for a route without hostnames.

    Spec: Gateway API v1.6 HTTPRouteSpec.hostnames
    """
    return min((pattern for pattern in own if covers(pattern, hostname)), key=specificity, default=ANY)


def under(hostname: str, asked: str, order: MatchOrder) -> MatchOrder:
    """Return the place, among the matches of a hostname, of one whose route asks for it by `asked`.

    A route that names the hostname goes before one that names a wildcard above it, and that before one that names none.

    Spec: Gateway API v1.6 HTTPRouteSpec.hostnames, "precedence must be given"
    """
    return order if asked == hostname else order._replace(hostname=_LONGEST - len(asked))


def match_precedence(
    match: HTTPRouteMatch, route: Object, rule_index: int, match_index: int, *, preflight: bool = False
) -> MatchOrder:
    """Sort key of the matches of one hostname: the one to try first, first.

    Exact path, regular expression, longest prefix; then a method; then most headers; then most query parameters; then
    the oldest route, then its name, then the order in which the route lists them. The preflights of a match with a
    method come after those that a user matches by their own method, and before what matches any; those of a match
    without one, right before that.

    Spec: Gateway API v1.6 HTTPRouteRule.matches, "Proxy or Load Balancer routing configuration"
    """
    path = match.path.value if match.path.type == "RegularExpression" else unescaped(match.path.value)
    return MatchOrder(
        hostname=0,
        path=_PATH_RANK.get(match.path.type, len(_PATH_RANK)),
        length=-len(path.rstrip("/") if match.path.type == "PathPrefix" else path),
        method=2 if match.method is None else 1 if preflight else 0,
        headers=-_headers(match),
        queries=-len({query.name for query in match.query_params}),
        route=seniority(route),
        rule=rule_index,
        match=match_index,
        itself=not preflight,
    )


def method_precedence(match: GRPCRouteMatch, route: Object, rule_index: int, match_index: int) -> MatchOrder:
    """Sort key of the matches of gRPC methods, all before those of HTTPRoutes: they let in requests of gRPC alone.

    Longest service, then longest method, then most headers; then as every match.

    Spec: Gateway API v1.6 GRPCRouteRule.matches, "Proxy or Load Balancer routing configuration"
    """
    method = match.method or GRPCMethodMatch()
    return MatchOrder(
        hostname=0,
        path=-1 - len(method.service or ""),
        length=-len(method.method or ""),
        method=0,
        headers=-_headers(match),
        queries=0,
        route=seniority(route),
        rule=rule_index,
        match=match_index,
        itself=True,
    )


def behind(order: MatchOrder) -> MatchOrder:
    """Return the place of a match of gRPC methods for what is no gRPC: behind all that HTTPRoutes say of a hostname."""
    return order._replace(path=_LONGEST_NAME + order.path)


def _headers(match: HTTPRouteMatch | GRPCRouteMatch) -> int:
    """How many headers it matches: further entries of one are ignored, and must not make it go before others.

    Spec: Gateway API v1.6 HTTPHeaderMatch.name, GRPCHeaderMatch.name, "equivalent"
    """
    return len({header.name.lower() for header in match.headers})
