"""HTTPRoute + its parents + its backends → HTTPRouteNode."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import msgspec

from gateway_api.graph import durations, problems
from gateway_api.graph.gateways.listener import HTTP_ROUTE
from gateway_api.graph.problems import Problem
from gateway_api.graph.references import Referrer
from gateway_api.graph.resolver import Resolver
from gateway_api.graph.routes.attachment import Labels, Parents, attach, hostname_problems, unbound
from gateway_api.graph.routes.backend import http_backend, weight_problems
from gateway_api.graph.routes.external_auth import authorizer
from gateway_api.graph.routes.http_filter import RULE_FILTERS, extension_problems, rule_filter_problems
from gateway_api.graph.routes.http_match import beyond_measure, match_problems, too_much_of_a_route
from gateway_api.graph.routes.http_retry import retry_problems
from gateway_api.graph.routes.mirror import mirrors_of, resolve_mirrors
from gateway_api.graph.routes.session import session_problems, session_remark
from gateway_api.graph.routes.size import within_bounds
from gateway_api.graph.types import BackendNode, HTTPRouteNode, HTTPRuleNode, MirrorNode
from gateway_api.ir.xds import FAILURE
from k8s_watch.objects.gateway import RouteGroupKind
from k8s_watch.objects.grpc_route import GRPCRoute
from k8s_watch.objects.routes import HTTPBackendRef, HTTPRoute, HTTPRouteFilter, HTTPRouteRule, HTTPRouteTimeouts


class Traits(NamedTuple):
    """What tells the kinds of route of requests apart."""

    kind: RouteGroupKind
    filters: frozenset[str]
    """The types that a rule may have."""
    failure: int
    """See `HTTPRuleNode.failure`."""


class Rule(NamedTuple):
    """A rule as that of an HTTPRoute, and what is wrong with each of its matches as its user wrote them."""

    spec: HTTPRouteRule
    match_problems: Sequence[Sequence[Problem]]


_HTTP = Traits(HTTP_ROUTE, RULE_FILTERS, FAILURE)


def judge_http_route(route: HTTPRoute, known: Parents, labels: Labels, resolver: Resolver) -> HTTPRouteNode | None:
    """Judge a route; None when no parentRef of it names one of `known`.

    `labels` are those of the route's namespace.

    Spec: Gateway API v1.6 HTTPRoute
    """
    rules = (
        Rule(rule, [[*match_problems(match, f"rules[{i}].matches[{j}]")] for j, match in enumerate(rule.matches)])
        for i, rule in enumerate(route.spec.rules)
    )
    return judge_requests(route, _HTTP, rules, known=known, labels=labels, resolver=resolver)


def judge_requests(
    route: HTTPRoute | GRPCRoute,
    traits: Traits,
    rules: Iterable[Rule],
    *,
    known: Parents,
    labels: Labels,
    resolver: Resolver,
) -> HTTPRouteNode | None:
    """Judge a route of either kind by its rules, which are only asked for where it is ours; None as in
    `judge_http_route`.

    Spec: Gateway API v1.6 CommonRouteSpec
    """
    parents = attach(
        route,
        traits.kind,
        known,
        labels=labels,
        route_hostnames=route.spec.hostnames,
    )
    if not parents:
        return None
    wrong = tuple(hostname_problems(route.spec.hostnames))
    referrer = Referrer(traits.kind.kind, route.metadata.namespace)
    asked = list(rules)
    beyond = beyond_measure([rule.spec for rule in asked])
    alone = (_judge_rule(traits, i, rule, referrer, resolver, beyond=beyond[i]) for i, rule in enumerate(asked))
    judged = within_bounds(alone, parents)
    return HTTPRouteNode(
        source=route,
        parents=unbound(parents) if wrong else parents,
        rules=judged,
        problems=(*wrong, *(problem for rule in judged for problem in _all_problems(rule))),
        rejection=_rejection(wrong, judged),
        remark=" ".join(filter(None, (_remark(rule) for rule in judged if not rule.problems))),
    )


def _remark(rule: HTTPRuleNode) -> str:
    return session_remark(rule.spec.session_persistence, f"rules[{rule.index}].sessionPersistence")


def _rejection(wrong: tuple[Problem, ...], rules: tuple[HTTPRuleNode, ...]) -> Problem | None:
    """Spec: Gateway API v1.6 HTTPRouteRule.filters, "If all Route Rules in a Route are invalid"."""
    if wrong:
        return wrong[0]
    if rules and all(rule.problems for rule in rules):
        return rules[0].problems[0]
    return None


def _judge_rule(
    traits: Traits, index: int, rule: Rule, referrer: Referrer, resolver: Resolver, *, beyond: frozenset[int]
) -> HTTPRuleNode:
    """`beyond` are the places of those matches that are too much with those before them."""
    spec, where = rule.spec, f"rules[{index}]"
    return HTTPRuleNode(
        index=index,
        spec=spec,
        backends=_with_vacancies(
            spec, [_judge_backend(ref, referrer, resolver) for ref in spec.backend_refs], resolver
        ),
        mirrors=_mirrors(spec.filters, referrer, resolver),
        authorizer=authorizer(spec, referrer, resolver),
        problems=(
            *chain.from_iterable(rule.match_problems),
            *_rule_problems(spec, where, traits.filters),
            *(too_much_of_a_route(f"{where}.matches[{i}]") for i in sorted(beyond)),
        ),
        unusable=beyond.union(i for i, found in enumerate(rule.match_problems) if found),
        failure=traits.failure,
    )


def _judge_backend(ref: HTTPBackendRef, referrer: Referrer, resolver: Resolver) -> BackendNode:
    node = http_backend(ref, referrer, resolver)
    mirrors = _mirrors(ref.filters, referrer, resolver)
    return msgspec.structs.replace(node, mirrors=mirrors) if mirrors else node


def _with_vacancies(
    rule: HTTPRouteRule, backends: Sequence[BackendNode], resolver: Resolver
) -> tuple[BackendNode, ...]:
    """Say which backends have no address, where a client in a session with one could go to another.

    Spec: GEP-1619, "Session Persistence Failure Behavior"
    """
    if len(backends) < 2:
        return tuple(backends)

    def is_vacant(node: BackendNode) -> bool:
        has_session = rule.session_persistence is not None or node.session is not None
        if not has_session or isinstance(node.cluster, Problem) or node.cluster.hostname:
            return False
        return resolver.is_vacant(node.cluster.backend)

    return tuple(msgspec.structs.replace(node, vacant=True) if is_vacant(node) else node for node in backends)


def _mirrors(filters: Iterable[HTTPRouteFilter], referrer: Referrer, resolver: Resolver) -> tuple[MirrorNode, ...]:
    return resolve_mirrors((one.request_mirror for one in filters), referrer, resolver)


def _rule_problems(rule: HTTPRouteRule, where: str, filters: frozenset[str]) -> Iterator[Problem]:
    """Yield what is wrong with a rule, its matches and references aside."""
    yield from rule_filter_problems(rule, where, filters)
    yield from weight_problems(rule.backend_refs, where)
    if rule.timeouts is not None:
        yield from _timeout_problems(rule.timeouts, f"{where}.timeouts")
    if rule.retry is not None:
        yield from retry_problems(rule.retry, f"{where}.retry")
    if rule.session_persistence is not None:
        yield from session_problems(rule.session_persistence, len(rule.backend_refs), f"{where}.sessionPersistence")


def _timeout_problems(timeouts: HTTPRouteTimeouts, where: str) -> Iterator[Problem]:
    """Spec: Gateway API v1.6 HTTPRouteTimeouts; GEP-2257."""
    given = {"request": timeouts.request, "backendRequest": timeouts.backend_request}
    parsed = {field: durations.seconds(text) for field, text in given.items() if text is not None}
    for field, value in parsed.items():
        if value is None:
            message = f"{where}.{field} {given[field]!r} is not a duration such as 500ms, 10s or 1h30m."
            yield problems.unsupported_value(message)
    request, backend = parsed.get("request"), parsed.get("backendRequest")
    if request and backend and backend > request:
        yield problems.unsupported_value(f"{where}.backendRequest is longer than {where}.request.")


def _all_problems(rule: HTTPRuleNode) -> Iterator[Problem]:
    yield from rule.problems
    yield from extension_problems(rule.spec, f"rules[{rule.index}]")
    clusters = (*(node.cluster for node in rule.backends), *(node.cluster for node in mirrors_of(rule)))
    yield from (found for found in (*clusters, rule.authorizer) if isinstance(found, Problem))
