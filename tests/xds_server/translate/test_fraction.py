import pytest

from protos.core import FractionalPercent
from xds_server.translate.fraction import MILLION, common_denominator, fraction


@pytest.mark.parametrize(
    ("sums", "total", "expected"),
    [
        ([1, 2], 2, 100),
        ([90, 93, 100], 100, 100),
        ([500, 755, 1000], 1000, 10_000),
        ([1, MILLION], MILLION, MILLION),
        ([1, 3], 3, MILLION),
    ],
)
def test_thresholds_share_the_smallest_denominator_that_is_exact(sums: list[int], total: int, expected: int) -> None:
    assert common_denominator(sums, total) == expected


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [(0, 7, 0), (7, 7, MILLION), (1, 2, 500_000), (1, 3, 333_333), (2, 3, 666_667), (1, 16 * MILLION, 0)],
)
def test_a_fraction_is_said_to_the_nearest_millionth(numerator: int, denominator: int, expected: int) -> None:
    said = fraction(numerator, denominator).default_value
    assert (said.numerator, said.denominator) == (expected, FractionalPercent.MILLION)
