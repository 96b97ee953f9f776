"""Two sets of resources → the names that differ. Computed once a pair of sets, however many streams ask."""

from collections import OrderedDict
from collections.abc import Callable

from xds_server.snapshot.resource import ResourceSet

type Diff = Callable[[ResourceSet, ResourceSet], frozenset[str]]


def changed_names(old: ResourceSet, new: ResourceSet) -> frozenset[str]:
    """Names that were added, removed, or got another version. Cost: linear in the size of both sets."""
    if old.version == new.version:
        return frozenset()
    before, after = old.by_name, new.by_name
    changed = {name for name, r in after.items() if (b := before.get(name)) is None or b.version != r.version}
    return frozenset(changed | (before.keys() - after.keys()))


class DiffMemo:
    """`changed_names` that remembers its last few answers.

    All streams of one Gateway step through the same sets, so one answer serves them all and the cost of a push to a
    stream follows what changed. A set's version is a digest of its content: two versions are a whole key.
    """

    def __init__(self, size: int = 64) -> None:
        self._size = size
        self._known: OrderedDict[tuple[str, str], frozenset[str]] = OrderedDict()

    def __call__(self, old: ResourceSet, new: ResourceSet) -> frozenset[str]:
        """As `changed_names`."""
        key = (old.version, new.version)
        if (known := self._known.get(key)) is None:
            known = self._known[key] = changed_names(old, new)
            if len(self._known) > self._size:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        return known
