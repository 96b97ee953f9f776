"""GRPCRoute + its parents + its backends → HTTPRouteNode: a route of requests like any other, said in other words."""

from collections.abc import Iterator

from gateway_api.graph.gateways.listener import GRPC_ROUTE
from gateway_api.graph.problems import Problem
from gateway_api.graph.resolver import Resolver
from gateway_api.graph.routes.attachment import Labels, Parents
from gateway_api.graph.routes.backend import weight_problem
from gateway_api.graph.routes.grpc_match import as_http_match, grpc_match_problems
from gateway_api.graph.routes.http_filter import rule_filter_problems
from gateway_api.graph.routes.http_route import judge_requests
from gateway_api.graph.routes.session import session_problems
from gateway_api.graph.types import HTTPRouteNode
from k8s_watch.objects.grpc_route import GRPCRoute, GRPCRouteRule
from k8s_watch.objects.routes import HTTPRouteRule

FILTERS = frozenset({"RequestHeaderModifier", "ResponseHeaderModifier", "RequestMirror"})


def judge_grpc_route(route: GRPCRoute, known: Parents, labels: Labels, resolver: Resolver) -> HTTPRouteNode | None:
    """Judge a route; None when no parentRef of it names one of `known`.

    `labels` are those of the route's namespace.

    Spec: Gateway API v1.6 GRPCRoute
    """
    rules = [(_as_http_rule(rule), _rule_problems(rule, f"rules[{i}]")) for i, rule in enumerate(route.spec.rules)]
    return judge_requests(route, GRPC_ROUTE, rules, known=known, labels=labels, resolver=resolver)


def _as_http_rule(rule: GRPCRouteRule) -> HTTPRouteRule:
    return HTTPRouteRule(
        name=rule.name,
        matches=tuple(as_http_match(match) for match in rule.matches),
        filters=rule.filters,
        backend_refs=rule.backend_refs,
        session_persistence=rule.session_persistence,
    )


def _rule_problems(rule: GRPCRouteRule, where: str) -> Iterator[Problem]:
    for i, match in enumerate(rule.matches):
        yield from grpc_match_problems(match, f"{where}.matches[{i}]")
    yield from rule_filter_problems(_as_http_rule(rule), where, FILTERS)
    for i, ref in enumerate(rule.backend_refs):
        wrong = weight_problem(ref, f"{where}.backendRefs[{i}]")
        if wrong is not None:
            yield wrong
    if rule.session_persistence is not None:
        yield from session_problems(rule.session_persistence, len(rule.backend_refs), f"{where}.sessionPersistence")
