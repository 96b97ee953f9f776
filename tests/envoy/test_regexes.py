"""What is taken of a user's regular expressions, Envoy takes."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway_api.graph.routes.http_match import regex_problem
from gateway_api.ir import xds as ir
from k8s_watch.keys import ObjectKey
from tests.envoy.validation import validation_bootstrap
from xds_server.translate.assemble import assemble

pytestmark = pytest.mark.envoy

KEY = ObjectKey("default", "eg")

PARTS = (
    r"a 0 z ä ö 日 [ ] ^ - \ ( ) (?: (?i) (?P<n> (?P<ä> ? + * {2} {900} | . $ \Q \E \b \C \z \d \S \pN \p{L} \P{Han}"
)
CODES = r"\xe4 \x{e4} \x{ff} \x{4e00} \x{9fa5} \x{10ffff} [:alpha:] [:^word:] [a-z] [^ä] [\x{4e00}-\x{9fa5}]"
PATTERN = st.lists(st.sampled_from(f"{PARTS} {CODES}".split()), min_size=1, max_size=8).map("".join)


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(st.lists(PATTERN, min_size=100))
def test_a_regex_that_is_taken_is_one_to_envoy(envoy_verdict: Callable[[str], str], patterns: list[str]) -> None:
    assert verdict(envoy_verdict, [pattern for pattern in patterns if regex_problem(pattern) is None]) == ""


@pytest.mark.parametrize("pattern", [r"/\p{L}+/\p{L}+/\p{L}+/\p{L}+", "(ä|ö|ü)lter", r"\P{Han}+"])
def test_what_counts_as_bytes_is_taken(envoy_verdict: Callable[[str], str], pattern: str) -> None:
    assert regex_problem(pattern) is None
    assert verdict(envoy_verdict, [pattern]) == ""


def test_a_character_that_no_byte_is_would_be_refused(envoy_verdict: Callable[[str], str]) -> None:
    assert "invalid escape sequence" in verdict(envoy_verdict, [r"[\x{4e00}-\x{9fa5}]+"])


def verdict(ask: Callable[[str], str], patterns: list[str]) -> str:
    """What Envoy complains of in a table with a route for each pattern, under the limits of our bootstraps."""
    path = ir.PathMatch(kind="prefix", value="/")
    matches = [ir.Match(path=path, headers=(ir.ValueMatch(name="x", kind="regex", value=one),)) for one in patterns]
    routes = tuple(ir.Route(name="r", source=KEY, match=one, action=ir.Respond(status=200)) for one in matches)
    chain = ir.FilterChain(name="http-80", handler=ir.HttpChain(route_table="http-80"))
    gateway = ir.GatewayIR(
        gateway=KEY,
        listeners=(ir.Listener(name="tcp-80", port=80, bind_port=10080, filter_chains=(chain,)),),
        route_tables=(ir.RouteTable(name="http-80", virtual_hosts=(ir.VirtualHost(hostname="*", routes=routes),)),),
    )
    return ask(validation_bootstrap(assemble(gateway, ())))
