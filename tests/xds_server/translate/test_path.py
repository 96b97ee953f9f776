"""Rewrites by whole path elements, and paths that can stand in a request line."""

import pytest

from gateway_api.ir import xds as ir
from protos import matcher
from xds_server.translate.path import path, rewrite


@pytest.mark.parametrize(
    ("matched", "value", "expected"),
    [
        ("/foo", "/xyz", "/xyz"),
        ("/foo", "/xyz/", "/xyz"),
        ("/foo/", "/xyz", "/xyz"),
        ("/", "/xyz", "/xyz/"),
        ("/", "/", None),
        ("/", "", None),
        ("/foo", "xyz", "/xyz"),
    ],
)
def test_a_prefix_is_replaced_by_text(matched: str, value: str, expected: str | None) -> None:
    assert rewrite(ir.PathRewrite(kind="prefix", value=value, matched=matched)) == expected


@pytest.mark.parametrize("value", ["", "/"])
def test_a_prefix_that_goes_takes_its_slash_along(value: str) -> None:
    done = rewrite(ir.PathRewrite(kind="prefix", value=value, matched="/a.b"))
    assert isinstance(done, matcher.RegexMatchAndSubstitute)
    assert (done.pattern.regex, done.substitution) == (r"^/a\.b/*", "/")


def test_a_full_replacement_is_text() -> None:
    done = rewrite(ir.PathRewrite(kind="full", value=r"/\1"))
    assert isinstance(done, matcher.RegexMatchAndSubstitute)
    assert done.substitution == r"/\\1"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", "/"),
        ("a", "/a"),
        ("/a b", "/a%20b"),
        ("/é", "/%C3%A9"),
        ("/a\r\nX: y", "/a%0D%0AX:%20y"),
        ("/%41?q=%20", "/%41?q=%20"),
    ],
)
def test_what_cannot_stand_in_a_path_is_encoded(given: str, expected: str) -> None:
    assert path(given) == expected
