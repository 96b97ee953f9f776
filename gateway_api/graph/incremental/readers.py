"""Who was judged by looking at what → who must be judged again when that moves."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from immutables import Map

from gateway_api.graph.lookup import Lookup, Noted, Read
from gateway_api.graph.mappings import replaced
from k8s_watch.keys import ObjectKey


class Notes:
    """What one judgement after the other looks up."""

    def __init__(self) -> None:
        self._reads: set[Read] = set()

    def of[K, V](self, kind: str, lookup: Lookup[K, V]) -> Noted[K, V]:
        """Have every key noted that is looked up."""
        return Noted(lookup, lambda key: (kind, key), self._reads.add)

    def within[K, V](self, kind: str, key: ObjectKey, lookup: Lookup[K, V]) -> Noted[K, V]:
        """Have every part noted that is looked up of one object."""
        return Noted(lookup, lambda part: (kind, (key, part)), self._reads.add)

    def take(self) -> frozenset[Read]:
        """Return what was noted since the last time."""
        taken = frozenset(self._reads)
        self._reads.clear()
        return taken


class Readers:
    """The reads of each reader, and the readers of each read."""

    def __init__(self) -> None:
        self._reads: dict[ObjectKey, tuple[Read, ...]] = {}
        """No sets: one of five takes nine times the room, and there are thousands."""
        self._readers: dict[Read, tuple[ObjectKey] | set[ObjectKey]] = {}
        """Never empty. Most reads have one reader, and a set of one takes four times the room of a tuple."""

    def put(self, reader: ObjectKey, reads: frozenset[Read]) -> None:
        """Make these the reader's reads; none forgets it."""
        known = frozenset(self._reads.get(reader, ()))
        if reads == known:
            return
        for read in known - reads:
            self._discard(read, reader)
        for read in reads - known:
            self._add(read, reader)
        if reads:
            self._reads[reader] = tuple(reads)
        else:
            del self._reads[reader]

    def of(self, reads: Iterable[Read]) -> set[ObjectKey]:
        """Return everyone who read any of these. Costs one look-up a read."""
        found: set[ObjectKey] = set()
        for read in reads:
            found.update(self._readers.get(read, ()))
        return found

    def _add(self, read: Read, reader: ObjectKey) -> None:
        match self._readers.get(read):
            case None:
                self._readers[read] = (reader,)
            case set() as readers:
                readers.add(reader)
            case (other,):
                self._readers[read] = {other, reader}

    def _discard(self, read: Read, reader: ObjectKey) -> None:
        readers = self._readers[read]
        if isinstance(readers, set):
            readers.discard(reader)
        if isinstance(readers, tuple) or not readers:
            del self._readers[read]


class Moved[N](NamedTuple):
    """A node, before and after. None: there was, or is, no such object of ours."""

    before: N | None
    after: N | None


class Stage[N]:
    """The nodes of one kind, and what each was judged by."""

    def __init__(self) -> None:
        self.nodes: Map[ObjectKey, N] = Map()
        """Never mutated: a change makes a new mapping, in which every node that is as before is the same object."""
        self._readers = Readers()

    def readers(self, reads: Iterable[Read]) -> set[ObjectKey]:
        """Return whom a move of any of these may concern, the ones that are not ours included."""
        return self._readers.of(reads)

    def judge(
        self, keys: Iterable[ObjectKey], judge: Callable[[ObjectKey], N | None], notes: Notes
    ) -> Mapping[ObjectKey, Moved[N]]:
        """Judge these anew; return those that differ by value."""
        moved: dict[ObjectKey, Moved[N]] = {}
        for key in keys:
            after = judge(key)
            self._readers.put(key, notes.take())
            before = self.nodes.get(key)
            if before != after:
                moved[key] = Moved(before, after)
        self.nodes = replaced(self.nodes, {key: node.after for key, node in moved.items()})
        return moved
