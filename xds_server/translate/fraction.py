"""So many of so many requests → FractionalPercent, of which Envoy knows three denominators.

All draws of one request are one number, of which Envoy takes the remainder: those with the same denominator are not
independent, and only those with the same are nested.
"""

from collections.abc import Iterable

from protos.core import FractionalPercent, RuntimeFractionalPercent

MILLION = 1_000_000

_DENOMINATORS = {
    100: FractionalPercent.HUNDRED,
    10_000: FractionalPercent.TEN_THOUSAND,
    MILLION: FractionalPercent.MILLION,
}


def fraction(numerator: int, denominator: int, of: int = MILLION) -> RuntimeFractionalPercent:
    """So many of so many, said as so many of `of`: to the nearest."""
    nearest = (2 * numerator * of + denominator) // (2 * denominator)
    percent = FractionalPercent(numerator=nearest, denominator=_DENOMINATORS[of])
    return RuntimeFractionalPercent(default_value=percent)


def common_denominator(numerators: Iterable[int], denominator: int) -> int:
    """The smallest denominator of Envoy's in which all of these can be said exactly, else the largest."""
    wanted = list(numerators)
    exact = (of for of in _DENOMINATORS if all(numerator * of % denominator == 0 for numerator in wanted))
    return next(exact, MILLION)
