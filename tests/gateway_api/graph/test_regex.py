"""What users' regular expressions mean to an Envoy, which compares bytes."""

import time

import pytest
import re2  # type: ignore[import-untyped]

from gateway_api.graph.regex import MAX_CLASSES_OF_UNICODE, MAX_PROGRAM, regex_size
from gateway_api.graph.routes.http_match import regex_problem

_BYTES = re2.Options()
_BYTES.encoding = re2.Options.Encoding.LATIN1


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ("(ä|ö|ü)lter", "älter"),
        ("(ä)+", "ää"),
        (r"\Q[ä]\E", "[ä]"),
        (r"\[ä]", "[ä]"),
        (r"[]\]a[:alpha:]]ä", "]ä"),
        (r"[^\x00-\x7f]+", "日本"),
        (r"(?i)ÄLTER", "Älter"),
    ],
)
def test_a_pattern_that_is_taken_matches_what_it_says(pattern: str, value: str) -> None:
    assert regex_problem(pattern) is None
    assert re2.compile(pattern.encode(), _BYTES).fullmatch(value.encode())


def test_all_letters_are_few_bytes() -> None:
    pattern = r"/\p{L}+/\p{L}+/\p{L}+/\p{L}+"
    assert regex_problem(pattern) is None
    assert isinstance(size := regex_size(pattern), int)
    assert size < MAX_PROGRAM / 10


@pytest.mark.parametrize("pattern", [r"[\s\S]{0,30}" * 300, ".{0,30}" * 146, "(a|b|c){0,100}" * 290])
def test_what_is_far_too_large_is_given_up_at_once(pattern: str) -> None:
    """A route may have hundreds, and nobody else's changes go out meanwhile: these took 70 to 280 ms each."""
    begun = time.process_time()
    assert regex_size(pattern) == MAX_PROGRAM + 1
    assert time.process_time() - begun < 0.04


def test_unicode_is_asked_for_a_few_times() -> None:
    """Each time costs us a tenth of a millisecond: a route of many cost 20 seconds."""
    assert regex_problem(r"\pL" * MAX_CLASSES_OF_UNICODE) is None
    assert "more than 16 classes of Unicode" in (regex_problem(r"[^\pL\PN]" * MAX_CLASSES_OF_UNICODE) or "")


@pytest.mark.parametrize(
    "pattern", ["[äöü]lter", "[^ä]", "[]ä]", r"[\]ä]", "[[:alpha:]ä]", "ä+", "ä*", "ä?", "ä{2}", r"\Q[\Eä+"]
)
def test_a_character_of_several_bytes_stands_for_itself(pattern: str) -> None:
    assert "would mean single bytes" in (regex_problem(pattern) or "")


@pytest.mark.parametrize("pattern", [r"[\x{4e00}-\x{9fa5}]+", r"a\x{100}"])
def test_no_byte_is_beyond_255(pattern: str) -> None:
    assert "which RE2 rejects: invalid escape sequence" in (found := regex_problem(pattern) or "")
    assert "proxies compare bytes" in found


@pytest.mark.parametrize("pattern", [r"\p{Han}+", r"a\p{Han}"])
def test_letters_that_are_no_byte_match_nothing(pattern: str) -> None:
    assert "which matches nothing" in (regex_problem(pattern) or "")
