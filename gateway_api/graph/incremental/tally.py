"""Routes that moved → the counts of listeners and the order of each Gateway's routes, kept by what moved alone."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping

from immutables import Map

from gateway_api.graph.incremental.readers import Moved
from gateway_api.graph.mappings import replaced
from gateway_api.graph.precedence import Seniority, seniority
from gateway_api.graph.types import ListenerSetNode, RouteNode
from k8s_watch.keys import ObjectKey

type _Row = tuple[Seniority, ObjectKey]

_FEW = 16
"""So many rows in one are better sorted in than inserted one by one, as the share of the list that they are."""


class Counts[K: Hashable, L: Hashable]:
    """How many routes connect each two things: an owner and its listener, or what is used and a Gateway."""

    def __init__(self, pairs: Callable[[RouteNode], frozenset[tuple[K, L]]]) -> None:
        """`pairs` says what a route connects."""
        self._pairs = pairs
        self._of: defaultdict[K, Counter[L]] = defaultdict(Counter)

    def of(self, key: K) -> Mapping[L, int]:
        """Return what routes connect with `key`, and how many do; nothing is there with a count of none."""
        return self._of.get(key, {})

    def get(self, key: K, /) -> Mapping[L, int] | None:
        """As `of`; None for nothing."""
        return self._of.get(key)

    def __contains__(self, key: object, /) -> bool:
        return key in self._of

    def move[N: RouteNode](self, moved: Iterable[Moved[N]]) -> set[K]:
        """Count anew what moved; return the keys of which a count may differ."""
        touched = set()
        for before, after in moved:
            left = self._pairs(before) if before else frozenset()
            joined = self._pairs(after) if after else frozenset()
            for sign, pairs in ((-1, left - joined), (1, joined - left)):
                for key, other in pairs:
                    self._count(key, other, sign)
                    touched.add(key)
        return touched

    def _count(self, key: K, other: L, sign: int) -> None:
        counts = self._of[key]
        counts[other] += sign
        if not counts[other]:
            del counts[other]
            if not counts:
                del self._of[key]


class Ranks[N: RouteNode | ListenerSetNode]:
    """The routes of one kind, or the ListenerSets, that each Gateway has, in order of precedence."""

    def __init__(self, gateways: Callable[[N], Iterable[ObjectKey]]) -> None:
        """`gateways` says which have one."""
        self._gateways = gateways
        self.of: Map[ObjectKey, tuple[ObjectKey, ...]] = Map()
        """By Gateway. Never mutated: a change makes a new mapping."""
        self._lists: defaultdict[ObjectKey, _Ranking] = defaultdict(_Ranking)

    def move(self, moved: Mapping[ObjectKey, Moved[N]]) -> None:
        """Sort what moved in, out, or elsewhere."""
        left: defaultdict[ObjectKey, set[_Row]] = defaultdict(set)
        joined: defaultdict[ObjectKey, set[_Row]] = defaultdict(set)
        for key, (before, after) in moved.items():
            places, now = self._places(key, before), self._places(key, after)
            for gateway, row in places - now:
                left[gateway].add(row)
            for gateway, row in now - places:
                joined[gateway].add(row)
        touched = left.keys() | joined.keys()
        for gateway in touched:
            self._lists[gateway].move(left[gateway], joined[gateway])
        self.of = replaced(self.of, {gateway: tuple(self._lists[gateway].keys) or None for gateway in touched})
        for gateway in touched:
            if gateway not in self.of:
                del self._lists[gateway]

    def _places(self, key: ObjectKey, node: N | None) -> set[tuple[ObjectKey, _Row]]:
        if node is None:
            return set()
        row = (seniority(node.source), key)
        return {(gateway, row) for gateway in self._gateways(node)}


class _Ranking:
    """Rows in order, and in a list of their own their keys, so that a tuple of them is made without a loop of ours."""

    def __init__(self) -> None:
        self.keys: list[ObjectKey] = []
        self._rows: list[_Row] = []

    def move(self, left: set[_Row], joined: set[_Row]) -> None:
        """Cost: one bisection a row; for more than a few, one pass over the list."""
        if (len(left) + len(joined)) * _FEW > len(self._rows):
            self._rows = sorted([row for row in self._rows if row not in left] + list(joined))
            self.keys = [key for _, key in self._rows]
            return
        for row in left:
            index = bisect_left(self._rows, row)
            del self._rows[index], self.keys[index]
        for row in joined:
            index = bisect_left(self._rows, row)
            self._rows.insert(index, row)
            self.keys.insert(index, row[1])
