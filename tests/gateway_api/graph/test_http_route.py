from collections.abc import Callable

import pytest

from gateway_api.graph.types import Graph, HTTPRouteNode
from gateway_api.ir.xds import Cluster

type Route = Callable[..., HTTPRouteNode]

GOOD = "{backendRefs: [{name: web, port: 80}]}"


def rule_reasons(node: HTTPRouteNode, index: int = 0) -> list[str]:
    return [problem.reason for problem in node.rules[index].problems]


def test_a_good_route_has_no_problem(http_route: Route) -> None:
    node = http_route("""
    hostnames: [www.example.com, "*.example.org"]
    rules:
    - matches:
      - path: {type: Exact, value: /a}
        method: GET
        headers: [{name: X-A, value: "1"}, {name: b, type: RegularExpression, value: "a+"}, {name: c, value: "a\\tb"}]
        queryParams: [{name: q, value: "1"}]
      - path: {type: RegularExpression, value: "/a/[0-9]+"}
      filters:
      - type: RequestHeaderModifier
        requestHeaderModifier: {set: [{name: a, value: b}], add: [{name: c, value: d}], remove: [e]}
      - type: ResponseHeaderModifier
        responseHeaderModifier: {remove: [server]}
      - {type: URLRewrite, urlRewrite: {hostname: a.com, path: {type: ReplaceFullPath, replaceFullPath: /x}}}
      timeouts: {request: 10s, backendRequest: 500ms}
      backendRefs: [{name: web, port: 80, weight: 90}, {name: web, port: 81, weight: 0}]
    """)
    assert (node.problems, node.rejection) == ((), None)
    assert [backend.cluster.name for backend in node.rules[0].backends if isinstance(backend.cluster, Cluster)] == [
        "service/default/web/80",
        "service/default/web/81/http2",
    ]


@pytest.mark.parametrize(
    "match",
    [
        "{path: {value: a}}",
        "{path: {value: ''}}",
        "{path: {value: /a//b}}",
        "{path: {value: /a/../b}}",
        "{path: {value: /a/.}}",
        "{path: {value: /a%2Fb}}",
        "{path: {value: '/a b'}}",
        "{path: {value: '/a#b'}}",
        "{path: {type: Glob, value: /a}}",
        "{path: {type: RegularExpression, value: '/(a'}}",
        "{path: {type: RegularExpression, value: '/(?=a)'}}",
        "{path: {type: RegularExpression, value: ''}}",
        "{method: get}",
        "{headers: [{name: ':path', value: a}]}",
        "{headers: [{name: a, value: ''}]}",
        "{headers: [{name: a, type: RegularExpression, value: '['}]}",
        "{headers: [{name: a, type: Glob, value: a}]}",
        "{queryParams: [{name: 'a b', value: a}]}",
        f"{{queryParams: [{{name: {'a' * 257}, value: a}}]}}",
        f"{{headers: [{{name: a, value: {'a' * 4097}}}]}}",
        "{queryParams: [{name: a, type: RegularExpression, value: '*'}]}",
        "{path: {type: RegularExpression, value: '/.{1000}.{1000}.{1000}.{1000}'}}",
        "{headers: [{name: a, type: RegularExpression, value: '.{1000}.{1000}'}], "
        "queryParams: [{name: a, type: RegularExpression, value: '.{1000}.{1000}'}]}",
    ],
)
def test_a_match_that_cannot_be_honoured_drops_its_rule_only(match: str, http_route: Route) -> None:
    node = http_route(f"rules: [{{matches: [{match}]}}, {GOOD}]")
    assert (rule_reasons(node), rule_reasons(node, 1)) == (["UnsupportedValue"], [])
    assert ([*node.rules[0].unusable], [*node.rules[1].unusable]) == ([0], [])
    assert node.rejection is None
    assert node.parents[0].bindings


LARGE = "{headers: [{name: a, type: RegularExpression, value: '(?:[ab]*a[ab]{1000}[ab]{1000}[ab]{1000}[ab]{900})c'}]}"
"""3,907 instructions."""


def test_matches_of_a_route_that_are_too_much_together_are_named(http_route: Route) -> None:
    """Six rules: the sixth is beyond what five may be, and so are the two of the seventh; small ones still fit in."""
    rules = [f"{{matches: [{LARGE}]}}"] * 6 + [f"{{matches: [{LARGE}, {LARGE}]}}"]
    node = http_route(f"rules: [{', '.join(rules)}, {{matches: [{{path: {{type: RegularExpression, value: /a+}}}}]}}]")
    assert [rule_reasons(node, i) for i in range(8)] == [
        *[[]] * 5,
        *[["UnsupportedValue"]] * 1,
        ["UnsupportedValue"] * 2,
        [],
    ]
    assert [[*rule.unusable] for rule in node.rules] == [[], [], [], [], [], [0], [0, 1], []]
    assert node.rules[6].problems[1].message == (
        "rules[6].matches[1] has regular expressions that are more than 20000 RE2 instructions with those of the "
        "matches before it; shorten their repetitions, or match by prefixes and exact values."
    )


def test_sixty_four_rules_may_have_expressions_of_300_instructions_each(http_route: Route) -> None:
    rule = "{matches: [{path: {type: RegularExpression, value: '/[ab]{294}'}}]}"
    node = http_route(f"rules: [{', '.join([rule] * 64)}]")
    assert not node.problems


@pytest.mark.parametrize(
    "one",
    [
        "{type: RequestMirror}",
        "{type: RequestMirror, requestMirror: {backendRef: {name: web, port: 80}, percent: 101}}",
        "{type: RequestMirror, requestMirror: {backendRef: {name: web, port: 80}, percent: -1}}",
        "{type: RequestMirror, requestMirror: {backendRef: {name: web, port: 80}, fraction: {numerator: 101}}}",
        "{type: RequestMirror, requestMirror: "
        "{backendRef: {name: web, port: 80}, fraction: {numerator: 0, denominator: 0}}}",
        "{type: RequestMirror, requestMirror: "
        "{backendRef: {name: web, port: 80}, percent: 1, fraction: {numerator: 1}}}",
        "{type: CORS}",
        "{type: CORS, cors: {allowOrigins: [www.example.com]}}",
        "{type: CORS, cors: {allowOrigins: ['https://*a.com']}}",
        "{type: CORS, cors: {allowOrigins: ['https://a.com:0']}}",
        "{type: CORS, cors: {allowOrigins: ['*', 'https://a.com']}}",
        "{type: CORS, cors: {allowMethods: [get]}}",
        "{type: CORS, cors: {allowHeaders: ['a b']}}",
        '{type: CORS, cors: {exposeHeaders: ["a\\nb"]}}',
        "{type: CORS, cors: {maxAge: 0}}",
        "{type: Anything}",
        "{type: ExtensionRef, extensionRef: {group: x.io, kind: Y, name: z}}",
        "{type: RequestHeaderModifier}",
        "{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: 'a b', value: c}]}}",
        "{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: Host, value: c}]}}",
        "{type: RequestHeaderModifier, requestHeaderModifier: {add: [{name: Upgrade, value: h2c}]}}",
        "{type: RequestHeaderModifier, requestHeaderModifier: {remove: [':path']}}",
        "{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: Content-Length, value: '5'}]}}",
        f"{{type: ResponseHeaderModifier, responseHeaderModifier: {{add: [{{name: a, value: {'b' * 4097}}}]}}}}",
        '{type: ResponseHeaderModifier, responseHeaderModifier: {add: [{name: a, value: "b\\r\\nc"}]}}',
        "{type: RequestRedirect}",
        "{type: RequestRedirect, requestRedirect: {scheme: ftp}}",
        "{type: RequestRedirect, requestRedirect: {statusCode: 200}}",
        "{type: RequestRedirect, requestRedirect: {port: 0}}",
        "{type: RequestRedirect, requestRedirect: {hostname: '*.a.com'}}",
        "{type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath}}}",
        "{type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath, replaceFullPath: ''}}}",
        "{type: ExternalAuth}",
        "{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: web, port: 80}}}",
        "{type: ExternalAuth, externalAuth: {protocol: HTTP, http: {}, grpc: {}, backendRef: {name: web, port: 80}}}",
        "{type: ExternalAuth, externalAuth: {protocol: TCP, http: {}, backendRef: {name: web, port: 80}}}",
        "{type: ExternalAuth, externalAuth: {protocol: HTTP, http: {path: a b}, backendRef: {name: web, port: 80}}}",
        "{type: ExternalAuth, externalAuth: {protocol: HTTP, http: {path: /../a}, backendRef: {name: web, port: 80}}}",
        "{type: ExternalAuth, externalAuth: {protocol: GRPC, grpc: {allowedHeaders: ['a b']}, backendRef: {name: w}}}",
        "{type: URLRewrite}",
        "{type: URLRewrite, urlRewrite: {path: {type: Append}}}",
        "{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: a}}}",
        "{type: RequestRedirect, requestRedirect: {path: {type: ReplacePrefixMatch, replacePrefixMatch: '/a?b=c'}}}",
        "{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: '/a b'}}}",
        "{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: '/a?b=c'}}}",
    ],
)
def test_a_filter_that_cannot_be_honoured_drops_its_rule_only(one: str, http_route: Route) -> None:
    node = http_route(f"rules: [{{filters: [{one}]}}, {GOOD}]")
    assert (rule_reasons(node), rule_reasons(node, 1)) == (["UnsupportedValue"], [])


def test_a_redirect_may_lead_to_a_query_and_a_fragment(http_route: Route) -> None:
    path = "{type: ReplaceFullPath, replaceFullPath: '/a?b=c#d'}"
    node = http_route(f"rules: [{{filters: [{{type: RequestRedirect, requestRedirect: {{path: {path}}}}}]}}]")
    assert rule_reasons(node) == []


@pytest.mark.parametrize(
    "retry", ["{codes: [399]}", "{codes: [600]}", "{attempts: -1}", "{attempts: 4294967296}", "{backoff: 1.5s}"]
)
def test_a_retry_that_cannot_be_honoured_drops_its_rule_only(retry: str, http_route: Route) -> None:
    node = http_route(f"rules: [{{retry: {retry}}}, {{retry: {{codes: [400, 599], attempts: 0, backoff: 0s}}}}]")
    assert (rule_reasons(node), rule_reasons(node, 1)) == (["UnsupportedValue"], [])


@pytest.mark.parametrize(
    "session",
    [
        "{sessionName: ''}",
        "{sessionName: 'a=b'}",
        f"{{sessionName: {'a' * 129}}}",
        "{type: Header, sessionName: Host}",
        "{type: Header, absoluteTimeout: 1d}",
        "{type: Header, cookieConfig: {}}",
        "{type: Address}",
        "{absoluteTimeout: 1.5m, cookieConfig: {lifetimeType: Permanent}}",
        "{type: Header, sessionName: my_session}",
        "{absoluteTimeout: 0s, cookieConfig: {lifetimeType: Permanent}}",
        "{cookieConfig: {lifetimeType: Permanent}}",
        "{cookieConfig: {lifetimeType: Forever}}",
    ],
)
def test_a_session_that_cannot_be_kept_drops_its_rule_only(session: str, http_route: Route) -> None:
    node = http_route(f"rules: [{{sessionPersistence: {session}}}, {GOOD}]")
    assert (rule_reasons(node), rule_reasons(node, 1)) == (["UnsupportedValue"], [])


@pytest.mark.parametrize(
    "session",
    [
        "{}",
        "{sessionName: Host, cookieConfig: {}}",
        "{sessionName: my_session}",
        "{type: Header, sessionName: X-Session}",
        "{absoluteTimeout: 1m, cookieConfig: {lifetimeType: Permanent}}",
        "{absoluteTimeout: 1m}",
        "{type: Header, absoluteTimeout: 10s}",
    ],
)
def test_a_session_that_can_be_kept_is_fine(session: str, http_route: Route) -> None:
    assert rule_reasons(http_route(f"rules: [{{sessionPersistence: {session}}}]")) == []


def test_a_header_leads_back_to_a_lone_backend_only(http_route: Route) -> None:
    backends = "[{name: web, port: 80}, {name: web, port: 80}]"
    node = http_route(f"rules: [{{sessionPersistence: {{type: Header}}, backendRefs: {backends}}}]")
    assert rule_reasons(node) == ["UnsupportedValue"]


REDIRECT = "{type: RequestRedirect, requestRedirect: {scheme: https}}"
REWRITE = "{type: URLRewrite, urlRewrite: {hostname: a.com}}"
MIRROR = "{type: RequestMirror, requestMirror: {backendRef: {name: web, port: 80}}}"
CORS = "{type: CORS, cors: {allowOrigins: ['https://a.com:1'], maxAge: 1}}"
ON_BACKEND = "backendRefs: [{{name: web, port: 80, filters: [{}]}}]"
STRIP = "{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: ''}}}"


@pytest.mark.parametrize(
    "rule",
    [
        f"{{filters: [{REDIRECT}, {REWRITE}]}}",
        f"{{filters: [{REDIRECT}, {MIRROR}]}}",
        f"{{filters: [{CORS}, {CORS}]}}",
        f"{{{ON_BACKEND.format(f'{REDIRECT}, {REWRITE}')}}}",
        f"{{{ON_BACKEND.format(f'{REDIRECT}, {CORS}')}}}",
        f"{{filters: [{CORS}], {ON_BACKEND.format(REDIRECT)}}}",
        f"{{filters: [{REWRITE}], {ON_BACKEND.format(REDIRECT)}}}",
        f"{{filters: [{MIRROR}, {MIRROR}], {ON_BACKEND.format(REDIRECT)}}}",
        f"{{matches: [{{path: {{type: Exact, value: /a}}}}], {ON_BACKEND.format(STRIP)}}}",
        f"{{filters: [{REDIRECT}], backendRefs: [{{name: web, port: 80}}]}}",
        f"{{filters: [{REWRITE}, {REWRITE}]}}",
        f"{{filters: [{STRIP}], matches: [{{path: {{type: Exact, value: /a}}}}]}}",
    ],
)
def test_filters_that_exclude_each_other_are_incompatible(rule: str, http_route: Route) -> None:
    assert rule_reasons(http_route(f"rules: [{rule}]")) == ["IncompatibleFilters"]


def test_pages_may_be_told_of_a_redirect(http_route: Route) -> None:
    assert http_route(f"rules: [{{filters: [{REDIRECT}, {CORS}]}}]").problems == ()


def test_the_prefix_of_a_path_prefix_may_be_replaced(http_route: Route) -> None:
    assert http_route(f"rules: [{{filters: [{STRIP}]}}]").problems == ()


MODIFIER = "{type: RequestHeaderModifier, requestHeaderModifier: {remove: [a]}}"


@pytest.mark.parametrize("filters", [MODIFIER, REWRITE, REDIRECT, CORS, MIRROR, f"{MIRROR}, {MIRROR}, {CORS}"])
def test_a_backend_takes_the_filters_that_a_rule_takes(filters: str, http_route: Route) -> None:
    assert http_route(f"rules: [{{{ON_BACKEND.format(filters)}}}]").problems == ()


def test_a_reference_to_a_filter_that_is_not_known_is_not_resolved(http_route: Route) -> None:
    extension = "{type: ExtensionRef, extensionRef: {group: x.io, kind: Y, name: z}}"
    node = http_route(f"rules: [{{filters: [{extension}]}}, {{{ON_BACKEND.format(extension)}}}]")
    assert [problem.reason for problem in node.problems if problem.condition == "ResolvedRefs"] == ["InvalidKind"] * 2


def test_mirrors_are_resolved_one_by_one_and_drop_no_rule(http_route: Route) -> None:
    bad = "{type: RequestMirror, requestMirror: {backendRef: {name: none, port: 80}}}"
    backend = f"{{name: web, port: 80, filters: [{bad}, {MIRROR}]}}"
    node = http_route(f"rules: [{{filters: [{MIRROR}, {bad}], backendRefs: [{backend}]}}]")
    [rule] = node.rules
    assert [isinstance(mirror.cluster, Cluster) for mirror in rule.mirrors] == [True, False]
    assert [isinstance(mirror.cluster, Cluster) for mirror in rule.backends[0].mirrors] == [False, True]
    assert [(problem.condition, problem.reason) for problem in node.problems] == [
        ("ResolvedRefs", "BackendNotFound")
    ] * 2
    assert (rule.problems, node.rejection) == ((), None)


@pytest.mark.parametrize("timeouts", ["{request: '10'}", "{backendRequest: 1d}", "{request: 1s, backendRequest: 2s}"])
def test_timeouts_are_durations_and_a_try_is_no_longer_than_the_whole(timeouts: str, http_route: Route) -> None:
    assert rule_reasons(http_route(f"rules: [{{timeouts: {timeouts}}}]")) == ["UnsupportedValue"]


def test_a_request_timeout_of_zero_bounds_no_try(http_route: Route) -> None:
    assert http_route("rules: [{timeouts: {request: 0s, backendRequest: 2s}}]").problems == ()


@pytest.mark.parametrize("weight", [-1, 1_000_001])
def test_a_weight_has_its_bounds(weight: int, http_route: Route) -> None:
    node = http_route(f"rules: [{{backendRefs: [{{name: web, port: 80, weight: {weight}}}]}}]")
    assert rule_reasons(node) == ["UnsupportedValue"]


def test_a_route_whose_rules_are_all_invalid_is_rejected_and_still_bound(http_route: Route) -> None:
    node = http_route("rules: [{matches: [{method: get}]}, {filters: [{type: CORS}]}]")
    assert node.rejection is not None
    assert node.parents[0].bindings


def test_a_route_with_an_invalid_hostname_is_rejected_and_bound_to_nothing(http_route: Route) -> None:
    node = http_route(f"hostnames: [Www.example.com, a.com]\nrules: [{GOOD}]")
    assert node.rejection is not None
    assert not any(parent.bindings for parent in node.parents)


def test_a_rejected_route_is_not_counted(graph: Callable[..., Graph]) -> None:
    world = """
    kind: Gateway
    metadata: {name: eg}
    spec: {gatewayClassName: eg, listeners: [{name: http, port: 80, protocol: HTTP}]}
    ---
    kind: HTTPRoute
    metadata: {name: r}
    spec: {parentRefs: [{name: eg}], rules: [{filters: [{type: CORS}]}]}
    """
    assert graph(world).gateways["default", "eg"].listeners[0].attached_routes == 0


def test_references_are_resolved_one_by_one(http_route: Route) -> None:
    node = http_route("rules: [{backendRefs: [{name: none, port: 80}, {name: web, port: 80}]}]")
    assert [isinstance(backend.cluster, Cluster) for backend in node.rules[0].backends] == [False, True]
    assert [(problem.condition, problem.reason) for problem in node.problems] == [("ResolvedRefs", "BackendNotFound")]
    assert node.rejection is None


def test_a_grant_opens_another_namespace(http_route: Route) -> None:
    spec = "rules: [{backendRefs: [{name: web, namespace: other, port: 80}]}]"
    grant = """
    kind: ReferenceGrant
    metadata: {name: g, namespace: other}
    spec:
      from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}]
      to: [{group: "", kind: Service, name: web}]
    """
    assert [problem.reason for problem in http_route(spec).problems] == ["RefNotPermitted"]
    assert http_route(spec, grant).problems == ()
