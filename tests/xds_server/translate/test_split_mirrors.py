"""Of a split, who draws what: the thresholds in millionths."""

from collections.abc import Sequence

import pytest

from gateway_api.ir import xds as ir
from protos.core import FractionalPercent
from protos.route import Route
from xds_server.translate.route import envoy_routes

HALF = ir.Mirror(cluster=ir.ClusterName("copies"), denominator=2)
ALL = ir.Mirror(cluster=ir.ClusterName("copies"))


def split(*shares: tuple[int, Sequence[ir.Mirror]]) -> list[Route]:
    """What weights and mirrors are to Envoy."""
    to = (ir.Destination(cluster=ir.ClusterName("a"), weight=1),)
    action = ir.Split(
        shares=tuple(
            ir.Share(weight=weight, action=ir.Forward(destinations=to, mirrors=tuple(mirrors)))
            for weight, mirrors in shares
        )
    )
    match = ir.Match(path=ir.PathMatch(kind="prefix", value="/"))
    return list(envoy_routes(ir.Route(name="r", match=match, action=action), "*"))


def mirrored_below(route: Route) -> list[int | None]:
    """For each mirror, below which draw it gets a copy; None is any."""
    policies = route.route.request_mirror_policies
    return [
        policy.runtime_fraction.default_value.numerator if policy.HasField("runtime_fraction") else None
        for policy in policies
    ]


@pytest.mark.parametrize(
    ("weights", "below"),
    [
        ((1, 1, 1), [166_667, 500_000, 833_333]),
        ((90, 0, 10), [450_000, 950_000]),
        ((1, 7), [62_500, 562_500]),
        ((1,), [500_000]),
    ],
)
def test_a_mirror_gets_its_part_of_what_its_share_draws(weights: Sequence[int], below: list[int]) -> None:
    routes = split(*((weight, [HALF]) for weight in weights))
    assert [mirrored_below(route) for route in routes] == [[each] for each in below]
    thresholds = [route.match.runtime_fraction.default_value for route in routes[:-1]]
    assert {each.denominator for each in thresholds} <= {FractionalPercent.MILLION}


def test_a_mirror_of_all_that_a_share_draws_draws_nothing() -> None:
    first, last = split((90, [ALL]), (10, []))
    assert (mirrored_below(first), mirrored_below(last)) == ([None], [])
    assert first.match.runtime_fraction.default_value == FractionalPercent(numerator=90)
