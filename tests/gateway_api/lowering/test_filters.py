"""Filters and matches, one by one."""

import pytest

from gateway_api.ir import xds as ir
from gateway_api.lowering.filters import cors, path_rewrite, redirect_port, request_headers
from gateway_api.lowering.frontend import Frontend, Scheme
from gateway_api.lowering.matches import lower_match
from k8s_watch.objects.routes import (
    HTTPCors,
    HTTPHeader,
    HTTPHeaderFilter,
    HTTPHeaderMatch,
    HTTPPathMatch,
    HTTPPathModifier,
    HTTPQueryParamMatch,
    HTTPRequestRedirect,
    HTTPRouteFilter,
    HTTPRouteMatch,
)


@pytest.mark.parametrize(
    ("came", "through", "scheme", "port", "expected"),
    [
        ("http", 80, None, None, (None, None)),
        ("http", 8080, None, None, (8080, None)),
        ("https", 443, None, None, (None, None)),
        ("https", 8443, None, None, (8443, None)),
        ("http", 8080, "https", None, (None, 443)),
        ("https", 8443, "http", None, (None, 80)),
        ("http", 80, None, 8443, (8443, None)),
        ("http", 8080, None, 80, (None, 80)),
        ("http", 80, None, 443, (443, None)),
        ("http", 80, "https", 443, (None, 443)),
        ("http", 80, "https", 80, (80, None)),
    ],
)
def test_redirect_ports(
    came: Scheme, through: int, scheme: str | None, port: int | None, expected: tuple[int | None, int | None]
) -> None:
    """Written out, or implied."""
    assert redirect_port(HTTPRequestRedirect(scheme=scheme, port=port), Frontend(came, through)) == expected


@pytest.mark.parametrize(("written", "value"), [("/xyz", "/xyz"), ("/xyz/", "/xyz"), ("", "/"), ("/", "/")])
def test_a_replaced_prefix_loses_its_trailing_slash(written: str, value: str) -> None:
    modifier = HTTPPathModifier(type="ReplacePrefixMatch", replace_prefix_match=written)
    rewrite = path_rewrite(modifier, ir.PathMatch(kind="prefix", value="/foo"))
    assert rewrite == ir.PathRewrite(kind="prefix", value=value, matched="/foo")


def test_header_filters_are_collected_in_order() -> None:
    one = HTTPHeaderFilter(set=(HTTPHeader(name="A", value="1"),), remove=("X",))
    other = HTTPHeaderFilter(add=(HTTPHeader(name="B", value="2"),), remove=("Y",))
    filters = [HTTPRouteFilter(type="RequestHeaderModifier", request_header_modifier=m) for m in (one, other)]
    assert request_headers(filters) == ir.HeaderMods(set=(("A", "1"),), add=(("B", "2"),), remove=("X", "Y"))


def test_the_first_of_equal_header_names_counts_in_a_filter() -> None:
    pairs = HTTPHeader(name="A", value="1"), HTTPHeader(name="a", value="2")
    modifier = HTTPHeaderFilter(set=pairs, add=pairs)
    filters = [HTTPRouteFilter(type="RequestHeaderModifier", request_header_modifier=modifier)]
    assert request_headers(filters) == ir.HeaderMods(set=(("A", "1"),), add=(("A", "1"),))


@pytest.mark.parametrize(("written", "value"), [("/", "/"), ("/a", "/a"), ("/a/", "/a"), ("/a/b/", "/a/b")])
def test_a_path_prefix_loses_its_trailing_slash(written: str, value: str) -> None:
    assert lower_match(HTTPRouteMatch(path=HTTPPathMatch(value=written))).path == ir.PathMatch(
        kind="prefix", value=value
    )


def test_an_exact_path_keeps_its_trailing_slash() -> None:
    match = lower_match(HTTPRouteMatch(path=HTTPPathMatch(type="Exact", value="/a/")))
    assert match.path == ir.PathMatch(kind="exact", value="/a/")


def test_the_first_of_equal_names_counts() -> None:
    match = lower_match(
        HTTPRouteMatch(
            headers=(HTTPHeaderMatch(name="Color", value="red"), HTTPHeaderMatch(name="color", value="blue")),
            query_params=(
                HTTPQueryParamMatch(name="q", value="1"),
                HTTPQueryParamMatch(name="Q", value="2", type="RegularExpression"),
                HTTPQueryParamMatch(name="q", value="3"),
            ),
        )
    )
    assert match.headers == (ir.ValueMatch(name="color", kind="exact", value="red"),)
    assert [(q.name, q.kind, q.value) for q in match.queries] == [("q", "exact", "1"), ("Q", "regex", "2")]


@pytest.mark.parametrize(("credentials", "exposed"), [(None, ("*", "X-A")), (False, ("*", "X-A")), (True, ("X-A",))])
def test_with_credentials_not_everything_can_be_exposed(credentials: bool | None, exposed: tuple[str, ...]) -> None:
    spec = HTTPCors(expose_headers=("*", "X-A"), allow_credentials=credentials)
    policy = cors([HTTPRouteFilter(type="CORS", cors=spec)])
    assert policy == ir.Cors(exposed=exposed, credentials=bool(credentials))
