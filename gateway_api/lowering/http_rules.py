"""One rule of a route of requests → ir.Routes: one a match, two where it is of gRPC or has preflights.

Everything here is a function of the rule, its route and the frontend alone: who keeps the result may key it by them.
"""

from collections.abc import Iterable, Sequence

import msgspec

from gateway_api.graph.durations import seconds
from gateway_api.graph.precedence import MatchOrder, asked_for, behind, match_precedence, method_precedence, under
from gateway_api.graph.problems import Problem
from gateway_api.graph.routes.mirror import mirrors_of
from gateway_api.graph.types import BackendNode, HTTPRouteNode, HTTPRuleNode
from gateway_api.ir import xds as ir
from gateway_api.lowering import filters
from gateway_api.lowering.backends import http_destinations, reachable
from gateway_api.lowering.external_auth import external_auth
from gateway_api.lowering.frontend import Frontend
from gateway_api.lowering.matches import lower_match, preflight_of
from gateway_api.lowering.session import cookie_path, rule_identity, session
from k8s_watch.objects.grpc_route import GRPCRoute, GRPCRouteMatch
from k8s_watch.objects.routes import (
    HTTPBackendRef,
    HTTPRequestRedirect,
    HTTPRoute,
    HTTPRouteFilter,
    HTTPRouteMatch,
    HTTPRouteRetry,
    HTTPRouteRule,
    HTTPRouteTimeouts,
    HTTPUrlRewrite,
)

type _Source = HTTPRoute | GRPCRoute


class RankedRoute(msgspec.Struct, frozen=True):
    """A route and its place among the routes of a hostname: the lowest order is tried first."""

    order: MatchOrder
    route: ir.Route


def lower_route(node: HTTPRouteNode, frontend: Frontend) -> tuple[RankedRoute, ...]:
    """Lower every rule, in order."""
    return tuple(ranked for rule in node.rules for ranked in lower_rule(node.source, rule, frontend))


def on_host(hostname: str, node: HTTPRouteNode, routes: Sequence[RankedRoute]) -> Sequence[RankedRoute]:
    """Rank a route's lowered rules among those of others on one of its hostnames.

    Spec: Gateway API v1.6 HTTPRouteSpec.hostnames, "precedence must be given"
    """
    own = node.source.spec.hostnames
    asked = hostname if hostname in own else asked_for(hostname, own)
    if asked == hostname:
        return routes
    return [RankedRoute(under(hostname, asked, ranked.order), ranked.route) for ranked in routes]


def lower_rule(route: _Source, rule: HTTPRuleNode, frontend: Frontend) -> tuple[RankedRoute, ...]:
    """Lower a rule: one ir.Route for each of its matches, in order, and one for the preflights of each with a method,
    or of a redirect. A match of gRPC is two.

    A rule that cannot work answers its failure to what it matches: it takes nothing from other rules and gives nothing
    to them. A match that is itself what is wrong has no route. No matches are one match of everything.

    Spec: Gateway API v1.6 HTTPRouteRule
    """
    found = []
    of_backends = (one for ref in rule.spec.backend_refs for one in ref.filters)
    answers_preflights = any(one.cors for one in (*rule.spec.filters, *of_backends))
    for index, spec in _usable_matches(rule):
        lowered, place = _lower_match(route, rule, index, spec, frontend), _place(route, spec, rule.index, index)
        if isinstance(route, GRPCRoute):
            found.append(RankedRoute(place, _of_grpc(lowered)))
            found.append(RankedRoute(behind(place), _of_any_sort(lowered)))
            continue
        found.append(RankedRoute(place, lowered))
        if answers_preflights and _leaves_preflights(lowered):
            found.append(RankedRoute(_place(route, spec, rule.index, index, preflight=True), _preflight(lowered)))
    return tuple(found)


def _place(route: _Source, match: HTTPRouteMatch, rule: int, index: int, *, preflight: bool = False) -> MatchOrder:
    if not isinstance(route, GRPCRoute):
        return match_precedence(match, route, rule, index, preflight=preflight)
    matches = route.spec.rules[rule].matches or (GRPCRouteMatch(),)
    return method_precedence(matches[index], route, rule, index)


def _lower_match(route: _Source, rule: HTTPRuleNode, index: int, spec: HTTPRouteMatch, frontend: Frontend) -> ir.Route:
    match = lower_match(spec)
    action = _action(route, rule, match.path, frontend)
    changed = not isinstance(action, ir.Respond)
    return ir.Route(
        name=f"{route.title}/rule/{rule.index}/match/{index}",
        match=match,
        action=action,
        request_headers=filters.request_headers(rule.spec.filters) if changed else filters.UNCHANGED,
        response_headers=filters.response_headers(rule.spec.filters) if changed else filters.UNCHANGED,
        external_auth=external_auth(rule) if changed else None,
    )


def _of_grpc(of: ir.Route) -> ir.Route:
    return msgspec.structs.replace(of, match=msgspec.structs.replace(of.match, grpc=True))


def _of_any_sort(of: ir.Route) -> ir.Route:
    """What comes to a GRPCRoute and is no gRPC (Connect, a health check by hand) is let in where nobody else has it."""
    return msgspec.structs.replace(of, name=f"{of.name}/any")


def _leaves_preflights(of: ir.Route) -> bool:
    """Whether the preflights of what it matches need another route: a browser asks with a method of its own, and
    follows no redirect."""
    match of.action:
        case ir.Respond():
            return False
        case ir.Redirect():
            return True
        case _:
            return of.match.method is not None


def _preflight(of: ir.Route) -> ir.Route:
    """Preflights are answered on the way to a backend; that of a redirect needs not be there."""
    action = of.action
    if isinstance(action, ir.Redirect):
        nowhere = ir.Destination(cluster=ir.INVALID_BACKEND, weight=1)
        action = ir.Forward(destinations=(nowhere,), cors=action.cors)
    return msgspec.structs.replace(of, name=f"{of.name}/preflight", match=preflight_of(of.match), action=action)


def clusters_of(rule: HTTPRuleNode) -> tuple[ir.Cluster, ...]:
    """Return the clusters that a rule asks and sends to, also with weight 0: giving it weight then loses nothing."""
    if rule.problems or isinstance(rule.authorizer, Problem):
        return ()
    asked = (rule.authorizer,) if rule.authorizer else ()
    if _redirect_of(rule.spec.filters) is not None:
        return asked
    clusters = (*(node.cluster for node in rule.backends), *(node.cluster for node in mirrors_of(rule)))
    return (*asked, *(cluster for cluster in clusters if isinstance(cluster, ir.Cluster)))


def _usable_matches(rule: HTTPRuleNode) -> Iterable[tuple[int, HTTPRouteMatch]]:
    """The matches with their index."""
    matches = enumerate(rule.spec.matches or (HTTPRouteMatch(),))
    return ((i, match) for i, match in matches if i not in rule.unusable)


def _action(route: _Source, rule: HTTPRuleNode, path: ir.PathMatch, frontend: Frontend) -> ir.Action:
    if rule.problems or isinstance(rule.authorizer, Problem):
        return ir.Respond(status=rule.failure)
    if (redirect := _redirect_of(rule.spec.filters)) is not None:
        return filters.redirect(redirect, path, frontend, filters.cors(rule.spec.filters))
    destinations = http_destinations(
        rule.spec.backend_refs, rule.backends, lambda backend: _session(backend, route, rule, path, frontend)
    )
    if not reachable(destinations):
        return ir.Respond(status=rule.failure)
    rewrite = _rewrite_of(rule.spec.filters)
    timeout, try_timeout = _time_limits(rule.spec)
    if timeout is None and try_timeout is None and not isinstance(route, GRPCRoute):
        timeout = frontend.request_timeout
    shared = ir.Forward(
        destinations=destinations,
        host=rewrite.hostname,
        path=filters.path_rewrite(rewrite.path, path),
        timeout=timeout,
        try_timeout=try_timeout,
        retry=_retry(rule.spec.retry),
        failure=rule.failure,
        mirrors=filters.mirrors(rule.mirrors),
        cors=filters.cors(rule.spec.filters),
    )
    if not any(ref.filters for ref in rule.spec.backend_refs):
        return shared
    return _split(rule, shared, path, frontend)


def _split(rule: HTTPRuleNode, shared: ir.Forward, path: ir.PathMatch, frontend: Frontend) -> ir.Action:
    """Send requests to each backend as its own filters want it, besides those of the rule.

    Spec: Gateway API v1.6 HTTPBackendRef.filters, "if and only if the request is being forwarded to the backend"
    """
    refs = zip(rule.spec.backend_refs, rule.backends, strict=True)
    forwards = [_to_backend(ref, backend, shared, path) for ref, backend in refs]
    found = [_redirect_of(ref.filters) for ref in rule.spec.backend_refs]
    redirects = [None if redirect is None else filters.redirect(redirect, path, frontend) for redirect in found]
    if not any(redirects) and all(forward == forwards[0] for forward in forwards):
        return msgspec.structs.replace(forwards[0], destinations=shared.destinations)
    return ir.Split(shares=tuple(map(_share, shared.destinations, redirects, forwards)))


def _to_backend(ref: HTTPBackendRef, backend: BackendNode, shared: ir.Forward, path: ir.PathMatch) -> ir.Forward:
    """The way to one backend, the backend itself left open."""
    rewrite = _rewrite_of(ref.filters)
    return msgspec.structs.replace(
        shared,
        destinations=(),
        host=rewrite.hostname or shared.host,
        path=filters.path_rewrite(rewrite.path, path) or shared.path,
        mirrors=(*shared.mirrors, *filters.mirrors(backend.mirrors)),
        cors=filters.cors(ref.filters) or shared.cors,
    )


def _share(to: ir.Destination, redirect: ir.Redirect | None, forward: ir.Forward) -> ir.Share:
    if to.cluster == ir.INVALID_BACKEND:
        return ir.Share(weight=to.weight, action=ir.Respond(status=forward.failure))
    if redirect is not None:
        return ir.Share(weight=to.weight, action=redirect, response_headers=to.response_headers)
    return ir.Share(weight=to.weight, action=msgspec.structs.replace(forward, destinations=(to,)))


def _session(
    backend: BackendNode, route: _Source, rule: HTTPRuleNode, path: ir.PathMatch, frontend: Frontend
) -> ir.Session | None:
    """What the rule says; else what is said of the backend's Service, with a cookie for no path. None with one that has
    no address: clients that come back to it begin anew at another.

    Spec: GEP-1619, "Path", "MUST be left unset"
    """
    to = backend.cluster
    if isinstance(to, Problem) or backend.vacant:
        return None
    own = rule.spec.session_persistence
    spec = own or backend.session
    if spec is None:
        return None
    identity = rule_identity(route.title, rule.spec.name, rule.spec.matches)
    return session(spec, identity, cookie_path(path) if own else "", to, frontend)


def _time_limits(rule: HTTPRouteRule) -> tuple[float | None, float | None]:
    """Seconds for the whole request, and for one try. A proxy counts a try from when it is connected to when the answer
    begins: without a `retry`, where one try is all there is, its limit is that of the whole.

    Spec: Gateway API v1.6 HTTPRouteTimeouts.backendRequest, "to when the full response has been received"
    """
    timeouts = rule.timeouts or HTTPRouteTimeouts()
    request, one_try = _seconds(timeouts.request), _seconds(timeouts.backend_request)
    return (one_try, None) if one_try and rule.retry is None else (request, one_try)


def _retry(spec: HTTPRouteRetry | None) -> ir.Retry | None:
    """Spec: Gateway API v1.6 HTTPRouteRetry."""
    if spec is None:
        return None
    return ir.Retry(codes=tuple(sorted(set(spec.codes))), attempts=spec.attempts, backoff=_seconds(spec.backoff))


def _redirect_of(filters: Iterable[HTTPRouteFilter]) -> HTTPRequestRedirect | None:
    return next((f.request_redirect for f in filters if f.request_redirect is not None), None)


def _rewrite_of(filters: Iterable[HTTPRouteFilter]) -> HTTPUrlRewrite:
    return next((f.url_rewrite for f in filters if f.url_rewrite is not None), HTTPUrlRewrite())


def _seconds(duration: str | None) -> float | None:
    return None if duration is None else seconds(duration)
