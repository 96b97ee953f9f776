"""TCPRoute + its parents + its backends → L4RouteNode."""

from collections.abc import Iterator

from gateway_api.graph import problems
from gateway_api.graph.attachment import Labels, Parents, attach, unbound
from gateway_api.graph.backend import tcp_backend, weight_problem
from gateway_api.graph.listener import TCP_ROUTE
from gateway_api.graph.reference_grant import Referrer, Resolver
from gateway_api.graph.types import L4RouteNode, L4RuleNode, Problem
from k8s_watch.objects.routes import TCPRoute


def judge_tcp_route(route: TCPRoute, known: Parents, labels: Labels, resolver: Resolver) -> L4RouteNode | None:
    """Judge a route; None when no parentRef of it names one of `known`.

    `labels` are those of the route's namespace.

    Spec: Gateway API v1.6 TCPRoute
    """
    parents = attach(route, TCP_ROUTE, route.spec.parent_refs, known, labels=labels)
    if not parents:
        return None
    referrer = Referrer("TCPRoute", route.metadata.namespace)
    rules = tuple(
        L4RuleNode(backends=tuple(tcp_backend(ref, referrer, resolver) for ref in rule.backend_refs))
        for rule in route.spec.rules
    )
    unresolved = (backend.problem for rule in rules for backend in rule.backends if backend.problem is not None)
    wrong = tuple(_spec_problems(route))
    return L4RouteNode(
        source=route,
        parents=unbound(parents) if wrong else parents,
        rules=rules,
        problems=(*wrong, *unresolved),
        rejection=wrong[0] if wrong else None,
    )


def _spec_problems(route: TCPRoute) -> Iterator[Problem]:
    """Spec: Gateway API v1.6 TCPRouteSpec.rules, exactly one."""
    if len(route.spec.rules) != 1:
        yield problems.unsupported_value(f"rules has {len(route.spec.rules)} entries; a TCPRoute has exactly one.")
    for i, rule in enumerate(route.spec.rules):
        for j, ref in enumerate(rule.backend_refs):
            wrong = weight_problem(ref, f"rules[{i}].backendRefs[{j}]")
            if wrong is not None:
                yield wrong
