"""What a fleet said of each version → the snapshot that its proxies should get instead of a refused one.

A version that a proxy refused and no proxy took is in quarantine. While it is, every proxy of the Gateway gets the last
version that one of them did take, with whatever that version names. A proxy that has it already gets nothing; a proxy
that starts today is as good as one that started yesterday, where otherwise it would start with a hole. Which version is
the last good one, `last_good` knows.

Where a resource holds what several objects bring, only what is to blame is kept from the proxies: see `isolation`.

New content ends a quarantine, and so does a proxy that takes the content after all. Whoever refused what another took
is a dissenter: what it refuses is nobody's fault, until it takes what is served; and whoever was blamed by then is not
any more. The memory is this process's own; what proxies come back with tells the next one what is good.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Set
from functools import partial
from typing import NamedTuple

from xds_server.snapshot.diff import changed_names
from xds_server.snapshot.isolation import Blame, Divide, Isolation, Suspicious, Unit, indivisible
from xds_server.snapshot.last_good import LastGood
from xds_server.snapshot.resource import Reference, Resource, ResourceSet, ResourceType, Snapshot, change_set


class _Refusal(NamedTuple):
    """What was refused, and how."""

    version: str
    message: str


class Quarantine:
    """The verdicts of one Gateway's proxies. `by` is whose verdict it is; `proxies` is a view of those there are."""

    def __init__(
        self,
        divide: Divide = indivisible,
        suspicious: Suspicious = frozenset,
        proxies: Set[Hashable] = frozenset(),
    ) -> None:
        self._divide = divide
        self._suspicious = suspicious
        self._proxies = proxies
        self._good = LastGood()
        self._bad: dict[Reference, str] = {}
        self._isolations: dict[Reference, Isolation] = {}
        self._dissenters: dict[Reference, dict[Hashable, _Refusal]] = {}
        self._foreign: set[Reference] = set()
        """Proxies came with versions of these that we do not know."""
        self._last: tuple[Snapshot, ...] = ()
        """What was wished for and what was served, as of the last `screen`."""

    def accept(self, type_: ResourceType, resources: Iterable[Resource], by: Hashable = None) -> bool:
        """A proxy took these. Return whether that makes a difference to what is to be served."""
        if not (self._bad or self._isolations or self._dissenters):
            self._good.take_newer(type_, resources)
            return False
        differs = False
        for resource in resources:
            key = type_, resource.name
            if self._bad.get(key) == resource.version:
                del self._bad[key]
                differs = True
            if key in self._isolations or key in self._dissenters:
                if self._comes_late(key, resource):
                    continue
                differs |= self._hear_of(key, resource, by)
            elif self._good.is_older(key, resource):
                continue
            self._good.take(type_, resource)
        return differs

    def refuse(self, type_: ResourceType, resource: Resource, message: str, by: Hashable = None) -> bool:
        """A proxy refused this, in these words. Return whether that makes a difference to what is to be served."""
        key = type_, resource.name
        if by in self._dissenters.get(key, ()) or not self._is_current(key, resource):
            return False
        if self._divide(type_, resource) is None:
            return self._refuse_whole(key, resource)
        good = self._good.get(key)
        if good is not None and good.version == resource.version:
            return self._disagree(key, {by}, _Refusal(resource.version, message))
        return self._isolation(key).refuse(resource.version, message, by)

    def returned(
        self, type_: ResourceType, versions: Mapping[str, str], served: ResourceSet, wanted: ResourceSet
    ) -> bool:
        """A proxy came with these versions. Return whether that makes a difference to what is to be served.

        Cost: a look at each name, until every resource of the type is known to be good.
        """
        good = self._good.names(type_)
        doubted = {name for of, name in (*self._isolations, *self._bad) if of is type_}
        if len(good) >= len(wanted.by_name) and not doubted:
            return False
        asked = {name: versions[name] for name in versions if name not in good or name in doubted}
        found = ((of.by_name.get(name), version) for name, version in asked.items() for of in (served, wanted))
        known = [resource for resource, version in found if resource and resource.version == version]
        foreign = {(type_, name) for name in asked if name in wanted.by_name}
        foreign -= {(type_, resource.name) for resource in known} | self._foreign
        self._foreign |= foreign
        for key in foreign & self._isolations.keys():
            self._isolations[key].reconsider()
        return self.accept(type_, known) or not foreign.isdisjoint(self._isolations)

    def knows(self, type_: ResourceType, versions: Mapping[str, str]) -> bool:
        """Whether all of these versions, by name, are served or were wished for lately.

        Cost: a look at each name, mostly one.
        """
        sets = [of.of(type_).by_name for of in (*reversed(self._last), *self._good.wishes)]
        return all(
            any((resource := by_name.get(name)) and resource.version == version for by_name in sets)
            for name, version in versions.items()
        )

    def leave(self, by: Hashable) -> bool:
        """A proxy is gone. Return whether that makes a difference to what is to be served."""
        differs = False
        for isolation in self._isolations.values():
            differs |= isolation.leave(by)
        for key, dissenters in list(self._dissenters.items()):
            dissenters.pop(by, None)
            differs |= self._give_voice(key)
        return differs

    def screen(self, wanted: Snapshot) -> Snapshot:
        """Take in what is wished for, and return what to serve in its place; `wanted` itself when nothing in it is in
        quarantine.

        Closed if `wanted` is: a stand-in whose references cannot be met is not used.
        """
        self._hand_on(wanted)
        self._tidy(wanted)
        self._good.wish(wanted)
        changed: dict[ResourceType, list[Resource]] = {}
        for (type_, _), resource in sorted(self._served_instead(wanted).items()):
            for of, stand_in in self._good.with_what_it_names(wanted, type_, resource):
                changed.setdefault(of, []).append(stand_in)
        self._last = (wanted,)
        if not changed:
            return wanted
        served = Snapshot({**wanted.by_type, **{of: change_set(wanted.of(of), new) for of, new in changed.items()}})
        self._last = (wanted, served)
        return served

    def blamed(self) -> Iterator[tuple[Unit, Blame]]:
        """The units that are not as they are wished for, as of the last `screen`."""
        for _, isolation in sorted(self._isolations.items()):
            yield from isolation.blamed.items()

    def is_isolated(self, type_: ResourceType, name: str) -> bool:
        """Whether what is to blame in a resource that was refused is known, or sought."""
        isolation = self._isolations.get((type_, name))
        return isolation is not None and not isolation.hopeless

    def _hand_on(self, wanted: Snapshot) -> None:
        """Whom a proxy refused in one resource is blamed from the start in one that newly has the same of it.

        It would be refused, too, and a proxy that has not had it, such as the table of a listener that got another
        name, or has had no use for it, such as the table of a listener with scopes until then, has nothing in its place
        until all is found out again. What only comes in addition to where it is has a last good version.
        """
        known = {(unit, blame.digest): blame for unit, blame in self.blamed()}
        if not known:
            return
        staying = (isolation for key, isolation in self._isolations.items() if key[1] in wanted.of(key[0]).by_name)
        stay = {(unit, blame.digest) for isolation in staying for unit, blame in isolation.blamed.items()}
        moved = {key: blame for key, blame in known.items() if key not in stay}
        for type_, now in wanted.by_type.items():
            before = self._last[0].of(type_)
            for name in changed_names(before, now):
                blames = moved if name in before.by_name else known
                resource = now.by_name.get(name)
                if not blames or resource is None or (parts := self._divide(type_, resource)) is None:
                    continue
                here = {unit: blames[unit, each] for unit, each in parts.units.items() if (unit, each) in blames}
                if here:
                    self._isolation((type_, name)).blame(here)

    def _served_instead(self, wanted: Snapshot) -> Mapping[Reference, Resource]:
        found: dict[Reference, Resource] = {}
        for key, isolation in list(self._isolations.items()):
            now = wanted.of(key[0]).by_name[key[1]]
            good = self._good.get(key)
            offer = isolation.next(now, good, foreign=key in self._foreign)
            if offer is now and not isolation.blamed and good is not None and good.version == now.version:
                del self._isolations[key]
            elif offer is not now and (stand_in := offer or good):
                found[key] = stand_in
        for key in self._bad:
            if good := self._good.get(key):
                found[key] = good
        return found

    def _isolation(self, key: Reference) -> Isolation:
        if key not in self._isolations:
            self._isolations[key] = Isolation(partial(self._divide, key[0]), self._suspicious)
        return self._isolations[key]

    def _is_current(self, key: Reference, resource: Resource) -> bool:
        """Whether the version is wished for or served; what was refused late may be mended since."""
        now = (of.of(key[0]).by_name.get(key[1]) for of in self._last)
        return any(each is not None and each.version == resource.version for each in now)

    def _comes_late(self, key: Reference, taken: Resource) -> bool:
        """Whether it would undo what is known: it is neither what is out now, nor what another refused."""
        isolation = self._isolations.get(key)
        refused = isolation is not None and bool(isolation.refusers(taken.version))
        return self._good.get(key) is not None and not refused and not self._is_current(key, taken)

    def _hear_of(self, key: Reference, taken: Resource, by: Hashable) -> bool:
        """A proxy took what is out, or what another refused. Return whether that makes a difference."""
        self._dissenters.get(key, {}).pop(by, None)
        isolation = self._isolations.get(key)
        if isolation is None:
            return False
        if refusers := isolation.refusers(taken.version):
            return self._disagree(key, refusers - {by}, _Refusal(taken.version, ""))
        if not isolation.taken(taken.version, by) and self._good.get(key) is not None:
            return False
        isolation.reconsider()
        return True

    def _disagree(self, key: Reference, dissenters: Set[Hashable], refusal: _Refusal) -> bool:
        """These refused what another took. Return whether that makes a difference."""
        self._dissenters.setdefault(key, {}).update(dict.fromkeys(dissenters, refusal))
        ended = self._isolations.pop(key, None) is not None
        return self._give_voice(key) or ended

    def _give_voice(self, key: Reference) -> bool:
        """When all proxies that there are refused what others took, who took it is gone: it is refused after all."""
        dissenters, proxies = self._dissenters.get(key, {}), self._proxies
        if not (proxies and dissenters and proxies <= dissenters.keys()):
            return False
        del self._dissenters[key]
        self._good.forget(key)
        isolation = self._isolation(key)
        isolation.reconsider()
        for by, refusal in dissenters.items():
            isolation.refuse(refusal.version, refusal.message, by)
        return True

    def _refuse_whole(self, key: Reference, resource: Resource) -> bool:
        good = self._good.get(key)
        if good is not None and good.version == resource.version:
            return False
        known, self._bad[key] = self._bad.get(key), resource.version
        return known != resource.version

    def _tidy(self, wanted: Snapshot) -> None:
        """Forget verdicts on what is not wished for any more."""
        self._bad = {
            (type_, name): version
            for (type_, name), version in self._bad.items()
            if (now := wanted.of(type_).by_name.get(name)) is not None and now.version == version
        }
        for memory in (self._isolations, self._dissenters):
            for type_, name in [key for key in memory if key[1] not in wanted.of(key[0]).by_name]:
                del memory[type_, name]
        if self._foreign:
            self._foreign = {
                key for key in self._foreign if key[1] in wanted.of(key[0]).by_name and self._good.get(key) is None
            }
