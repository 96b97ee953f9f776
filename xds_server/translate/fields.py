"""Encoded fields of one message, in order, in pieces: what changes joins one piece anew and copies no other."""

from bisect import bisect_left, bisect_right

PIECE = 64
"""Fields a piece has when it is cut out of one that grew to twice as many."""

type Key = tuple[bool, int, str]


class _Piece:
    """Neighbours, and their encodings one after the other."""

    def __init__(self, keys: list[Key], fields: list[bytes]) -> None:
        self.keys = keys
        self.fields = fields
        self._joined: bytes | None = None

    @property
    def joined(self) -> bytes:
        if self._joined is None:
            self._joined = b"".join(self.fields)
        return self._joined

    def put(self, key: Key, field: bytes) -> None:
        index = bisect_left(self.keys, key)
        if self.keys[index : index + 1] == [key]:
            self.fields[index] = field
        else:
            self.keys.insert(index, key)
            self.fields.insert(index, field)
        self._joined = None

    def drop(self, key: Key) -> None:
        index = bisect_left(self.keys, key)
        del self.keys[index], self.fields[index]
        self._joined = None

    def split(self) -> "_Piece":
        """Cut off and return the second half."""
        rest = _Piece(self.keys[PIECE:], self.fields[PIECE:])
        del self.keys[PIECE:], self.fields[PIECE:]
        self._joined = None
        return rest


class Fields:
    """Fields by key, in the order of their keys."""

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []
        self._firsts: list[Key] = []
        """At or before the first key of each piece; of all keys before it none is greater."""

    def put(self, key: Key, field: bytes) -> None:
        """Set the field of a key."""
        if not self._pieces:
            self._pieces, self._firsts = [_Piece([], [])], [key]
        index = max(bisect_right(self._firsts, key) - 1, 0)
        piece = self._pieces[index]
        piece.put(key, field)
        if len(piece.keys) > 2 * PIECE:
            rest = piece.split()
            self._pieces.insert(index + 1, rest)
            self._firsts.insert(index + 1, rest.keys[0])

    def drop(self, key: Key) -> None:
        """Take a key away that is there."""
        index = max(bisect_right(self._firsts, key) - 1, 0)
        self._pieces[index].drop(key)
        if not self._pieces[index].keys:
            del self._pieces[index], self._firsts[index]

    def pieces(self) -> tuple[bytes, ...]:
        """Return what makes up all fields when put one after the other. Cost: one step a piece."""
        return tuple([piece.joined for piece in self._pieces])
