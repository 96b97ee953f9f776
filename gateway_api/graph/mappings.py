"""Two versions of a mapping that is never mutated: what differs between them, and how to make the next one.

They are hash tries, which share all but a few paths with the version before: a copied dict would touch every object in
it for each that changes (ADR 18).
"""

from collections.abc import Callable, Mapping
from operator import is_not, ne

from immutables import Map


def replaced[K, V](mapping: Map[K, V], news: Mapping[K, V | None]) -> Map[K, V]:
    """Return the mapping with the news in it, itself where there are none; None takes a key out. Cost: follows the
    news, not the mapping.
    """
    if not news:
        return mapping
    new = mapping.mutate()
    for key, value in news.items():
        if value is None:
            new.pop(key, None)
        else:
            new[key] = value
    return new.finish()


def not_same[K](before: Mapping[K, object], now: Mapping[K, object]) -> frozenset[K]:
    """Return the keys at which the two do not hold the same object. About 0.1 µs a key."""
    if before is now:
        return frozenset()
    return _differing(before, now, is_not)


def not_equal[K](before: Mapping[K, object], now: Mapping[K, object]) -> frozenset[K]:
    """Return the keys at which the two do not hold equal values."""
    if before is now:
        return frozenset()
    return _differing(before, now, ne)


def _differing[K](
    before: Mapping[K, object], now: Mapping[K, object], differ: Callable[[object, object], bool]
) -> frozenset[K]:
    found = {key for key, held in now.items() if differ(before.get(key), held)}
    found.update(key for key in before if key not in now)
    return frozenset(found)
