"""What a fleet said of each version → the snapshot that its proxies should get instead of a refused one.

A version that a proxy refused and no proxy took is in quarantine. While it is, every proxy of the Gateway gets the last
version that one of them did take, with whatever that version names. A proxy that has it already gets nothing; a proxy
that starts today is as good as one that started yesterday, where otherwise it would start with a hole.

New content ends a quarantine, and so does a proxy that takes the content after all. The memory is this process's own:
after a restart the first refusal puts things back.
"""

from collections.abc import Iterable

from xds_server.snapshot.resource import Resource, ResourceType, Snapshot, change_set


class Quarantine:
    """The verdicts of one Gateway's proxies."""

    def __init__(self) -> None:
        self._good: dict[ResourceType, dict[str, Resource]] = {type_: {} for type_ in ResourceType}
        self._bad: dict[tuple[ResourceType, str], str] = {}

    def accept(self, type_: ResourceType, resources: Iterable[Resource]) -> bool:
        """A proxy took these. Return whether that ends a quarantine."""
        good = self._good[type_]
        ended = False
        for resource in resources:
            good[resource.name] = resource
            if self._bad and self._bad.get((type_, resource.name)) == resource.version:
                del self._bad[type_, resource.name]
                ended = True
        return ended

    def refuse(self, type_: ResourceType, resource: Resource) -> bool:
        """A proxy refused this. Return whether that begins a quarantine."""
        good = self._good[type_].get(resource.name)
        if good is not None and good.version == resource.version:
            return False
        known = self._bad.get((type_, resource.name))
        self._bad[type_, resource.name] = resource.version
        return known != resource.version

    def view(self, wanted: Snapshot) -> Snapshot:
        """What to serve while `wanted` is wished for; `wanted` itself when nothing in it is in quarantine.

        Closed if `wanted` is: a stand-in whose references cannot be met is not used.
        """
        self._tidy(wanted)
        changed: dict[ResourceType, list[Resource]] = {}
        for (type_, name), _ in sorted(self._bad.items()):
            for of, resource in self._stand_ins(wanted, type_, name):
                changed.setdefault(of, []).append(resource)
        if not changed:
            return wanted
        return Snapshot({**wanted.by_type, **{of: change_set(wanted.of(of), new) for of, new in changed.items()}})

    def _stand_ins(self, wanted: Snapshot, type_: ResourceType, name: str) -> list[tuple[ResourceType, Resource]]:
        """The last good version with all that it needs and `wanted` lacks; empty when that cannot be had."""
        found: dict[tuple[ResourceType, str], Resource] = {}
        to_find = [(type_, name)]
        while to_find:
            key = to_find.pop()
            if key in found:
                continue
            of, missing = key
            good = self._good[of].get(missing)
            if good is None:
                return []
            found[key] = good
            to_find.extend(t for t in good.depends_on if t not in found and t[1] not in wanted.of(t[0]).by_name)
        return [(of, resource) for (of, _), resource in found.items()]

    def _tidy(self, wanted: Snapshot) -> None:
        """Forget verdicts on what is neither wanted nor named by something that was good."""
        self._bad = {
            (type_, name): version
            for (type_, name), version in self._bad.items()
            if (now := wanted.of(type_).by_name.get(name)) is not None and now.version == version
        }
        for type_, good in self._good.items():
            by_name = wanted.of(type_).by_name
            if len(good) > 2 * len(by_name) + 1000:
                named = {t for known in self._good.values() for r in known.values() for t in r.depends_on}
                self._good[type_] = {n: r for n, r in good.items() if n in by_name or (type_, n) in named}
