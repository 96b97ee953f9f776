"""One rule of a route of requests → ir.Routes, one a match.

Everything here is a function of the rule, its route and the frontend alone: who keeps the result may key it by them.
"""

from collections.abc import Iterable

import msgspec

from gateway_api.graph.durations import seconds
from gateway_api.graph.http_match import match_problems
from gateway_api.graph.precedence import MatchOrder, match_precedence, method_precedence
from gateway_api.graph.types import HTTPRouteNode, HTTPRuleNode
from gateway_api.ir import xds as ir
from gateway_api.lowering import filters
from gateway_api.lowering.backends import http_destinations, reachable
from gateway_api.lowering.frontend import Frontend
from gateway_api.lowering.matches import lower_match
from gateway_api.lowering.session import rule_identity, session
from k8s_watch.objects.grpc_route import GRPCRoute, GRPCRouteMatch
from k8s_watch.objects.routes import (
    HTTPRequestRedirect,
    HTTPRouteMatch,
    HTTPRouteRetry,
    HTTPRouteTimeouts,
    HTTPUrlRewrite,
    Route,
)


class RankedRoute(msgspec.Struct, frozen=True):
    """A route and its place among the routes of a hostname: the lowest order is tried first."""

    order: MatchOrder
    route: ir.Route


def lower_route(node: HTTPRouteNode, frontend: Frontend) -> tuple[RankedRoute, ...]:
    """Lower every rule, in order."""
    return tuple(ranked for rule in node.rules for ranked in lower_rule(node.source, rule, frontend))


def lower_rule(route: Route, rule: HTTPRuleNode, frontend: Frontend) -> tuple[RankedRoute, ...]:
    """Lower a rule: one ir.Route for each of its matches, in order.

    A rule that cannot work answers its failure to what it matches: it takes nothing from other rules and gives nothing
    to them. A match that is itself what is wrong has no route. No matches are one match of everything.

    Spec: Gateway API v1.6 HTTPRouteRule
    """
    request, response = filters.request_headers(rule.spec.filters), filters.response_headers(rule.spec.filters)
    found = []
    for index, spec in _usable_matches(rule):
        match = lower_match(spec)
        action = _action(route, rule, match.path, frontend)
        changed = not isinstance(action, ir.Respond)
        lowered = ir.Route(
            name=f"{_said(route)}/rule/{rule.index}/match/{index}",
            source=route.key,
            match=match,
            action=action,
            request_headers=request if changed else filters.UNCHANGED,
            response_headers=response if changed else filters.UNCHANGED,
        )
        found.append(RankedRoute(_place(route, spec, rule.index, index), lowered))
    return tuple(found)


def _said(route: Route) -> str:
    return f"{type(route).__name__.lower()}/{route.key}"


def _place(route: Route, match: HTTPRouteMatch, rule: int, index: int) -> MatchOrder:
    if not isinstance(route, GRPCRoute):
        return match_precedence(match, route, rule, index)
    matches = route.spec.rules[rule].matches or (GRPCRouteMatch(),)
    return method_precedence(matches[index], route, rule, index)


def clusters_of(rule: HTTPRuleNode) -> tuple[ir.Cluster, ...]:
    """Return the clusters that a rule forwards to, also with weight 0: giving it weight then loses nothing."""
    if _is_dropped(rule) or _redirect_of(rule) is not None:
        return ()
    return tuple(backend.cluster for backend in rule.backends if backend.cluster is not None)


def _usable_matches(rule: HTTPRuleNode) -> Iterable[tuple[int, HTTPRouteMatch]]:
    """The matches with their index; only in a rule with problems can one of them be the problem."""
    matches = enumerate(rule.spec.matches or (HTTPRouteMatch(),))
    if not _is_dropped(rule):
        return matches
    return ((index, match) for index, match in matches if not any(match_problems(match, "")))


def _action(route: Route, rule: HTTPRuleNode, path: ir.PathMatch, frontend: Frontend) -> ir.Action:
    if _is_dropped(rule):
        return ir.Respond(status=rule.failure)
    if (redirect := _redirect_of(rule)) is not None:
        return filters.redirect(redirect, path, frontend)
    destinations = http_destinations(rule.spec.backend_refs, rule.backends)
    if not reachable(destinations):
        return ir.Respond(status=rule.failure)
    rewrite = _rewrite_of(rule)
    timeouts = rule.spec.timeouts or HTTPRouteTimeouts()
    return ir.Forward(
        destinations=destinations,
        host=rewrite.hostname,
        path=filters.path_rewrite(rewrite.path, path),
        timeout=_seconds(timeouts.request),
        try_timeout=_seconds(timeouts.backend_request),
        session=_session(route, rule, path, frontend),
        retry=_retry(rule.spec.retry),
        failure=rule.failure,
    )


def _session(route: Route, rule: HTTPRuleNode, path: ir.PathMatch, frontend: Frontend) -> ir.Session | None:
    spec = rule.spec.session_persistence
    if spec is None:
        return None
    return session(spec, rule_identity(_said(route), rule.spec.name, rule.spec.matches), path, frontend)


def _retry(spec: HTTPRouteRetry | None) -> ir.Retry | None:
    """Spec: Gateway API v1.6 HTTPRouteRetry."""
    if spec is None:
        return None
    return ir.Retry(codes=tuple(sorted(set(spec.codes))), attempts=spec.attempts, backoff=_seconds(spec.backoff))


def _is_dropped(rule: HTTPRuleNode) -> bool:
    return any(problem.condition == "Accepted" for problem in rule.problems)


def _redirect_of(rule: HTTPRuleNode) -> HTTPRequestRedirect | None:
    return next((f.request_redirect for f in rule.spec.filters if f.request_redirect is not None), None)


def _rewrite_of(rule: HTTPRuleNode) -> HTTPUrlRewrite:
    return next((f.url_rewrite for f in rule.spec.filters if f.url_rewrite is not None), HTTPUrlRewrite())


def _seconds(duration: str | None) -> float | None:
    return None if duration is None else seconds(duration)
