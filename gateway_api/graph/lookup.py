"""How judges see what is around the object that they judge: by key only, so that every look can be noted."""

from collections.abc import Callable, Hashable
from typing import Protocol

type Read = tuple[str, Hashable]
"""A kind's name and what was looked up of it: an object's key; for ReferenceGrant, a `Permission`."""


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
