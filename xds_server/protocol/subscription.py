"""Which names of one type a client asked for.

Spec: xDS protocol, "How the client specifies what resources to return"
"""

from collections.abc import Iterable

from immutables import Map

WILDCARD = "*"

MAX_NAMES = 250_000
"""That a client may say in one request, and that a stream may be about, over all types. 40,000 routes with scopes,
clusters and endpoints of their own take half of it."""


class Subscription:
    """Names, or everything (`*`), or both.

    `legacy_wildcard` is for listeners and clusters: a client that never named anything means everything.
    """

    def __init__(self, *, legacy_wildcard: bool) -> None:
        self.names: set[str] | Map[str, object] = set()
        """A set of its own, or a mapping that others have too, of which the keys count (see `share`)."""
        self.wildcard = False
        self._may_be_legacy = legacy_wildcard

    def covers(self, name: str) -> bool:
        """Whether the client wants to hear about `name`."""
        return self.wildcard or name in self.names

    def replace(self, names: Iterable[str]) -> None:
        """Make this the whole of what is asked for (state of the world).

        An empty list is everything until the first name came, and nothing after that.
        """
        given = set(names)
        if given:
            self._may_be_legacy = False
        self.wildcard = WILDCARD in given or (not given and self._may_be_legacy)
        self.names = given - {WILDCARD}

    def begin(self, names: Iterable[str]) -> None:
        """Take in a delta stream's first request: without names, it means everything."""
        given = set(names)
        self.wildcard = WILDCARD in given or (not given and self._may_be_legacy)
        self.names = given - {WILDCARD}

    def add(self, names: Iterable[str]) -> None:
        """Ask for more (delta). A wildcard, also a tacit one, stays."""
        given = set(names)
        self.wildcard = self.wildcard or WILDCARD in given
        given.discard(WILDCARD)
        if isinstance(self.names, Map):
            self.names = self.names.update(dict.fromkeys(given))
        else:
            self.names |= given

    def share(self, names: Map[str, object]) -> None:
        """Keep the names in a mapping that many have. They must be just these."""
        self.names = names

    def remove(self, names: Iterable[str]) -> set[str]:
        """Ask for less (delta). Return the names among them that were asked for by name: others are phantoms."""
        given = set(names)
        if WILDCARD in given:
            self.wildcard = False
        dropped = {name for name in given if name in self.names}
        if isinstance(self.names, Map):
            left = self.names.mutate()
            for name in dropped:
                del left[name]
            self.names = left.finish()
        else:
            self.names -= dropped
        return dropped
