"""Records that several things bring, each there for as long as one of them does."""

from collections.abc import Iterable, Mapping


class Held[Name: str, R]:
    """Counts who holds each record, by its name. Of records of one name the last one held counts."""

    def __init__(self) -> None:
        self.by_name: dict[Name, R] = {}
        """Those that are there. To be read only."""
        self._holders: dict[Name, int] = {}
        self._before: dict[Name, R | None] = {}

    def hold(self, records: Mapping[Name, R]) -> None:
        """Hold each of these once more."""
        for name, record in records.items():
            self._before.setdefault(name, self.by_name.get(name))
            self._holders[name] = self._holders.get(name, 0) + 1
            self.by_name[name] = record

    def release(self, names: Iterable[Name]) -> None:
        """Hold each of these once less; it is held."""
        for name in names:
            self._before.setdefault(name, self.by_name.get(name))
            self._holders[name] -= 1
            if not self._holders[name]:
                del self._holders[name], self.by_name[name]

    def renew(self, records: Mapping[Name, R]) -> None:
        """Put each of these in the place of the one of its name, if that is held."""
        for name, record in records.items():
            if name in self.by_name:
                self._before.setdefault(name, self.by_name[name])
                self.by_name[name] = record

    def settle(self) -> dict[Name, R | None]:
        """Return what differs since the last time."""
        before, self._before = self._before, {}
        return {name: now for name, old in before.items() if (now := self.by_name.get(name)) != old}
