"""ir.Route → Routes: to Envoy one, or several that it tries one after the other.

Spec: Envoy v1.40 config.route.v3.Route
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

import msgspec

from gateway_api.ir import xds as ir
from protos import core, matcher
from protos import route as pb
from protos.values import seconds, uint32
from xds_server.translate import cors, external_auth, grpc_web, misdirected, session
from xds_server.translate.fraction import MILLION, common_denominator, fraction
from xds_server.translate.header_mods import header_changes
from xds_server.translate.path import path, rewrite
from xds_server.translate.retry import retries, retry_policy
from xds_server.translate.route_match import regex, route_match

STREAM_IDLE_TIMEOUT = 300.0
"""Seconds; the connection manager's default, see `connection_manager`."""

FOR_EVER = seconds(0)
"""Of silence: streams of gRPC say nothing while nothing happens, and a client that is gone is found by pings."""

LONGEST_SILENCE = 365 * 86400.0
"""Seconds. Envoy refuses durations of some centuries, which a user's many tries make of his minutes."""

REDIRECT_CODES = {
    301: pb.RedirectAction.MOVED_PERMANENTLY,
    302: pb.RedirectAction.FOUND,
    303: pb.RedirectAction.SEE_OTHER,
    307: pb.RedirectAction.TEMPORARY_REDIRECT,
    308: pb.RedirectAction.PERMANENT_REDIRECT,
}

NOT_FOUND_CODES = {500: pb.RouteAction.INTERNAL_SERVER_ERROR, 503: pb.RouteAction.SERVICE_UNAVAILABLE}

NO_MODS = ir.HeaderMods()


def envoy_routes(of: ir.Route, hostname: str) -> Iterator[pb.Route]:
    """What a route of a hostname is to Envoy, in order: more than one where it splits or has sessions."""
    yield from _returning(of)
    yield from _routes(of, hostname)


def named_clusters(of: ir.Route, routes: Iterable[pb.Route]) -> Iterator[str]:
    """The clusters that these, which are its `envoy_routes`, name; one may come twice.

    Read off them: a route that answers by itself, for want of a backend, names no mirror either.
    """
    if of.external_auth:
        yield of.external_auth.cluster
    for route in routes:
        action = route.route
        yield action.cluster
        yield from (weighted.name for weighted in action.weighted_clusters.clusters)
        yield from (mirror.cluster for mirror in action.request_mirror_policies)


def tells_hostname(of: ir.Action) -> bool:
    """Whether a route that does this is another one to Envoy for each hostname: see `_host_without_port`."""
    match of:
        case ir.Split():
            return any(tells_hostname(share.action) for share in of.shares)
        case _:
            return isinstance(of, ir.Redirect)


def _returning(of: ir.Route) -> Iterator[pb.Route]:
    """Routes of their own for clients that are in a session with one of several backends.

    Envoy chooses a weighted cluster for each request anew, and looks for the session's address in that one only.
    """
    if isinstance(of.action, ir.Forward) and len(of.action.destinations) < 2:
        return
    for alone in _forwards(of.action):
        if own := alone.destinations[0].session:
            route = _route(of, alone, "")
            route.match.headers.append(session.has_session(own))
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


def _receivers(of: ir.Forward) -> list[ir.Destination]:
    return [destination for destination in of.destinations if destination.weight > 0]


def _routes(of: ir.Route, hostname: str) -> Iterator[pb.Route]:
    """Envoy's weighted clusters can neither redirect nor rewrite paths. So a route that splits is a route for each
    share, tried one after the other: each lets in what the request's one draw gives it and those before it (ADR 12).
    """
    if not isinstance(of.action, ir.Split):
        yield from _with_any_port(_route(of, of.action, hostname), of.action, hostname)
        return
    sums = list(accumulate(share.weight for share in of.action.shares))
    drawing = any(_draws(mirror) for share in of.action.shares for mirror in _mirrors(share.action))
    denominator = MILLION if drawing else common_denominator(sums, sums[-1])
    for index, (share, so_far) in enumerate(zip(of.action.shares, sums, strict=True)):
        if share.weight:
            action = _with_mirrors_within(share.action, so_far - share.weight, so_far, sums[-1])
            route = _route(of, action, hostname, share.response_headers)
            route.name = f"{of.name}/backend/{index}"
            if so_far < sums[-1]:
                route.match.runtime_fraction.CopyFrom(fraction(so_far, sums[-1], denominator))
            yield from _with_any_port(route, share.action, hostname)


def _with_mirrors_within(action: ir.Action, start: int, end: int, total: int) -> ir.Action:
    """What is done with the requests that draw from `start` to `end` of `total`. A mirror draws the same number, so it
    gets its part of these from the first on.
    """
    if not isinstance(action, ir.Forward):
        return action
    mirrors = (
        msgspec.structs.replace(
            mirror,
            numerator=start * mirror.denominator + (end - start) * mirror.numerator,
            denominator=total * mirror.denominator,
        )
        if _draws(mirror)
        else mirror
        for mirror in action.mirrors
    )
    return msgspec.structs.replace(action, mirrors=tuple(mirrors))


def _mirrors(of: ir.Action) -> Sequence[ir.Mirror]:
    return of.mirrors if isinstance(of, ir.Forward) else ()


def _draws(of: ir.Mirror) -> bool:
    """Whether it gets a part of the requests alone."""
    return of.numerator < of.denominator


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


NAMES_A_PORT = pb.HeaderMatcher(name=":authority", string_match=matcher.StringMatcher(safe_regex=regex(".*:[0-9]+")))


def _route(of: ir.Route, action: ir.Action, hostname: str, response_headers: ir.HeaderMods = NO_MODS) -> pb.Route:
    result = pb.Route(name=of.name, match=route_match(of.match))
    if of.external_auth:
        result.typed_per_filter_config[external_auth.FILTER].CopyFrom(external_auth.authorization(of.external_auth))
    match action:
        case ir.Forward() if receivers := _receivers(action):
            if of.match.grpc:
                result.typed_per_filter_config[grpc_web.FILTER].CopyFrom(grpc_web.TRANSLATE)
            result.route.CopyFrom(_forward(action))
            if of.match.grpc and action.timeout is None and action.try_timeout is None:
                result.route.idle_timeout.CopyFrom(FOR_EVER)
            _send(result, of, receivers)
            _remember(result, receivers)
            if action.cors:
                result.typed_per_filter_config[cors.FILTER].CopyFrom(cors.cors_policy(action.cors))
            return result
        case ir.Forward():
            result.direct_response.CopyFrom(pb.DirectResponseAction(status=action.failure))
        case ir.Redirect():
            result.redirect.CopyFrom(_redirect(action, hostname))
        case ir.Respond():
            result.direct_response.CopyFrom(_respond(action))
            if action.closes:
                result.typed_per_filter_config[misdirected.PLACE].CopyFrom(misdirected.CLOSE_IF_MADE_FOR_THIS_HOST)
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
        result.retry_policy.CopyFrom(retry_policy(of.try_timeout, of.retry))
    result.request_mirror_policies.extend(map(_mirror, of.mirrors))
    return result


def _longest_silence(of: ir.Forward) -> float:
    """Seconds for which neither side need say anything, so that the user's limits are what ends a request; 0 is for
    ever. All tries count as one silence, and more than Envoy can count is for ever.
    """
    if of.timeout is not None:
        return of.timeout
    if of.try_timeout is not None:
        all_tries = of.try_timeout * (1 + retries(of.retry))
        return all_tries if all_tries < LONGEST_SILENCE else 0
    return STREAM_IDLE_TIMEOUT


def _mirror(of: ir.Mirror) -> pb.RouteAction.RequestMirrorPolicy:
    """The copy has the Host header that the request has: Envoy would mark it otherwise."""
    share = fraction(of.numerator, of.denominator) if _draws(of) else None
    return pb.RouteAction.RequestMirrorPolicy(
        cluster=of.cluster, runtime_fraction=share, disable_shadow_host_suffix_append=True
    )


def _replace_path(action: pb.RouteAction | pb.RedirectAction, of: ir.PathRewrite) -> None:
    match rewrite(of):
        case str() as prefix:
            action.prefix_rewrite = prefix
        case matcher.RegexMatchAndSubstitute() as substitution:
            action.regex_rewrite.CopyFrom(substitution)


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
            place.typed_per_filter_config[session.FILTER].CopyFrom(session.session_of(to.session))


def _change_headers(
    message: pb.Route | pb.WeightedCluster.ClusterWeight, request: list[ir.HeaderMods], response: list[ir.HeaderMods]
) -> None:
    changes = header_changes(*request)
    message.request_headers_to_add.extend(changes.add)
    message.request_headers_to_remove.extend(changes.remove)
    changes = header_changes(*response)
    message.response_headers_to_add.extend(changes.add)
    message.response_headers_to_remove.extend(changes.remove)


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


def _host_without_port(of: ir.Redirect, hostname: str) -> str:
    """Envoy keeps the port of the request's Host, but not beside a host of the redirect's own. See `_with_any_port`."""
    return hostname if of.implied_port and "*" not in hostname else ""


def _respond(of: ir.Respond) -> pb.DirectResponseAction:
    body = core.DataSource(inline_string=of.body) if of.body else None
    return pb.DirectResponseAction(status=of.status, body=body)
