"""TCPRoute, TLSRoute or UDPRoute + its parents + its backends → L4RouteNode."""

from collections.abc import Iterable, Iterator
from typing import Literal

from gateway_api.graph import problems
from gateway_api.graph.gateways.listener import TCP_ROUTE, TLS_ROUTE, UDP_ROUTE, terminates_tls
from gateway_api.graph.problems import Problem
from gateway_api.graph.references import Referrer
from gateway_api.graph.resolver import Resolver
from gateway_api.graph.routes.attachment import (
    Labels,
    Parents,
    attach,
    bound_listeners,
    hostname_problems,
    unbound,
)
from gateway_api.graph.routes.backend import l4_backend, weight_problems
from gateway_api.graph.types import L4RouteNode, L4RuleNode, Parent
from k8s_watch.objects.gateway import RouteGroupKind
from k8s_watch.objects.routes import L4Route, TCPRoute, TLSRoute, UDPRoute


def judge_tcp_route(route: TCPRoute, known: Parents, labels: Labels, resolver: Resolver) -> L4RouteNode | None:
    """Judge a route; None when no parentRef of it names one of `known`.

    `labels` are those of the route's namespace.

    Spec: Gateway API v1.6 TCPRoute
    """
    return _judge(TCP_ROUTE, route, known, labels, resolver)


def judge_tls_route(route: TLSRoute, known: Parents, labels: Labels, resolver: Resolver) -> L4RouteNode | None:
    """As `judge_tcp_route`. Spec: Gateway API v1.6 TLSRoute."""
    return _judge(TLS_ROUTE, route, known, labels, resolver, hostnames=route.spec.hostnames)


def judge_udp_route(route: UDPRoute, known: Parents, labels: Labels, resolver: Resolver) -> L4RouteNode | None:
    """As `judge_tcp_route`. Spec: Gateway API v1.6 UDPRoute."""
    return _judge(UDP_ROUTE, route, known, labels, resolver)


def _judge(
    kind: RouteGroupKind,
    route: L4Route,
    known: Parents,
    labels: Labels,
    resolver: Resolver,
    *,
    hostnames: tuple[str, ...] = (),
) -> L4RouteNode | None:
    parents = attach(route, kind, known, labels=labels, route_hostnames=hostnames)
    if not parents:
        return None
    referrer = Referrer(kind.kind, route.metadata.namespace)
    protocol: Literal["tcp", "udp"] = "udp" if kind == UDP_ROUTE else "tcp"
    encrypted = kind == TLS_ROUTE and _passed_through(parents, known)
    rules = tuple(
        L4RuleNode(
            backends=tuple(
                l4_backend(ref, referrer, resolver, protocol, encrypted=encrypted) for ref in rule.backend_refs
            )
        )
        for rule in route.spec.rules
    )
    unresolved = (node.cluster for rule in rules for node in rule.backends if isinstance(node.cluster, Problem))
    wrong = (*hostname_problems(hostnames), *_rule_problems(kind, route))
    return L4RouteNode(
        source=route,
        parents=unbound(parents) if wrong else parents,
        rules=rules,
        problems=(*wrong, *unresolved),
        rejection=wrong[0] if wrong else None,
    )


def _passed_through(parents: Iterable[Parent], known: Parents) -> bool:
    """Whether a route has listeners, and none of them decrypts."""
    decrypting = [terminates_tls(listener.spec) for listener in bound_listeners(parents, known)]
    return bool(decrypting) and not any(decrypting)


def _rule_problems(kind: RouteGroupKind, route: L4Route) -> Iterator[Problem]:
    """Spec: Gateway API v1.6 TCPRouteSpec.rules, TLSRouteSpec.rules, UDPRouteSpec.rules: exactly one."""
    if len(route.spec.rules) != 1:
        yield problems.unsupported_value(f"rules has {len(route.spec.rules)} entries; a {kind.kind} has exactly one.")
    for i, rule in enumerate(route.spec.rules):
        yield from weight_problems(rule.backend_refs, f"rules[{i}]")
