"""How judges see what is around the object that they judge: by key only, so that every look can be noted."""

from collections.abc import Callable, Hashable, Iterable
from typing import Protocol

from immutables import Map

from gateway_api.graph.mappings import replaced

type Read = tuple[str, Hashable]
"""A kind's name and what was looked up of it: an object's key; of ReferenceGrants a `Permission`; of a Namespace its
key and that of a label; of a Gateway its listeners, too, by `attachment.Section`."""


class Lookup[K, V](Protocol):
    """A mapping that cannot be walked: whoever reads it says what."""

    def get(self, key: K, /) -> V | None:
        """Return what is there, None when nothing is."""
        ...

    def __contains__(self, key: object, /) -> bool: ...


class Noted[K, V]:
    """A lookup that tells `note` what it was asked for, present or not."""

    __slots__ = ("_note", "_of", "_read")

    def __init__(self, of: Lookup[K, V], read: Callable[[object], Read], note: Callable[[Read], None]) -> None:
        self._of = of
        self._read = read
        self._note = note

    def get(self, key: K, /) -> V | None:
        self._note(self._read(key))
        return self._of.get(key)

    def __contains__(self, key: object, /) -> bool:
        self._note(self._read(key))
        return key in self._of


class Judged[K: Hashable, S, V]:
    """A lookup of objects as what they were judged to be. Each is judged when first asked for, and once, however many
    name it."""

    def __init__(self, sources: Lookup[K, S], judge: Callable[[S], V]) -> None:
        """`judge` is pure: its answer depends on the object alone."""
        self._sources = sources
        self._judge = judge
        self._judged: Map[K, V] = Map()

    def get(self, key: K, /) -> V | None:
        """Return the judgement of the object; None when there is no such object."""
        if key not in self._judged:
            source = self._sources.get(key)
            if source is None:
                return None
            self._judged = self._judged.set(key, self._judge(source))
        return self._judged[key]

    def __contains__(self, key: object, /) -> bool:
        return key in self._sources

    def after(self, sources: Lookup[K, S], *, changed: Iterable[K]) -> "Judged[K, S, V]":
        """Return the judgements of `sources`, which differ from these only at the keys in `changed`.

        What was judged is not judged again. Cost: follows `changed`.
        """
        if sources is self._sources:
            return self
        new = Judged(sources, self._judge)
        new._judged = replaced(self._judged, dict.fromkeys(changed))
        return new
