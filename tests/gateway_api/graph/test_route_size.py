"""What a route comes to is bounded: each rule counts with its matches, its shares, and all places of the route."""

from collections.abc import Callable

import pytest
import yaml

from gateway_api.graph.types import HTTPRouteNode

type Route = Callable[..., HTTPRouteNode]

TWO_LISTENERS = """
kind: Gateway
metadata: {name: eg}
spec: {gatewayClassName: eg, listeners: [{name: a, port: 80, protocol: HTTP}, {name: b, port: 81, protocol: HTTP}]}
"""
HEADERS = {"set": [{"name": f"x-{i}", "value": "v" * 4000} for i in range(8)]}
LARGE = {"type": "RequestHeaderModifier", "requestHeaderModifier": HEADERS}
"""32 KB."""
FROM_64_PAGES = {"type": "CORS", "cors": {"allowOrigins": [f"https://{i}.example.com" for i in range(64)]}}
ASKING = {
    "type": "ExternalAuth",
    "externalAuth": {"protocol": "HTTP", "backendRef": {"name": "web", "port": 80}, "http": {}},
}
"""In a proxy 15 KiB, over gRPC 28; a route that asks nobody 3."""
SMALL = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x", "value": "v"}]}}


def spec(*rules: dict[str, object], hostnames: int = 1) -> str:
    return yaml.safe_dump({"hostnames": [f"h{i}.example.com" for i in range(hostnames)], "rules": list(rules)})


def rule(
    *filters: object, matches: int, backends: int = 1, of_backends: object = None, **more: object
) -> dict[str, object]:
    backend = {"name": "web", "port": 80} | ({"filters": [of_backends]} if of_backends else {})
    paths = [{"path": {"value": f"/{i}"}} for i in range(matches)]
    return {"matches": paths, "filters": list(filters), "backendRefs": [backend] * backends, **more}


def too_large(node: HTTPRouteNode) -> list[bool]:
    return [any("16 MiB" in problem.message for problem in each.problems) for each in node.rules]


@pytest.mark.parametrize(
    ("one", "hostnames", "is_too_large"),
    [
        (rule(LARGE, matches=64), 1, False),
        (rule(LARGE, matches=64), 16, True),
        (rule(LARGE, matches=16), 16, False),
        (rule(matches=64, of_backends=LARGE), 16, True),
        (rule(LARGE, matches=16, backends=16), 1, False),
        (rule(LARGE, matches=64, backends=16), 1, False),
        (rule(FROM_64_PAGES, matches=64), 1, False),
        (rule(FROM_64_PAGES, matches=64), 16, True),
        (rule(ASKING, matches=64), 16, False),
        (rule(ASKING, matches=64, backends=16, of_backends=SMALL), 1, False),
        (rule(ASKING, matches=64, backends=16, of_backends=SMALL), 16, True),
        (rule(matches=64, backends=16, sessionPersistence={"sessionName": "s"}), 4, False),
        (rule(matches=64, backends=16, sessionPersistence={"sessionName": "s"}), 16, True),
        (rule(LARGE, matches=64, backends=16, of_backends=SMALL), 1, True),
        (rule(LARGE, matches=64, backends=16, sessionPersistence={"sessionName": "s"}), 1, True),
        (rule(SMALL, matches=64, backends=16, of_backends=SMALL, sessionPersistence={"sessionName": "s"}), 2, False),
    ],
)
def test_a_rule_counts_as_often_as_it_is_written_down(
    http_route: Route, one: dict[str, object], hostnames: int, *, is_too_large: bool
) -> None:
    node = http_route(spec(one, hostnames=hostnames))
    assert too_large(node) == [is_too_large], node.problems
    assert (node.rejection is not None) is is_too_large


def test_what_is_too_much_takes_nothing_from_what_fits(http_route: Route) -> None:
    node = http_route(spec(rule(LARGE, matches=20), rule(LARGE, matches=20), rule(matches=20), hostnames=16))
    assert too_large(node) == [False, True, False]
    assert node.rules[1].problems[0].message.startswith("rules[1] comes to more than 16 MiB of configuration")


def test_each_listener_counts(http_route: Route) -> None:
    text = spec(rule(LARGE, matches=20), hostnames=16)
    assert too_large(http_route(text)) == [False]
    assert too_large(http_route(text, TWO_LISTENERS)) == [True]


def test_what_is_wrong_in_itself_comes_to_nothing(http_route: Route) -> None:
    wrong = rule(LARGE, {"type": "Unknown"}, matches=20)
    node = http_route(spec(wrong, rule(LARGE, matches=20), hostnames=16))
    assert too_large(node) == [False, False]


def test_sixteen_hostnames_may_have_what_a_route_may_have_of_matches(http_route: Route) -> None:
    """On two listeners, with a canary each."""
    rules = [rule(SMALL, matches=8, backends=2, of_backends=SMALL) for _ in range(16)]
    assert too_large(http_route(spec(*rules, hostnames=16), TWO_LISTENERS)) == [False] * 16
