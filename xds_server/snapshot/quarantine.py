"""What a fleet said of each version → the snapshot that its proxies should get instead of a refused one.

A version that a proxy refused and no proxy took is in quarantine. While it is, every proxy of the Gateway gets the last
version that one of them did take, with whatever that version names. A proxy that has it already gets nothing; a proxy
that starts today is as good as one that started yesterday, where otherwise it would start with a hole.

Where a resource holds what several objects bring, only what is to blame is kept from the proxies: see `isolation`.

New content ends a quarantine, and so does a proxy that takes the content after all. The memory is this process's own:
after a restart the first refusal puts things back.
"""

from collections.abc import Iterable, Iterator, Mapping

from xds_server.snapshot.isolation import Blame, Divide, Isolation, Parts, Suspicious, Unit
from xds_server.snapshot.resource import Resource, ResourceType, Snapshot, change_set

type Key = tuple[ResourceType, str]


class Quarantine:
    """The verdicts of one Gateway's proxies."""

    def __init__(self, divide: Divide, suspicious: Suspicious) -> None:
        self._divide = divide
        self._suspicious = suspicious
        self._good: dict[ResourceType, dict[str, Resource]] = {type_: {} for type_ in ResourceType}
        self._bad: dict[Key, str] = {}
        self._isolations: dict[Key, Isolation] = {}
        self._offers: dict[Key, tuple[Resource, Resource | None, Resource | None]] = {}
        """What is wished for and what was taken last → what is served instead."""

    def accept(self, type_: ResourceType, resources: Iterable[Resource]) -> bool:
        """A proxy took these. Return whether that makes a difference to what is to be served."""
        good = self._good[type_]
        differs = False
        for resource in resources:
            known = good.get(resource.name)
            good[resource.name] = resource
            if self._bad and self._bad.get((type_, resource.name)) == resource.version:
                del self._bad[type_, resource.name]
                differs = True
            if self._isolations and (isolation := self._isolations.get((type_, resource.name))):
                if isolation.knows(resource.version):
                    del self._isolations[type_, resource.name]
                    differs = True
                differs |= isolation.searching and (known is None or known.version != resource.version)
        return differs

    def refuse(self, type_: ResourceType, resource: Resource, message: str) -> bool:
        """A proxy refused this, in these words. Return whether that makes a difference to what is to be served."""
        key = type_, resource.name
        good = self._good[type_].get(resource.name)
        if good is not None and good.version == resource.version:
            return False
        if self._bad.get(key) == resource.version or self._knows(key, resource.version):
            return False
        if parts := self._divide(type_, resource):
            self._isolations.setdefault(key, Isolation()).refuse(parts, self._parts(type_, good), message)
        self._bad[key] = resource.version
        self._offers.pop(key, None)
        return True

    def view(self, wanted: Snapshot) -> Snapshot:
        """What to serve while `wanted` is wished for; `wanted` itself when nothing in it is in quarantine.

        Closed if `wanted` is: a stand-in whose references cannot be met is not used.
        """
        self._tidy(wanted)
        changed: dict[ResourceType, list[Resource]] = {}
        for (type_, _), resource in sorted(self._served_instead(wanted).items()):
            for of, stand_in in self._with_what_it_names(wanted, type_, resource):
                changed.setdefault(of, []).append(stand_in)
        if not changed:
            return wanted
        return Snapshot({**wanted.by_type, **{of: change_set(wanted.of(of), new) for of, new in changed.items()}})

    def blamed(self) -> Iterator[tuple[Unit, Blame]]:
        """The units that are not as they are wished for, as of the last `view`."""
        for _, isolation in sorted(self._isolations.items()):
            yield from isolation.blamed.items()

    def is_isolated(self, type_: ResourceType, name: str) -> bool:
        """Whether all of the resource but what is to blame is served, or will be when that is found."""
        return (type_, name) in self._isolations

    def _served_instead(self, wanted: Snapshot) -> Mapping[Key, Resource]:
        found: dict[Key, Resource] = {}
        for (type_, name), isolation in list(self._isolations.items()):
            now, good = wanted.of(type_).by_name[name], self._good[type_].get(name)
            offer = self._offer(isolation, (type_, name), now, good)
            if offer is None:
                self._bad[type_, name] = now.version
                del self._isolations[type_, name]
                continue
            self._bad.pop((type_, name), None)
            if offer is not now:
                found[type_, name] = offer
            elif not isolation.searching:
                del self._isolations[type_, name]
        for type_, name in self._bad:
            if good := self._good[type_].get(name):
                found[type_, name] = good
        return found

    def _offer(self, isolation: Isolation, key: Key, now: Resource, good: Resource | None) -> Resource | None:
        """As `Isolation.next`, which is asked again when it may say something else: it takes whole tables apart."""
        match self._offers.get(key):
            case (known, taken, offer) if known is now and taken is good and not isolation.searching:
                return offer
        parts = self._divide(key[0], now)
        offer = isolation.next(parts, self._parts(key[0], good), self._suspicious) if parts else None
        self._offers[key] = now, good, offer
        return offer

    def _knows(self, key: Key, version: str) -> bool:
        isolation = self._isolations.get(key)
        return isolation is not None and isolation.knows(version)

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
        for type_, good in self._good.items():
            by_name = wanted.of(type_).by_name
            if len(good) > 2 * len(by_name) + 1000:
                named = {t for known in self._good.values() for r in known.values() for t in r.depends_on}
                self._good[type_] = {n: r for n, r in good.items() if n in by_name or (type_, n) in named}
