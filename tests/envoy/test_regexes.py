"""What is taken of a user's regular expressions, Envoy takes."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway_api.graph.routes.http_match import regex_problem
from gateway_api.ir import xds as ir
from tests.envoy.gateways import host, http_gateway, prefix
from tests.envoy.validation import validation_bootstrap
from xds_server.translate.assemble import assemble

pytestmark = pytest.mark.envoy

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
    headers = [ir.ValueMatch(name="x", kind="regex", value=pattern) for pattern in patterns]
    routes = [
        ir.Route(name="r", match=ir.Match(path=prefix("/"), headers=(each,)), action=ir.Respond(status=200))
        for each in headers
    ]
    gateway = http_gateway(10080, host("*", *routes))
    return ask(validation_bootstrap(assemble(gateway, ())))
