import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_api.graph.hostnames import covers, intersect, is_hostname, is_precise, shared, sharers, specificity

labels = st.sampled_from(["a", "b", "example", "com"])
names = st.lists(labels, min_size=1, max_size=4).map(".".join)
hostnames = st.one_of(names, names.map(lambda name: f"*.{name}"), st.just("*"))


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("www.example.com", "www.example.com", "www.example.com"),
        ("*.example.com", "www.example.com", "www.example.com"),
        ("*.example.com", "a.b.example.com", "a.b.example.com"),
        ("*.example.com", "example.com", None),
        ("*.example.com", "www.anexample.com", None),
        ("*.example.com", "*.a.example.com", "*.a.example.com"),
        ("*.example.com", "*.example.com", "*.example.com"),
        ("*.example.com", "*.example.net", None),
        ("*", "*.example.com", "*.example.com"),
        ("*", "*", "*"),
        ("a.com", "b.com", None),
    ],
)
def test_two_hostnames_share_the_more_specific(one: str, other: str, both: str | None) -> None:
    assert intersect(one, other) == both
    assert intersect(other, one) == both


@given(hostnames, hostnames, names)
def test_a_request_matches_the_intersection_exactly_when_it_matches_both(one: str, other: str, host: str) -> None:
    both = intersect(one, other)
    assert (covers(one, host) and covers(other, host)) == (both is not None and covers(both, host))


def test_a_route_without_hostnames_takes_the_listeners() -> None:
    assert shared("*.example.com", ()) == ("*.example.com",)
    assert shared("*", ()) == ("*",)


def test_what_is_shared_keeps_the_routes_order_without_duplicates() -> None:
    assert shared("*.b.com", ["z.b.com", "a.com", "*.com", "z.b.com"]) == ("z.b.com", "*.b.com")


odd = st.text(".*ab", max_size=6)


@given(st.one_of(hostnames, odd), st.lists(st.one_of(names, names, names, hostnames, odd), max_size=3))
def test_who_is_not_among_the_sharers_shares_nothing(listener: str, route: list[str]) -> None:
    assert not shared(listener, route) or (near := sharers(route)) is None or listener in near


def test_only_what_covers_exact_hostnames_shares_something_with_them() -> None:
    assert sharers(["a.b.com"]) == {"a.b.com", "*.b.com", "*.com", "*"}
    assert sharers(["a.b.com", "*.com"]) is None
    assert sharers([]) is None


def test_exact_goes_before_long_wildcard_before_short_before_any() -> None:
    in_order = ["a.example.com", "*.foo.example.com", "*.example.com", "*"]
    backwards = in_order[::-1]
    assert sorted(backwards, key=specificity) == in_order


@pytest.mark.parametrize("name", ["example.com", "a", "xn--bcher-kva.example", "1.example.com"])
def test_a_dns_name_is_a_hostname(name: str) -> None:
    assert is_precise(name)
    assert is_hostname(f"*.{name}")


@pytest.mark.parametrize(
    "name", ["", "*", "*.*.com", "a.*.com", "Example.com", "a..b", "-a.com", "a_b.com", "10.0.0.1", "a" * 64, "a.com\n"]
)
def test_anything_else_is_none(name: str) -> None:
    assert not is_hostname(name)
