"""GRPCRoute + its parents + its backends → HTTPRouteNode: a route of requests like any other, said in other words."""

from gateway_api.graph.gateways.listener import GRPC_ROUTE
from gateway_api.graph.resolver import Resolver
from gateway_api.graph.routes.attachment import Labels, Parents
from gateway_api.graph.routes.grpc_match import as_http_match, grpc_match_problems
from gateway_api.graph.routes.http_route import Rule, Traits, judge_requests
from gateway_api.graph.types import HTTPRouteNode
from k8s_watch.objects.grpc_route import GRPCRoute, GRPCRouteRule
from k8s_watch.objects.routes import HTTPRouteRule

UNAVAILABLE = 503
"""What a gRPC client sees as that. Spec: Gateway API v1.6 GRPCRouteRule.backendRefs"""

_GRPC = Traits(
    GRPC_ROUTE, frozenset({"RequestHeaderModifier", "ResponseHeaderModifier", "RequestMirror"}), failure=UNAVAILABLE
)


def judge_grpc_route(route: GRPCRoute, known: Parents, labels: Labels, resolver: Resolver) -> HTTPRouteNode | None:
    """Judge a route; None when no parentRef of it names one of `known`.

    `labels` are those of the route's namespace.

    Spec: Gateway API v1.6 GRPCRoute
    """
    rules = (
        Rule(
            _as_http_rule(rule),
            [[*grpc_match_problems(match, f"rules[{i}].matches[{j}]")] for j, match in enumerate(rule.matches)],
        )
        for i, rule in enumerate(route.spec.rules)
    )
    return judge_requests(route, _GRPC, rules, known=known, labels=labels, resolver=resolver)


def _as_http_rule(rule: GRPCRouteRule) -> HTTPRouteRule:
    return HTTPRouteRule(
        name=rule.name,
        matches=tuple(as_http_match(match) for match in rule.matches),
        filters=rule.filters,
        backend_refs=rule.backend_refs,
        session_persistence=rule.session_persistence,
    )
