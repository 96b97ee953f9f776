"""What a fleet said of each version → the snapshot that its proxies should get instead of a refused one.

A version that a proxy refused and no proxy took is in quarantine. While it is, every proxy of the Gateway gets the last
version that one of them did take, with whatever that version names. A proxy that has it already gets nothing; a proxy
that starts today is as good as one that started yesterday, where otherwise it would start with a hole. The last is by
the order of what was wished for, not of the answers: a slow proxy answers for what the others have left behind.

Where a resource holds what several objects bring, only what is to blame is kept from the proxies: see `isolation`.

New content ends a quarantine, and so does a proxy that takes the content after all. Whoever refused what another took
is a dissenter: what it refuses is nobody's fault, until it takes what is served; and whoever was blamed by then is not
any more. The memory is this process's own; what proxies come back with tells the next one what is good.
"""

from collections import deque
from collections.abc import Hashable, Iterable, Iterator, Mapping, Set
from functools import partial
from typing import NamedTuple

from xds_server.snapshot.diff import changed_names
from xds_server.snapshot.isolation import Blame, Divide, Isolation, Suspicious, Unit, indivisible
from xds_server.snapshot.resource import EMPTY_SET, Reference, Resource, ResourceSet, ResourceType, Snapshot, change_set

WISHES = 16
"""Snapshots that are remembered, to know which of two versions is the newer one. They share what did not change."""


class _Refusal(NamedTuple):
    """What was refused, and how."""

    version: str
    message: str


class _Taken(NamedTuple):
    """Resources of one type that were taken together, and those that were wished for then."""

    resources: Iterable[Resource]
    wished: ResourceSet


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
        self._good: dict[ResourceType, dict[str, Resource]] = {type_: {} for type_ in ResourceType}
        self._bad: dict[Reference, str] = {}
        self._isolations: dict[Reference, Isolation] = {}
        self._dissenters: dict[Reference, dict[Hashable, _Refusal]] = {}
        self._foreign: set[Reference] = set()
        """Proxies came with versions of these that we do not know."""
        self._last: tuple[Snapshot, ...] = ()
        """What was wished for and what was served, as of the last `screen`."""
        self._wishes: deque[Snapshot] = deque(maxlen=WISHES)
        """What was wished for, the newest first."""
        self._taken: dict[ResourceType, _Taken] = {}
        """What was taken last: a thousand proxies that begin take the same parcels, and are looked through once."""

    def accept(self, type_: ResourceType, resources: Iterable[Resource], by: Hashable = None) -> bool:
        """A proxy took these. Return whether that makes a difference to what is to be served."""
        good = self._good[type_]
        if not (self._bad or self._isolations or self._dissenters):
            wished = self._wishes[0].of(type_) if self._wishes else EMPTY_SET
            known = self._taken.get(type_)
            if known is None or known.resources is not resources or known.wished is not wished:
                good.update(self._no_older(type_, resources, wished))
                self._taken[type_] = _Taken(resources, wished)
            return False
        self._taken.clear()
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
            elif self._is_older(key, resource):
                continue
            good[resource.name] = resource
        return differs

    def refuse(self, type_: ResourceType, resource: Resource, message: str, by: Hashable = None) -> bool:
        """A proxy refused this, in these words. Return whether that makes a difference to what is to be served."""
        self._taken.clear()
        key = type_, resource.name
        if by in self._dissenters.get(key, ()) or not self._is_current(key, resource):
            return False
        if self._divide(type_, resource) is None:
            return self._refuse_whole(key, resource)
        good = self._good[type_].get(resource.name)
        if good is not None and good.version == resource.version:
            return self._disagree(key, {by}, _Refusal(resource.version, message))
        return self._isolation(key).refuse(resource.version, message, by)

    def returned(
        self, type_: ResourceType, versions: Mapping[str, str], served: ResourceSet, wanted: ResourceSet
    ) -> bool:
        """A proxy came with these versions. Return whether that makes a difference to what is to be served.

        Cost: a look at each name, until every resource of the type is known to be good.
        """
        good = self._good[type_]
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
        sets = [of.of(type_).by_name for of in (*reversed(self._last), *self._wishes)]
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
        changed: dict[ResourceType, list[Resource]] = {}
        for (type_, _), resource in sorted(self._served_instead(wanted).items()):
            for of, stand_in in self._with_what_it_names(wanted, type_, resource):
                changed.setdefault(of, []).append(stand_in)
        self._last = (wanted,)
        if not self._wishes or self._wishes[0] is not wanted:
            self._wishes.appendleft(wanted)
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
            good = self._good[key[0]].get(key[1])
            offer = isolation.next(now, good, foreign=key in self._foreign)
            if offer is now and not isolation.blamed and good is not None and good.version == now.version:
                del self._isolations[key]
            elif offer is not now and (stand_in := offer or good):
                found[key] = stand_in
        for type_, name in self._bad:
            if good := self._good[type_].get(name):
                found[type_, name] = good
        return found

    def _isolation(self, key: Reference) -> Isolation:
        if key not in self._isolations:
            self._isolations[key] = Isolation(partial(self._divide, key[0]), self._suspicious)
        return self._isolations[key]

    def _is_current(self, key: Reference, resource: Resource) -> bool:
        """Whether the version is wished for or served; what was refused late may be mended since."""
        now = (of.of(key[0]).by_name.get(key[1]) for of in self._last)
        return any(each is not None and each.version == resource.version for each in now)

    def _no_older(
        self, type_: ResourceType, resources: Iterable[Resource], wished: ResourceSet
    ) -> Iterator[tuple[str, Resource]]:
        """By name, those that are not older than the last good version. What is wished for now costs a look-up."""
        now = wished.by_name
        for resource in resources:
            name = resource.name
            if now.get(name) is resource or not self._is_older((type_, name), resource):
                yield name, resource

    def _is_older(self, key: Reference, taken: Resource) -> bool:
        """Whether the last good version was wished for after this one was. What nobody remembers is older."""
        type_, name = key
        good = self._good[type_].get(name)
        if good is None:
            return False
        for wished in self._wishes:
            then = wished.of(type_).by_name.get(name)
            if then is not None and then.version in (taken.version, good.version):
                return then.version != taken.version
        return True

    def _comes_late(self, key: Reference, taken: Resource) -> bool:
        """Whether it would undo what is known: it is neither what is out now, nor what another refused."""
        isolation = self._isolations.get(key)
        refused = isolation is not None and bool(isolation.refusers(taken.version))
        return taken.name in self._good[key[0]] and not refused and not self._is_current(key, taken)

    def _hear_of(self, key: Reference, taken: Resource, by: Hashable) -> bool:
        """A proxy took what is out, or what another refused. Return whether that makes a difference."""
        self._dissenters.get(key, {}).pop(by, None)
        isolation = self._isolations.get(key)
        if isolation is None:
            return False
        if refusers := isolation.refusers(taken.version):
            return self._disagree(key, refusers - {by}, _Refusal(taken.version, ""))
        if not isolation.taken(taken.version, by) and taken.name in self._good[key[0]]:
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
        self._good[key[0]].pop(key[1], None)
        self._taken.clear()
        isolation = self._isolation(key)
        isolation.reconsider()
        for by, refusal in dissenters.items():
            isolation.refuse(refusal.version, refusal.message, by)
        return True

    def _refuse_whole(self, key: Reference, resource: Resource) -> bool:
        good = self._good[key[0]].get(key[1])
        if good is not None and good.version == resource.version:
            return False
        known, self._bad[key] = self._bad.get(key), resource.version
        return known != resource.version

    def _with_what_it_names(
        self, wanted: Snapshot, type_: ResourceType, resource: Resource
    ) -> list[tuple[ResourceType, Resource]]:
        """The resource with all that it needs and `wanted` lacks; empty when that cannot be had.

        A scope that others choose with cannot: it would need them all, and names none of them.
        """
        found: dict[Reference, Resource] = {(type_, resource.name): resource}
        to_find = self._missing(wanted, resource)
        while to_find:
            key = to_find.pop()
            if key in found:
                continue
            of, missing = key
            good = self._good[of].get(missing)
            if good is None or self._is_chosen_with(key):
                return []
            found[key] = good
            to_find.extend(self._missing(wanted, good))
        return [(of, each) for (of, _), each in found.items()]

    def _is_chosen_with(self, key: Reference) -> bool:
        scopes = self._good[ResourceType.SCOPED_ROUTE] if key[0] is ResourceType.SCOPED_ROUTE else {}
        return any(key in scope.depends_on for scope in scopes.values())

    def _missing(self, wanted: Snapshot, resource: Resource) -> list[Reference]:
        return [key for key in resource.depends_on if key[1] not in wanted.of(key[0]).by_name]

    def _tidy(self, wanted: Snapshot) -> None:
        """Forget verdicts on what is neither wanted nor named by something that was good."""
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
                (type_, name)
                for type_, name in self._foreign
                if name in wanted.of(type_).by_name and name not in self._good[type_]
            }
        for type_, good in self._good.items():
            by_name = wanted.of(type_).by_name
            if len(good) > 2 * len(by_name) + 1000:
                named = {t for known in self._good.values() for r in known.values() for t in r.depends_on}
                self._good[type_] = {n: r for n, r in good.items() if n in by_name or (type_, n) in named}
