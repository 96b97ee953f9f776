"""What proxies took → the last version of each resource that is known to be good.

The last is by the order of what was wished for, not of the answers: a slow proxy answers for what the others have left
behind.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence, Set
from typing import NamedTuple

from xds_server.snapshot.resource import EMPTY_SET, Reference, Resource, ResourceSet, ResourceType, Snapshot

WISHES = 16
"""Snapshots that are remembered, to know which of two versions is the newer one. They share what did not change."""


class _Taken(NamedTuple):
    """Resources of one type that were taken together, and those that were wished for then."""

    resources: Iterable[Resource]
    wished: ResourceSet


class LastGood:
    """Of one Gateway's proxies."""

    def __init__(self) -> None:
        self._good: dict[ResourceType, dict[str, Resource]] = {type_: {} for type_ in ResourceType}
        self._wishes: deque[Snapshot] = deque(maxlen=WISHES)
        self._taken: dict[ResourceType, _Taken] = {}
        """What was taken last: a thousand proxies that begin take the same parcels, and are looked through once."""

    @property
    def wishes(self) -> Sequence[Snapshot]:
        """What was wished for lately, the newest first."""
        return self._wishes

    def get(self, key: Reference) -> Resource | None:
        """The last version that was taken; None where none was."""
        return self._good[key[0]].get(key[1])

    def names(self, type_: ResourceType) -> Set[str]:
        """Those of which a version was taken."""
        return self._good[type_].keys()

    def wish(self, wanted: Snapshot) -> None:
        """Take in what is wished for now. What is neither in it nor named by something that was good is forgotten."""
        if not self._wishes or self._wishes[0] is not wanted:
            self._wishes.appendleft(wanted)
        for type_, good in self._good.items():
            by_name = wanted.of(type_).by_name
            if len(good) > 2 * len(by_name) + 1000:
                named = {t for known in self._good.values() for r in known.values() for t in r.depends_on}
                self._good[type_] = {n: r for n, r in good.items() if n in by_name or (type_, n) in named}

    def take(self, type_: ResourceType, resource: Resource) -> None:
        """It is good, whatever is older."""
        self._taken.clear()
        self._good[type_][resource.name] = resource

    def take_newer(self, type_: ResourceType, resources: Iterable[Resource]) -> None:
        """Those are good that are not older than what is. Cost: a look-up for what is wished for, once for all proxies
        that take the same.
        """
        wished = self._wishes[0].of(type_) if self._wishes else EMPTY_SET
        known = self._taken.get(type_)
        if known is None or known.resources is not resources or known.wished is not wished:
            self._good[type_].update(self._no_older(type_, resources, wished))
            self._taken[type_] = _Taken(resources, wished)

    def forget(self, key: Reference) -> None:
        """It is not good after all."""
        self._taken.clear()
        self._good[key[0]].pop(key[1], None)

    def is_older(self, key: Reference, taken: Resource) -> bool:
        """Whether the last good version was wished for after this one was. What nobody remembers is older."""
        good = self.get(key)
        if good is None:
            return False
        type_, name = key
        for wished in self._wishes:
            then = wished.of(type_).by_name.get(name)
            if then is not None and then.version in (taken.version, good.version):
                return then.version != taken.version
        return True

    def with_what_it_names(
        self, wanted: Snapshot, type_: ResourceType, resource: Resource
    ) -> list[tuple[ResourceType, Resource]]:
        """The resource with all that it needs and `wanted` lacks; empty when that cannot be had.

        A scope that others choose with cannot: it would need them all, and names none of them.
        """
        found: dict[Reference, Resource] = {(type_, resource.name): resource}
        to_find = _missing(wanted, resource)
        while to_find:
            key = to_find.pop()
            if key in found:
                continue
            good = self.get(key)
            if good is None or self._is_chosen_with(key):
                return []
            found[key] = good
            to_find.extend(_missing(wanted, good))
        return [(of, each) for (of, _), each in found.items()]

    def _no_older(
        self, type_: ResourceType, resources: Iterable[Resource], wished: ResourceSet
    ) -> Iterator[tuple[str, Resource]]:
        """By name."""
        now = wished.by_name
        for resource in resources:
            name = resource.name
            if now.get(name) is resource or not self.is_older((type_, name), resource):
                yield name, resource

    def _is_chosen_with(self, key: Reference) -> bool:
        scopes = self._good[ResourceType.SCOPED_ROUTE] if key[0] is ResourceType.SCOPED_ROUTE else {}
        return any(key in scope.depends_on for scope in scopes.values())


def _missing(wanted: Snapshot, resource: Resource) -> list[Reference]:
    return [key for key in resource.depends_on if key[1] not in wanted.of(key[0]).by_name]
