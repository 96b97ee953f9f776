"""The newest good snapshot of every Gateway, and who waits for it."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Protocol

from flow.latest import Latest
from k8s_watch.keys import ObjectKey
from xds_server.snapshot.consistency import InconsistentSnapshot, References
from xds_server.snapshot.isolation import Blame, Divide, Suspicious, Unit, indivisible
from xds_server.snapshot.quarantine import Quarantine
from xds_server.snapshot.resource import Resource, ResourceType, Snapshot


class Observer(Protocol):
    """Who is told of a group what its streams are not. Must be cheap, and call nothing here that changes anything."""

    def published(self, group: ObjectKey, /) -> None:
        """Something else is wished for, or nothing any more: what is served may stay the same."""
        ...

    def blamed(self, group: ObjectKey, /) -> None:
        """Something else is to blame than before."""
        ...


class _Group:
    """One Gateway: what is wished for, who its proxies are, what they said of it, and what is served."""

    def __init__(self, divide: Divide, suspicious: Suspicious) -> None:
        self.wanted: Snapshot | None = None
        self.references = References()
        self.proxies: set[Hashable] = set()
        self.quarantine = Quarantine(divide, suspicious, self.proxies)
        self.served: Latest[Snapshot | None] = Latest(None)
        self.blamed: tuple[tuple[Unit, Blame], ...] = ()

    def serve(self) -> bool:
        """Show what is to be served; return whether something else is to blame than before."""
        self.served.publish(None if self.wanted is None else self.quarantine.screen(self.wanted))
        before, self.blamed = self.blamed, tuple(self.quarantine.blamed())
        return before != self.blamed


class SnapshotCache:
    """Snapshots go in by `publish`, streams wait on `watch`, and the fleet's verdicts come back.

    A group is the proxies of one Gateway, named by the Gateway's key. Never blocks; for one event loop.

    `divide` takes apart what a proxy refused, to find what is to blame; what is `suspicious` is asked about first.
    """

    def __init__(self, divide: Divide = indivisible, suspicious: Suspicious = frozenset) -> None:
        self._divide = divide
        self._suspicious = suspicious
        self._observers: list[Observer] = []
        self._groups: dict[ObjectKey, _Group] = {}

    def observe(self, observer: Observer) -> None:
        """Tell it of every group from now on."""
        self._observers.append(observer)

    def publish(self, group: ObjectKey, snapshot: Snapshot) -> bool:
        """Serve `snapshot` from now on; return False and wake nobody when the content is the old one.

        Raises `InconsistentSnapshot` and keeps the old one when a reference in it dangles. Cost: follows what changed.
        """
        known = self._group(group)
        if known.wanted is not None and _same_content(known.wanted, snapshot):
            return False
        if dangling := known.references.advance(snapshot):
            raise InconsistentSnapshot(dangling)
        known.wanted = snapshot
        self._serve(group, known)
        self._tell_published(group)
        return True

    def withdraw(self, group: ObjectKey) -> None:
        """Forget the group: streams that are open hear nothing more. Nothing is taken away from any proxy."""
        if known := self._groups.get(group):
            known.wanted, known.references = None, References()
            known.quarantine = Quarantine(self._divide, self._suspicious, known.proxies)
            self._serve(group, known)
            self._drop_deserted(group, known)
            self._tell_published(group)

    def watch(self, group: ObjectKey) -> Latest[Snapshot | None]:
        """What the proxies of the group should get; None until the first publish and after `withdraw`."""
        return self._group(group).served

    def served(self, group: ObjectKey) -> Snapshot | None:
        """What the proxies of the group should get now; None for a group that is not there."""
        known = self._groups.get(group)
        return known.served.value if known else None

    def wanted(self, group: ObjectKey) -> Snapshot | None:
        """What was published last, which differs from what is served while part of it is in quarantine."""
        known = self._groups.get(group)
        return known.wanted if known else None

    def published(self) -> Iterable[ObjectKey]:
        """The groups that are there."""
        return [group for group, known in self._groups.items() if known.wanted is not None]

    def join(self, group: ObjectKey, by: Hashable) -> None:
        """A proxy of the group is there. Called before it watches, and before any verdict of its."""
        self._group(group).proxies.add(by)

    def accept(self, group: ObjectKey, type_: ResourceType, resources: Iterable[Resource], by: Hashable = None) -> None:
        """A proxy of the group took these resources."""
        known = self._group(group)
        if known.quarantine.accept(type_, resources, by):
            self._serve(group, known)

    def refuse(
        self, group: ObjectKey, type_: ResourceType, resource: Resource, message: str, by: Hashable = None
    ) -> None:
        """A proxy of the group refused this resource, in these words."""
        known = self._group(group)
        if known.quarantine.refuse(type_, resource, message, by):
            self._serve(group, known)

    def returned(self, group: ObjectKey, type_: ResourceType, versions: Mapping[str, str]) -> None:
        """A proxy of the group came to us with these versions, by name."""
        known = self._group(group)
        served = known.served.value
        if (
            served
            and known.wanted
            and known.quarantine.returned(type_, versions, served.of(type_), known.wanted.of(type_))
        ):
            self._serve(group, known)

    def knows(self, group: ObjectKey, type_: ResourceType, versions: Mapping[str, str]) -> bool:
        """Whether all of these versions, by name, are served or were published lately."""
        known = self._groups.get(group)
        return known is not None and known.quarantine.knows(type_, versions)

    def leave(self, group: ObjectKey, by: Hashable) -> None:
        """A proxy of the group is gone."""
        if known := self._groups.get(group):
            known.proxies.discard(by)
            if known.quarantine.leave(by):
                self._serve(group, known)
            self._drop_deserted(group, known)

    def blamed(self, group: ObjectKey) -> Sequence[tuple[Unit, Blame]]:
        """What is not served as it is wished for, because a proxy refused it."""
        known = self._groups.get(group)
        return known.blamed if known else ()

    def is_isolated(self, group: ObjectKey, type_: ResourceType, name: str) -> bool:
        """Whether what is to blame in a resource that was refused is known, or sought."""
        known = self._groups.get(group)
        return known is not None and known.quarantine.is_isolated(type_, name)

    def _serve(self, group: ObjectKey, known: _Group) -> None:
        if known.serve():
            for observer in self._observers:
                observer.blamed(group)

    def _tell_published(self, group: ObjectKey) -> None:
        for observer in self._observers:
            observer.published(group)

    def _drop_deserted(self, group: ObjectKey, known: _Group) -> None:
        """Keep nothing of a Gateway that is gone and has no proxies."""
        if known.wanted is None and not known.proxies:
            del self._groups[group]

    def _group(self, group: ObjectKey) -> _Group:
        if group not in self._groups:
            self._groups[group] = _Group(self._divide, self._suspicious)
        return self._groups[group]


def _same_content(a: Snapshot, b: Snapshot) -> bool:
    return all(a.of(type_).version == b.of(type_).version for type_ in ResourceType)
