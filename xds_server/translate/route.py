"""ir.RouteTable → RouteConfiguration.

A virtual host is encoded by itself, and a table is its hosts' encodings one after the other: a change of one route
costs its host, not the table.

Spec: Envoy v1.40 config.route.v3
"""

from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import accumulate
from typing import NamedTuple

import msgspec
from google.protobuf.any_pb2 import Any as AnyMessage

from gateway_api.ir import xds as ir
from protos import core
from protos import matcher as matchers
from protos import route as pb
from protos.encode import as_field, encode, pack
from protos.values import seconds, uint32, uint64
from xds_server.snapshot.resource import Resource, ResourceType, digest, make_from_parts
from xds_server.translate import cors
from xds_server.translate.external_auth import FILTER as AUTH_FILTER
from xds_server.translate.external_auth import authorization
from xds_server.translate.fraction import common_denominator, fraction
from xds_server.translate.grpc_web import FILTER as GRPC_WEB_FILTER
from xds_server.translate.grpc_web import TRANSLATE
from xds_server.translate.header_mods import header_changes
from xds_server.translate.matcher import match, regex
from xds_server.translate.path import path, rewrite
from xds_server.translate.session import FILTER as SESSION_FILTER
from xds_server.translate.session import has_session, session_of

STREAM_IDLE_TIMEOUT = 300.0
"""Seconds; the connection manager's default, see `http_filters`."""

FOR_EVER = seconds(0)
"""Of silence: streams of gRPC say nothing while nothing happens, and a client that is gone is found by pings."""

LONGEST_SILENCE = 365 * 86400.0
"""Seconds. Envoy refuses durations of some centuries, which a user's many tries make of his minutes."""

RETRY_ON = "connect-failure,refused-stream,reset-before-request"
"""Failures after which the backend has seen nothing of the request: trying another address is safe for any method, and
is what makes an address that just went away cost no request."""

RETRY_ON_ANY_FAILURE = "connect-failure,refused-stream,reset"
"""Failures of any try, timeouts included: what a user asks for who asks for retries."""

RETRIES = 2

RETRIED_BODY = 256 * 1024
"""Bytes of a request that are kept to try again. Beyond that there are no more tries; the connection's own
limit would answer 507 to an upload that comes between two."""

HOST_ATTEMPTS = 10
"""How often a retry may draw another address than those that failed: with 3, one request in 500 to a Service whose one
pod of two just went away drew the dead one each time."""

SHORTEST_BACKOFF = 0.001
"""Seconds; Envoy knows no shorter one."""

REDIRECT_CODES = {
    301: pb.RedirectAction.MOVED_PERMANENTLY,
    302: pb.RedirectAction.FOUND,
    303: pb.RedirectAction.SEE_OTHER,
    307: pb.RedirectAction.TEMPORARY_REDIRECT,
    308: pb.RedirectAction.PERMANENT_REDIRECT,
}

NOT_FOUND_CODES = {500: pb.RouteAction.INTERNAL_SERVER_ERROR, 503: pb.RouteAction.SERVICE_UNAVAILABLE}


NO_MODS = ir.HeaderMods()


class EncodedHost(NamedTuple):
    """A virtual host as a field of a table's encoding, its digest, and the clusters that its routes name."""

    field: bytes
    digest: int
    clusters: tuple[str, ...]


class EncodedRoute(NamedTuple):
    """A route as fields of its host's encoding, mostly one, and the clusters that it names."""

    field: bytes
    clusters: Set[str]


def virtual_host(of: ir.VirtualHost) -> EncodedHost:
    """One hostname with its routes, in their order."""
    return host_of_routes(of.hostname, [encoded_route(route, of.hostname) for route in of.routes])


def host_of_routes(hostname: str, routes: Sequence[EncodedRoute]) -> EncodedHost:
    """One hostname with these routes. Cost: copies their bytes."""
    start = encode(pb.VirtualHost(name=hostname.replace(".", "_"), domains=[hostname]))
    field = as_field(VIRTUAL_HOSTS, b"".join([start, *(route.field for route in routes), RETRIES_OF_A_HOST]))
    clusters = set[str]().union(*(route.clusters for route in routes))
    return EncodedHost(field, digest(field), tuple(sorted(clusters)))


def encoded_route(of: ir.Route, hostname: str) -> EncodedRoute:
    """One route of a hostname: to Envoy several, one after the other, where it splits or has sessions.

    The same for every hostname, unless `tells_hostname`.
    """
    made = (*_returning(of), *_routes(of, hostname))
    asked = {of.external_auth.cluster} if of.external_auth else ()
    return EncodedRoute(b"".join(as_field(ROUTES, encode(route)) for route in made), {*asked, *_clusters(of.action)})


def _returning(of: ir.Route) -> Iterator[pb.Route]:
    """Routes of their own for clients that are in a session with one of several backends.

    Envoy chooses a weighted cluster for each request anew, and looks for the session's address in that one only.
    """
    if isinstance(of.action, ir.Forward) and len(of.action.destinations) < 2:
        return
    for alone in _forwards(of.action):
        if session := alone.destinations[0].session:
            route = _route(of, alone, "")
            route.match.headers.append(has_session(session))
            yield route


def _forwards(of: ir.Action) -> Iterator[ir.Forward]:
    """Each destination that is there as the only one, whatever its weight."""
    match of:
        case ir.Split():
            for share in of.shares:
                yield from _forwards(share.action)
        case ir.Forward():
            for to in of.destinations:
                if to.cluster != ir.INVALID_BACKEND:
                    yield msgspec.structs.replace(of, destinations=(msgspec.structs.replace(to, weight=1),))


def route_table(of: ir.RouteTable) -> Resource:
    """The hosts that one listener, or one filter chain, serves.

    A host without routes answers 404, like a host that is not there.
    """
    hosts = [virtual_host(host) for host in sorted(of.virtual_hosts, key=lambda host: host_place(host.hostname))]
    start = frame(of.name)
    total = digest(start) + sum(host.digest for host in hosts)
    clusters = sorted({name for host in hosts for name in host.clusters})
    depends_on = [(ResourceType.CLUSTER, name) for name in clusters]
    return make_from_parts(of.name, total, (start, *(host.field for host in hosts)), depends_on)


def frame(name: str) -> bytes:
    """What comes before the fields of the hosts."""
    return encode(pb.RouteConfiguration(name=name, ignore_port_in_host_matching=True))


def host_place(hostname: str) -> tuple[bool, int, str]:
    """Sort key of a table's hosts. To Envoy their order means nothing; to people, the most specific first does."""
    return (hostname.startswith("*"), -len(hostname), hostname)


VIRTUAL_HOSTS = pb.RouteConfiguration.VIRTUAL_HOSTS_FIELD_NUMBER
ROUTES = pb.VirtualHost.ROUTES_FIELD_NUMBER


def _clusters(of: ir.Action) -> Iterator[str]:
    match of:
        case ir.Split():
            for share in of.shares:
                yield from _clusters(share.action)
        case ir.Forward():
            receivers = (to for to in of.destinations if to.weight > 0 or to.session)
            yield from (to.cluster for to in receivers if to.cluster != ir.INVALID_BACKEND)
            yield from (mirror.cluster for mirror in of.mirrors)


def _receivers(destinations: Iterable[ir.Destination]) -> Iterator[ir.Destination]:
    return (destination for destination in destinations if destination.weight > 0)


def _routes(of: ir.Route, hostname: str) -> Iterator[pb.Route]:
    """Envoy's weighted clusters can neither redirect nor rewrite paths. So a route that splits is a route for each
    share, tried one after the other: each lets in what the request's one draw gives it and those before it (ADR 12).
    """
    if not isinstance(of.action, ir.Split):
        yield from _with_any_port(_route(of, of.action, hostname), of.action, hostname)
        return
    sums = list(accumulate(share.weight for share in of.action.shares))
    denominator = common_denominator(sums, sums[-1])
    for index, (share, so_far) in enumerate(zip(of.action.shares, sums, strict=True)):
        if share.weight:
            route = _route(of, share.action, hostname, share.response_headers)
            route.name = f"{of.name}/backend/{index}"
            if so_far < sums[-1]:
                route.match.runtime_fraction.CopyFrom(fraction(so_far, sums[-1], denominator))
            yield from _with_any_port(route, share.action, hostname)


def _telling_pages(route: pb.Route, action: ir.Action) -> Iterator[pb.Route]:
    """A redirect that pages of other origins may follow says so to them, by a route of their own."""
    if isinstance(action, ir.Redirect) and action.cors and (asked := cors.of_allowed_page(action.cors)):
        telling = pb.Route()
        telling.CopyFrom(route)
        telling.match.headers.append(asked)
        telling.response_headers_to_add.extend(cors.told(action.cors))
        yield telling
    yield route


def _with_any_port(route: pb.Route, action: ir.Action, hostname: str) -> Iterator[pb.Route]:
    """Envoy keeps the port of the request's Host, unless a redirect names another host or port: so where the port that
    is meant goes without saying, and the host may be any, requests with a port have a route that says it.
    """
    if isinstance(action, ir.Redirect) and action.implied_port and not action.host and "*" in hostname:
        saying = pb.Route()
        saying.CopyFrom(route)
        saying.match.headers.append(NAMES_A_PORT)
        saying.redirect.port_redirect = action.implied_port
        yield from _telling_pages(saying, action)
    yield from _telling_pages(route, action)


NAMES_A_PORT = pb.HeaderMatcher(name=":authority", string_match=matchers.StringMatcher(safe_regex=regex(".*:[0-9]+")))


def _route(of: ir.Route, action: ir.Action, hostname: str, response_headers: ir.HeaderMods = NO_MODS) -> pb.Route:
    result = pb.Route(name=of.name, match=match(of.match))
    if of.external_auth:
        result.typed_per_filter_config[AUTH_FILTER].CopyFrom(authorization(of.external_auth))
    match action:
        case ir.Forward() if any(_receivers(action.destinations)):
            if of.match.grpc:
                result.typed_per_filter_config[GRPC_WEB_FILTER].CopyFrom(TRANSLATE)
            result.route.CopyFrom(_forward(action))
            if of.match.grpc and action.timeout is None and action.try_timeout is None:
                result.route.idle_timeout.CopyFrom(FOR_EVER)
            _send(result, of, list(_receivers(action.destinations)))
            _remember(result, list(_receivers(action.destinations)))
            if action.cors:
                result.typed_per_filter_config[cors.FILTER].CopyFrom(cors.cors_policy(action.cors))
            return result
        case ir.Forward():
            result.direct_response.CopyFrom(pb.DirectResponseAction(status=action.failure))
        case ir.Redirect():
            result.redirect.CopyFrom(_redirect(action, hostname))
        case ir.Respond():
            result.direct_response.CopyFrom(_respond(action))
    _change_headers(result, [of.request_headers], [of.response_headers, response_headers])
    return result


def _forward(of: ir.Forward) -> pb.RouteAction:
    result = pb.RouteAction(
        cluster_not_found_response_code=NOT_FOUND_CODES[of.failure], timeout=seconds(of.timeout or 0)
    )
    if of.host:
        result.host_rewrite_literal = of.host
        result.append_x_forwarded_host = True
    if of.path:
        _replace_path(result, of.path)
    silence = _longest_silence(of)
    if silence == 0 or silence > STREAM_IDLE_TIMEOUT:
        result.idle_timeout.CopyFrom(seconds(silence))
    if of.try_timeout or of.retry:
        result.retry_policy.CopyFrom(_retry_policy(of.try_timeout, of.retry))
    result.request_mirror_policies.extend(map(_mirror, of.mirrors))
    return result


def _longest_silence(of: ir.Forward) -> float:
    """Seconds for which neither side need say anything, so that the user's limits are what ends a request; 0 is for
    ever. All tries count as one silence, and more than Envoy can count is for ever.
    """
    if of.timeout is not None:
        return of.timeout
    if of.try_timeout is not None:
        all_tries = of.try_timeout * (1 + _retries(of.retry))
        return all_tries if all_tries < LONGEST_SILENCE else 0
    return STREAM_IDLE_TIMEOUT


def _mirror(of: ir.Mirror) -> pb.RouteAction.RequestMirrorPolicy:
    """The copy has the Host header that the request has: Envoy would mark it otherwise."""
    share = None if of.numerator == of.denominator else fraction(of.numerator, of.denominator)
    return pb.RouteAction.RequestMirrorPolicy(
        cluster=of.cluster, runtime_fraction=share, disable_shadow_host_suffix_append=True
    )


def _replace_path(action: pb.RouteAction | pb.RedirectAction, of: ir.PathRewrite) -> None:
    match rewrite(of):
        case str() as prefix:
            action.prefix_rewrite = prefix
        case matchers.RegexMatchAndSubstitute() as regex:
            action.regex_rewrite.CopyFrom(regex)


def _send(result: pb.Route, of: ir.Route, destinations: list[ir.Destination]) -> None:
    """Where to, and with which header changes.

    Envoy applies a weighted cluster's changes before its route's, and would let the rule overrule the backend. So where
    a backend has changes of its own, the rule's come with them.
    """
    of_their_own = any(d.request_headers != NO_MODS or d.response_headers != NO_MODS for d in destinations)
    if len(destinations) == 1 and not of_their_own:
        result.route.cluster = destinations[0].cluster
    for to in destinations if len(destinations) > 1 or of_their_own else ():
        weighted = result.route.weighted_clusters.clusters.add(name=to.cluster, weight=uint32(to.weight))
        if of_their_own:
            _change_headers(
                weighted, [of.request_headers, to.request_headers], [of.response_headers, to.response_headers]
            )
    if not of_their_own:
        _change_headers(result, [of.request_headers], [of.response_headers])


def _remember(result: pb.Route, destinations: list[ir.Destination]) -> None:
    weighted = result.route.weighted_clusters.clusters
    places: Iterable[pb.Route | pb.WeightedCluster.ClusterWeight] = [result] if len(destinations) == 1 else weighted
    for place, to in zip(places, destinations, strict=True):
        if to.session:
            place.typed_per_filter_config[SESSION_FILTER].CopyFrom(session_of(to.session))


def _change_headers(
    message: pb.Route | pb.WeightedCluster.ClusterWeight, request: list[ir.HeaderMods], response: list[ir.HeaderMods]
) -> None:
    changes = header_changes(*request)
    message.request_headers_to_add.extend(changes.add)
    message.request_headers_to_remove.extend(changes.remove)
    changes = header_changes(*response)
    message.response_headers_to_add.extend(changes.add)
    message.response_headers_to_remove.extend(changes.remove)


def _retries(of: ir.Retry | None) -> int:
    """How often a request is tried again at most; 0 is never, also where its host's other routes are."""
    return RETRIES if of is None or of.attempts is None else of.attempts


def _retry_policy(try_timeout: float | None, of: ir.Retry | None) -> pb.RetryPolicy:
    """What a virtual host retries, and again for a route that says more: its own policy replaces the host's.

    Spec: Gateway API v1.6 HTTPRouteRetry, "SHOULD retry on connection errors (disconnect, reset, timeout, TCP failure)"
    """
    previous = pb.RetryPolicy.RetryHostPredicate(
        name="envoy.retry_host_predicates.previous_hosts", typed_config=PREVIOUS_HOSTS
    )
    policy = pb.RetryPolicy(
        retry_on=RETRY_ON_ANY_FAILURE if of else RETRY_ON,
        num_retries=uint32(_retries(of)),
        retry_host_predicate=[previous],
        host_selection_retry_max_attempts=HOST_ATTEMPTS,
        per_try_timeout=seconds(try_timeout) if try_timeout else None,
    )
    if of and of.codes:
        policy.retry_on += ",retriable-status-codes"
        policy.retriable_status_codes.extend(of.codes)
    if of and of.backoff is not None:
        # Envoy waits a random share of the interval: only twice as much is on average what the user asked for.
        policy.retry_back_off.base_interval.CopyFrom(seconds(max(2 * of.backoff, SHORTEST_BACKOFF)))
    return policy


PREVIOUS_HOSTS: AnyMessage = pack(pb.PreviousHostsPredicate())

RETRIES_OF_A_HOST = encode(
    pb.VirtualHost(retry_policy=_retry_policy(None, None), request_body_buffer_limit=uint64(RETRIED_BODY))
)


def _redirect(of: ir.Redirect, hostname: str) -> pb.RedirectAction:
    result = pb.RedirectAction(
        response_code=REDIRECT_CODES.get(of.status, pb.RedirectAction.FOUND),
        host_redirect=of.host or _host_without_port(of, hostname),
        port_redirect=of.port or 0,
    )
    if of.scheme:
        result.scheme_redirect = of.scheme
    if of.path and of.path.kind == "full":
        result.path_redirect = path(of.path.value)
    elif of.path:
        _replace_path(result, of.path)
    return result


def tells_hostname(of: ir.Action) -> bool:
    """Whether a route that does this is another one to Envoy for each hostname: see `_host_without_port`."""
    match of:
        case ir.Split():
            return any(tells_hostname(share.action) for share in of.shares)
        case _:
            return isinstance(of, ir.Redirect)


def _host_without_port(of: ir.Redirect, hostname: str) -> str:
    """Envoy keeps the port of the request's Host, but not beside a host of the redirect's own. See `_with_any_port`."""
    return hostname if of.implied_port and "*" not in hostname else ""


def _respond(of: ir.Respond) -> pb.DirectResponseAction:
    body = core.DataSource(inline_string=of.body) if of.body else None
    return pb.DirectResponseAction(status=of.status, body=body)
