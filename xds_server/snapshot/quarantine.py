"""What a fleet said of each version → the snapshot that its proxies should get instead of a refused one.

A version that a proxy refused and no proxy took is in quarantine. While it is, every proxy of the Gateway gets the last
version that one of them did take, with whatever that version names. A proxy that has it already gets nothing; a proxy
that starts today is as good as one that started yesterday, where otherwise it would start with a hole.

Where a resource holds what several objects bring, only what is to blame is kept from the proxies: see `isolation`.

New content ends a quarantine, and so does a proxy that takes the content after all. The memory is this process's own;
what proxies come back with tells the next one what is good.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import NamedTuple

from xds_server.snapshot.isolation import Blame, Divide, Isolation, Parts, Suspicious, Unit, indivisible
from xds_server.snapshot.resource import Resource, ResourceSet, ResourceType, Snapshot, change_set

type Key = tuple[ResourceType, str]


class _Offer(NamedTuple):
    """What is served instead of `of` while `good` is the last that was taken."""

    of: Resource
    good: Resource | None
    offer: Resource | None


class Quarantine:
    """The verdicts of one Gateway's proxies. `by` is whose verdict it is."""

    def __init__(self, divide: Divide = indivisible, suspicious: Suspicious = frozenset) -> None:
        self._divide = divide
        self._suspicious = suspicious
        self._good: dict[ResourceType, dict[str, Resource]] = {type_: {} for type_ in ResourceType}
        self._bad: dict[Key, str] = {}
        self._isolations: dict[Key, Isolation] = {}
        self._offers: dict[Key, _Offer] = {}
        self._dissenters: dict[Key, set[Hashable]] = {}
        """Who refused what another took: what they refuse is nobody's fault until they take something."""
        self._foreign: set[Key] = set()
        """Proxies came to us with versions of these that we do not know."""

    def accept(self, type_: ResourceType, resources: Iterable[Resource], by: Hashable = None) -> bool:
        """A proxy took these. Return whether that makes a difference to what is to be served."""
        good = self._good[type_]
        differs = False
        for resource in resources:
            key = type_, resource.name
            if self._isolations and key in self._isolations and self._comes_late(key, resource):
                continue
            if self._bad and self._bad.get(key) == resource.version:
                del self._bad[key]
                differs = True
            if self._isolations and (isolation := self._isolations.get(key)):
                if (dissenters := isolation.refused(resource.version)) is not None:
                    self._dissenters.setdefault(key, set()).update(dissenters)
                    del self._isolations[key]
                    differs = True
                known = good.get(resource.name)
                differs |= isolation.searching and (known is None or known.version != resource.version)
            if self._dissenters and (of := self._dissenters.get(key)):
                of.discard(by)
            if self._foreign:
                self._foreign.discard(key)
            good[resource.name] = resource
        return differs

    def refuse(self, type_: ResourceType, resource: Resource, message: str, by: Hashable = None) -> bool:
        """A proxy refused this, in these words. Return whether that makes a difference to what is to be served."""
        key = type_, resource.name
        good = self._good[type_].get(resource.name)
        if good is not None and good.version == resource.version:
            self._dissenters.setdefault(key, set()).add(by)
            return False
        isolation = self._isolations.get(key)
        if isolation and (refused := isolation.refused(resource.version)) is not None:
            refused.add(by)
            return False
        if self._bad.get(key) == resource.version or by in self._dissenters.get(key, ()):
            return False
        if parts := self._divide(type_, resource):
            isolation = self._isolations.setdefault(key, Isolation())
            isolation.refuse(parts, self._parts(type_, good), message, by)
        self._bad[key] = resource.version
        self._offers.pop(key, None)
        return True

    def returned(
        self, type_: ResourceType, versions: Mapping[str, str], served: ResourceSet, wanted: ResourceSet
    ) -> bool:
        """A proxy came with these versions. Return whether that makes a difference to what is to be served.

        Cost: a look at each name, until every resource of the type is known to be good.
        """
        good = self._good[type_]
        if len(good) >= len(wanted.by_name) and not self._isolations:
            return False
        taken = []
        for name, version in versions.items():
            if name in good and (type_, name) not in self._isolations:
                continue
            known = [r for of in (served, wanted) if (r := of.by_name.get(name)) and r.version == version]
            if known:
                taken.append(known[0])
            elif name in wanted.by_name:
                self._foreign.add((type_, name))
        return self.accept(type_, taken)

    def leave(self, by: Hashable) -> None:
        """A proxy is gone."""
        for dissenters in self._dissenters.values():
            dissenters.discard(by)

    def view(self, wanted: Snapshot) -> Snapshot:
        """What to serve while `wanted` is wished for; `wanted` itself when nothing in it is in quarantine.

        Closed if `wanted` is: a stand-in whose references cannot be met is not used.
        """
        self._tidy(wanted)
        changed: dict[ResourceType, list[Resource]] = {}
        for key, resource in sorted(self._served_instead(wanted).items()):
            stand_ins = self._with_what_it_names(wanted, key[0], resource)
            if not stand_ins:
                self._give_up(key, wanted)
            for of, stand_in in stand_ins:
                changed.setdefault(of, []).append(stand_in)
        if not changed:
            return wanted
        return Snapshot({**wanted.by_type, **{of: change_set(wanted.of(of), new) for of, new in changed.items()}})

    def blamed(self) -> Iterator[tuple[Unit, Blame]]:
        """The units that are not as they are wished for, as of the last `view`."""
        for _, isolation in sorted(self._isolations.items()):
            yield from isolation.blamed.items()

    def is_isolated(self, type_: ResourceType, name: str) -> bool:
        """Whether what is to blame in a resource is known, or sought."""
        return (type_, name) in self._isolations

    def _served_instead(self, wanted: Snapshot) -> Mapping[Key, Resource]:
        found: dict[Key, Resource] = {}
        for key, isolation in list(self._isolations.items()):
            type_, name = key
            now = wanted.of(type_).by_name[name]
            offer = self._offer(isolation, key, now)
            if offer is None:
                self._give_up(key, wanted)
                continue
            self._bad.pop(key, None)
            if offer is not now:
                found[key] = offer
            elif not isolation.searching:
                del self._isolations[key]
        for type_, name in self._bad:
            if good := self._good[type_].get(name):
                found[type_, name] = good
        return found

    def _offer(self, isolation: Isolation, key: Key, now: Resource) -> Resource | None:
        """As `Isolation.next`, which is asked again when it may say something else: it takes whole tables apart."""
        type_, name = key
        good = self._good[type_].get(name)
        known = self._offers.get(key)
        if known and known.of is now and (known.good is good or not isolation.searching):
            return known.offer
        parts, old = self._divide(type_, now), self._parts(type_, good)
        careful = key in self._foreign
        offer = isolation.next(parts, old, self._suspicious, careful=careful) if parts else None
        self._offers[key] = _Offer(now, good, offer)
        return offer

    def _give_up(self, key: Key, wanted: Snapshot) -> None:
        """Nobody can be blamed: the resource is in quarantine as a whole."""
        self._bad[key] = wanted.of(key[0]).by_name[key[1]].version
        self._isolations.pop(key, None)

    def _comes_late(self, key: Key, taken: Resource) -> bool:
        """Whether it would undo what is known: it is neither what is out now, nor what another refused."""
        isolation, out = self._isolations[key], self._offers.get(key)
        return (
            isolation.searching
            and taken.name in self._good[key[0]]
            and (out is None or out.offer is None or out.offer.version != taken.version)
            and isolation.refused(taken.version) is None
        )

    def _parts(self, type_: ResourceType, resource: Resource | None) -> Parts | None:
        return self._divide(type_, resource) if resource else None

    def _with_what_it_names(
        self, wanted: Snapshot, type_: ResourceType, resource: Resource
    ) -> list[tuple[ResourceType, Resource]]:
        """The resource with all that it needs and `wanted` lacks; empty when that cannot be had."""
        found: dict[Key, Resource] = {(type_, resource.name): resource}
        to_find = self._missing(wanted, resource)
        while to_find:
            key = to_find.pop()
            if key in found:
                continue
            of, missing = key
            good = self._good[of].get(missing)
            if good is None:
                return []
            found[key] = good
            to_find.extend(self._missing(wanted, good))
        return [(of, each) for (of, _), each in found.items()]

    def _missing(self, wanted: Snapshot, resource: Resource) -> list[Key]:
        return [key for key in resource.depends_on if key[1] not in wanted.of(key[0]).by_name]

    def _tidy(self, wanted: Snapshot) -> None:
        """Forget verdicts on what is neither wanted nor named by something that was good."""
        self._bad = {
            (type_, name): version
            for (type_, name), version in self._bad.items()
            if (now := wanted.of(type_).by_name.get(name)) is not None and now.version == version
        }
        self._isolations = {
            (type_, name): isolation
            for (type_, name), isolation in self._isolations.items()
            if name in wanted.of(type_).by_name
        }
        self._offers = {key: offer for key, offer in self._offers.items() if key in self._isolations}
        self._foreign = {key for key in self._foreign if key[1] in wanted.of(key[0]).by_name}
        self._dissenters = {k: who for k, who in self._dissenters.items() if who and k[1] in wanted.of(k[0]).by_name}
        for type_, good in self._good.items():
            by_name = wanted.of(type_).by_name
            if len(good) > 2 * len(by_name) + 1000:
                named = {t for known in self._good.values() for r in known.values() for t in r.depends_on}
                self._good[type_] = {n: r for n, r in good.items() if n in by_name or (type_, n) in named}
