"""Which versions of one type a client has, was sent, and refused.

A response is a flight: it is under way until its nonce comes back, and lands or is turned away. What a client may be
using is what landed last and all that is under way.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from itertools import takewhile
from typing import cast

import msgspec
from immutables import Map

from xds_server.protocol.errors import ProtocolError
from xds_server.snapshot.resource import Resource

MAX_FLIGHTS = 20_000
"""Responses of one type without an answer. One RouteConfiguration a response can be thousands at once; a client that
never answers must not cost memory for ever."""


class Flight(msgspec.Struct, frozen=True):
    """What one response changes for the client."""

    resources: tuple[Resource, ...]
    removed: tuple[str, ...] = ()


class _Flying:
    """A flight that is under way, with what it changes by name: None for a removal."""

    __slots__ = ("by_name", "flight")

    def __init__(self, flight: Flight) -> None:
        self.flight = flight
        self.by_name: dict[str, Resource | None] = {resource.name: resource for resource in flight.resources}
        self.by_name.update(dict.fromkeys(flight.removed))


class Holdings:
    """One type, one stream. A client that begins takes thousands in one flight: that one costs a few passes in C."""

    def __init__(self) -> None:
        self.accepted: dict[str, Resource] | Map[str, Resource] = {}
        """A dictionary of its own while the client begins, then a set that all clients at rest have in common, and what
        differs from that (see `Channel.rest`)."""
        self.refused: dict[str, str] = {}
        """Name → the version that was refused alone; "" for a removal."""
        self.foreign: set[str] = set()
        """Accepted from another server or an earlier version of the world: what these name is not known."""
        self._flights: dict[str, _Flying] = {}
        """By nonce, oldest first."""
        self._under_way: dict[str, tuple[_Flying, ...]] = {}
        """By name, oldest first; never empty."""
        self._dropped: dict[str, tuple[_Flying, ...]] = {}
        """As `_under_way`, of what the client dropped since, until something later has landed: it may ask again before
        they reach it, and use them."""

    @property
    def calm(self) -> bool:
        """Nothing is under way."""
        return not self._flights

    @property
    def blank(self) -> bool:
        """The client has nothing, was sent nothing that it has not refused, and refused nothing alone."""
        return not (self.accepted or self._flights or self.refused)

    def latest(self, name: str) -> Resource | None:
        """What the client has once everything under way has landed; None for nothing."""
        if flights := self._under_way.get(name):
            return flights[-1].by_name[name]
        return self.accepted.get(name)

    def sure(self, name: str) -> Resource | None:
        """What the client has acknowledged, and has not been told to drop since."""
        if (flights := self._under_way.get(name)) and any(flying.by_name[name] is None for flying in flights):
            return None
        return self.accepted.get(name)

    def is_under_way(self, resource: Resource) -> bool:
        """Whether this version is the last that was sent, and has no answer yet."""
        latest = self.latest(resource.name) if resource.name in self._under_way else None
        return latest is not None and latest.version == resource.version

    def rests_on(self, resource: Resource) -> bool:
        """Whether the client acknowledged this version, and nothing else of the name is under way."""
        accepted = self.accepted.get(resource.name)
        return accepted is not None and accepted.version == resource.version and resource.name not in self._under_way

    def latest_all(self) -> dict[str, Resource]:
        """`latest` of every name that the client has."""
        result = dict(self.accepted)
        for name in self._under_way:
            if (resource := self.latest(name)) is not None:
                result[name] = resource
            else:
                result.pop(name, None)
        return result

    def in_use(self, names: Iterable[str]) -> Iterator[Resource]:
        """The versions of these that the client may be using now or once something under way has landed; and those
        that are under way of what it dropped.
        """
        for name in names:
            if (accepted := self.accepted.get(name)) is not None:
                yield accepted
            yield from _resources(name, self._under_way.get(name, ()))
        for name, flights in self._dropped.items():
            yield from _resources(name, flights)

    def dropped(self) -> Set[str]:
        """The names of which something is under way that the client dropped since."""
        return self._dropped.keys()

    def under_way(self) -> Set[str]:
        """The names of which a version, or the removal, is under way."""
        return self._under_way.keys()

    def names(self) -> set[str]:
        """All names that the client may have."""
        return {*self.accepted, *self._under_way}

    def has_accepted(self, names: Iterable[str]) -> bool:
        """Whether the client has acknowledged some version of each."""
        return all(map(self.accepted.__contains__, names))

    def adopt(self, resources: Iterable[Resource]) -> None:
        """The client has these already."""
        self._accept_all({resource.name: resource for resource in resources})

    def adopt_reported(self, versions: Mapping[str, str], known: Mapping[str, Resource]) -> None:
        """The client says that it has these versions; what is not in `known` at that version is foreign."""
        held: dict[str, Resource] = {}
        for name, version in versions.items():
            resource = known.get(name)
            if resource is None or resource.version != version:
                resource = Resource(name, version, b"")
                self.foreign.add(name)
            held[name] = resource
        self._accept_all(held)

    def recognize(self, changed: Set[str], known: Mapping[str, Resource]) -> None:
        """These are known now: what is among them at the version that the client came with is foreign no more."""
        for name in self.foreign & changed:
            resource = known.get(name)
            if resource is not None and self.rests_on(resource):
                self._accept(name, resource)

    def send(self, nonce: str, flight: Flight) -> None:
        """A response goes out. Raises `ProtocolError` when the client leaves too many without an answer."""
        if len(self._flights) >= MAX_FLIGHTS:
            raise ProtocolError(f"{MAX_FLIGHTS} responses without an answer")
        flying = self._flights[nonce] = _Flying(flight)
        if self._under_way.keys().isdisjoint(flying.by_name):
            self._under_way.update(dict.fromkeys(flying.by_name, (flying,)))
            return
        for name in flying.by_name:
            self._under_way[name] = (*self._under_way.get(name, ()), flying)

    def flights_until(self, nonce: str) -> list[str]:
        """The nonces of all flights up to this one, oldest first; empty when it is unknown."""
        if nonce not in self._flights:
            return []
        return [*takewhile(lambda earlier: earlier != nonce, self._flights), nonce]

    def land(self, nonce: str, covers: Callable[[str], bool]) -> Flight | None:
        """The client took the response; of what it dropped since, what it asks for again: `covers` says whether it asks
        for a name. None when the nonce is unknown.
        """
        return self._end(nonce, covers)

    def turn_away(self, nonce: str) -> Flight | None:
        """The client refused the response: it has what it had. None when the nonce is unknown."""
        return self._end(nonce, None)

    def forget(self, name: str) -> None:
        """The client dropped it, or must be taken not to have it."""
        self._unaccept(name)
        self.refused.pop(name, None)
        self.foreign.discard(name)
        if flights := self._under_way.pop(name, None):
            self._dropped[name] = (*self._dropped.get(name, ()), *flights)

    def _end(self, nonce: str, covers: Callable[[str], bool] | None) -> Flight | None:
        """`covers` as in `land`; None for what does not land."""
        if (flying := self._flights.pop(nonce, None)) is None:
            return None
        self._end_of_dropped(flying, covers)
        landed = covers is not None
        if landed and self._nothing_else_is_known_of(flying):
            self._accept_all(cast("dict[str, Resource]", flying.by_name))
            if len(self._under_way) == len(flying.by_name):
                self._under_way = {}  # one that was emptied would keep the room for all it held
            else:
                for name in flying.by_name:
                    del self._under_way[name]
            return flying.flight
        for name, resource in flying.by_name.items():
            flights = self._under_way.get(name, ())
            if flying not in flights:  # forgotten meanwhile, or a later one landed before
                continue
            if landed:
                self._accept(name, resource)
                flights = flights[flights.index(flying) + 1 :]
            else:
                flights = tuple(other for other in flights if other is not flying)
            if flights:
                self._under_way[name] = flights
            else:
                del self._under_way[name]
        return flying.flight

    def _end_of_dropped(self, flying: _Flying, covers: Callable[[str], bool] | None) -> None:
        for name in self._dropped.keys() & flying.by_name.keys():
            flights = self._dropped.pop(name)
            if flying in flights:
                if covers and covers(name):
                    self._accept(name, flying.by_name[name])
                flights = tuple(other for other in flights if other is not flying)
            elif covers:
                continue
            if flights:
                self._dropped[name] = flights

    def _nothing_else_is_known_of(self, flying: _Flying) -> bool:
        """Whether the flight removes nothing, and no name in it is in another flight, forgotten, refused or foreign."""
        if flying.flight.removed or self.refused or self.foreign:
            return False
        return list(map(self._under_way.get, flying.by_name)).count((flying,)) == len(flying.by_name)

    def _accept(self, name: str, resource: Resource | None) -> None:
        self.refused.pop(name, None)
        self.foreign.discard(name)
        if resource is None:
            self._unaccept(name)
        else:
            self._accept_all({name: resource})

    def _accept_all(self, resources: dict[str, Resource]) -> None:
        if isinstance(self.accepted, Map):
            self.accepted = self.accepted.update(resources)
        else:
            self.accepted.update(resources)

    def _unaccept(self, name: str) -> None:
        if isinstance(self.accepted, dict):
            self.accepted.pop(name, None)
        elif name in self.accepted:
            self.accepted = self.accepted.delete(name)


def _resources(name: str, flights: Iterable[_Flying]) -> Iterator[Resource]:
    return (resource for flying in flights if (resource := flying.by_name[name]) is not None)
