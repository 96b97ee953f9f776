"""The newest good snapshot of every Gateway, and who waits for it."""

from collections.abc import Iterable

from flow.latest import Latest
from k8s_watch.keys import ObjectKey
from xds_server.snapshot.consistency import InconsistentSnapshot, References
from xds_server.snapshot.quarantine import Quarantine
from xds_server.snapshot.resource import Resource, ResourceType, Snapshot


class _Group:
    """One Gateway: what is wished for, what the proxies said of it, and what is served."""

    def __init__(self) -> None:
        self.wanted: Snapshot | None = None
        self.references = References()
        self.quarantine = Quarantine()
        self.served: Latest[Snapshot | None] = Latest(None)

    def serve(self) -> bool:
        return self.served.publish(None if self.wanted is None else self.quarantine.view(self.wanted))


class SnapshotCache:
    """Snapshots go in by `publish`, streams wait on `watch`, and the fleet's verdicts come back.

    A group is the proxies of one Gateway, named by the Gateway's key. Never blocks; for one event loop.
    """

    def __init__(self) -> None:
        self._groups: dict[ObjectKey, _Group] = {}

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
        known.serve()
        return True

    def withdraw(self, group: ObjectKey) -> None:
        """Forget the group: streams that are open hear nothing more. Nothing is taken away from any proxy."""
        if known := self._groups.get(group):
            known.wanted, known.quarantine, known.references = None, Quarantine(), References()
            known.serve()

    def watch(self, group: ObjectKey) -> Latest[Snapshot | None]:
        """What the proxies of the group should get; None until the first publish and after `withdraw`."""
        return self._group(group).served

    def wanted(self, group: ObjectKey) -> Snapshot | None:
        """What was published last, which differs from what is served while part of it is in quarantine."""
        known = self._groups.get(group)
        return known.wanted if known else None

    def accept(self, group: ObjectKey, type_: ResourceType, resources: Iterable[Resource]) -> None:
        """A proxy of the group took these resources."""
        known = self._group(group)
        if known.quarantine.accept(type_, resources):
            known.serve()

    def refuse(self, group: ObjectKey, type_: ResourceType, resource: Resource) -> None:
        """A proxy of the group refused this resource."""
        known = self._group(group)
        if known.quarantine.refuse(type_, resource):
            known.serve()

    def _group(self, group: ObjectKey) -> _Group:
        return self._groups.setdefault(group, _Group())


def _same_content(a: Snapshot, b: Snapshot) -> bool:
    return all(a.of(type_).version == b.of(type_).version for type_ in ResourceType)
