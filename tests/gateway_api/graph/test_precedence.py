from gateway_api.graph.precedence import match_precedence, method_precedence, seniority
from k8s_watch.objects.grpc_route import GRPCRouteMatch
from k8s_watch.objects.meta import Meta
from k8s_watch.objects.routes import HTTPHeaderMatch, HTTPPathMatch, HTTPQueryParamMatch, HTTPRoute, HTTPRouteMatch

HEADER, OTHER_HEADER = (HTTPHeaderMatch(name=name, value="1") for name in ("a", "b"))
QUERY, OTHER_QUERY = (HTTPQueryParamMatch(name=name, value="1") for name in ("a", "A"))


def route(name: str, created: str = "2026-01-01T00:00:00Z", namespace: str = "default") -> HTTPRoute:
    return HTTPRoute(metadata=Meta(name=name, namespace=namespace, creation_timestamp=created))


def match(kind: str, value: str) -> HTTPRouteMatch:
    return HTTPRouteMatch(path=HTTPPathMatch(type=kind, value=value))


def test_matches_are_tried_in_the_order_of_the_spec() -> None:
    prefix = HTTPPathMatch(value="/a")
    in_order = [
        match("Exact", "/long"),
        match("Exact", "/a"),
        match("RegularExpression", "/.*"),
        match("PathPrefix", "/longer"),
        HTTPRouteMatch(path=prefix, method="GET"),
        HTTPRouteMatch(path=prefix, headers=(HEADER, OTHER_HEADER)),
        HTTPRouteMatch(path=prefix, headers=(HEADER,), query_params=(QUERY, OTHER_QUERY)),
        HTTPRouteMatch(path=prefix, headers=(HEADER,), query_params=(QUERY,)),
        HTTPRouteMatch(path=prefix, headers=(HEADER,)),
        HTTPRouteMatch(path=prefix, query_params=(QUERY,)),
        HTTPRouteMatch(path=prefix),
        match("PathPrefix", "/"),
    ]
    one = route("r")
    backwards = in_order[::-1]
    assert sorted(backwards, key=lambda match: match_precedence(match, one, 0, 0)) == in_order


def test_preflights_come_after_matches_of_their_own_method_and_before_those_of_any() -> None:
    one = route("r")
    options, put, of_any = (HTTPRouteMatch(method=method) for method in ("OPTIONS", "PUT", None))
    preflight = match_precedence(put, one, 0, 0, preflight=True)
    assert match_precedence(options, one, 9, 9) < preflight < match_precedence(of_any, one, 0, 0)


def test_a_trailing_slash_makes_no_prefix_longer() -> None:
    one = route("r")
    assert match_precedence(match("PathPrefix", "/a/"), one, 0, 0) == match_precedence(
        match("PathPrefix", "/a"), one, 0, 0
    )


def test_a_path_is_as_long_as_what_it_matches() -> None:
    one = route("r")
    escaped, longer = match("PathPrefix", "/%61%62"), match("PathPrefix", "/ab/c")
    assert match_precedence(longer, one, 0, 0) < match_precedence(escaped, one, 0, 0)
    assert match_precedence(escaped, one, 0, 0) == match_precedence(match("PathPrefix", "/ab"), one, 0, 0)


def test_entries_that_are_ignored_make_no_match_go_before_others() -> None:
    one, headers = route("r"), (HEADER, HTTPHeaderMatch(name="A", value="2"))
    once = HTTPRouteMatch(headers=(HEADER,), query_params=(QUERY,))
    twice = HTTPRouteMatch(headers=headers, query_params=(QUERY, QUERY))
    assert match_precedence(twice, one, 0, 0) == match_precedence(once, one, 0, 0)
    once_of_grpc, twice_of_grpc = GRPCRouteMatch(headers=(HEADER,)), GRPCRouteMatch(headers=headers)
    assert method_precedence(twice_of_grpc, one, 0, 0) == method_precedence(once_of_grpc, one, 0, 0)


def test_ties_go_to_the_oldest_route_then_to_the_first_by_namespace_and_name_then_to_the_first_rule() -> None:
    same = HTTPRouteMatch()
    older, newer = route("z", "2026-01-01T00:00:00Z"), route("a", "2026-01-01T00:00:01Z")
    sibling = route("z", "2026-01-01T00:00:00Z", namespace="other")
    in_order = [(older, 0, 0), (older, 0, 1), (older, 1, 0), (sibling, 0, 0), (newer, 0, 0)]
    backwards = in_order[::-1]
    assert sorted(backwards, key=lambda place: match_precedence(same, *place)) == in_order


def test_names_are_compared_as_one_text() -> None:
    # "a-b/x" < "a/x" as text, since "-" sorts before "/", though the namespace "a" sorts before "a-b".
    assert seniority(route("x", namespace="a-b")) < seniority(route("x", namespace="a"))
