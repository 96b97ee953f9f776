"""A resource that proxies refuse → the one object in it that is to blame; all else of it goes out.

Theory of operation. A resource may hold what many objects bring: a route table has what every route says of its
hostnames. A proxy takes it or refuses it as a whole, so one bad object would hold back whatever becomes of the others.
So it is taken apart into units, what one object brings to one hostname. Those that are not as in the last version that
was taken are suspects when a version is refused:

    one suspect                 it is to blame
    several                     half of them go out; what else is new is held back, as it was in the last good version
      and that is taken         the suspects are the other half
      and that is refused       the suspects are those that went out

That takes log2(n) answers. What is refused has no effect, and what is taken is nearer to what is wished for. Then all
goes out at once again, but for what is to blame. That is blunted: its requests are answered with 500, and should that
be refused, too, it is left out. It stays so until its content changes, whatever becomes of the others.

Without a last good version what is held back is not there. For a proxy that starts that is no loss. One that served
before it came to us (`careful`) may have nearly all of it, so it is not used to try things out: only what was to blame
in the process before us is blunted at once, and should that not do, nothing is touched.
"""

from collections.abc import Callable, Hashable, Mapping, Set
from enum import IntEnum
from typing import NamedTuple, Protocol, Self

import msgspec

from xds_server.snapshot.resource import Resource, ResourceType


class Unit(NamedTuple):
    """What one object brings to one hostname."""

    hostname: str
    source: str
    """`<kind>/<namespace>/<name>`, the kind in lower case."""


class Bluntness(IntEnum):
    """What becomes of a unit that is to blame. Each helps where the one before does not."""

    FAILS = 1
    """Its requests are answered with 500."""
    LEFT_OUT = 2


class Blame(msgspec.Struct, frozen=True):
    """Why a unit is not as it is wished for."""

    digest: int
    """Of its content: other content is not to blame."""
    bluntness: Bluntness
    message: str
    """The proxy's own words."""


class Parts(Protocol):
    """A resource that can be taken apart. A value: nothing here changes it."""

    @property
    def units(self) -> Mapping[Unit, int]:
        """A digest of each unit's content."""
        ...

    @property
    def resource(self) -> Resource:
        """The whole."""
        ...

    def blunted(self, units: Mapping[Unit, Bluntness]) -> Self:
        """The same but for these; itself when there are none."""
        ...

    def holding_back(self, units: Set[Unit], old: Self | None) -> Self:
        """The same but for these, which are as in `old` or not there; itself when there are none.

        Exactly so for a hostname of which all that differs is held back; where it is only some of it, what they match
        is as in `old`, and what goes before what as it is now.
        """
        ...


type Suspicious = Callable[[], Set[str]]
"""The sources of units that were to blame in another process. Cost: may look at everything."""

type Divide = Callable[[ResourceType, Resource], Parts | None]
"""None: resources of the type are what one object brings."""


def indivisible(_type: ResourceType, _resource: Resource) -> None:
    """Take nothing apart."""


REMEMBERED = 32
"""Refused versions: each proxy refuses the same, some of them late."""


class Isolation:
    """The search in one resource. It begins with a refusal, and is over when nothing is left to suspect or to blame."""

    def __init__(self) -> None:
        self.blamed: dict[Unit, Blame] = {}
        self._suspects: Mapping[Unit, int] = {}
        """Digests of the units that may be to blame, as they went out."""
        self._proven = False
        """Whether one of them is; not when one has other content now: the culprit may be gone with the old."""
        self._message = ""
        self._refused: dict[str, set[Hashable]] = {}
        """Version → who refused it."""

    @property
    def searching(self) -> bool:
        """Whether a verdict is awaited."""
        return bool(self._suspects)

    def refused(self, version: str) -> set[Hashable] | None:
        """Who refused the version; None: nobody. To be added to."""
        return self._refused.get(version)

    def refuse(self, what: Parts, good: Parts | None, message: str, by: Hashable) -> None:
        """The first proxy refused `what`; `good` is the last that one took."""
        self._refused[what.resource.version] = {by}
        if len(self._refused) > REMEMBERED:
            del self._refused[next(iter(self._refused))]
        self._message = message
        if not self._suspects:
            self._suspects, self._proven = _news(what, good), True

    def next(
        self, wanted: Parts, good: Parts | None, suspicious: Suspicious = frozenset, *, careful: bool = False
    ) -> Resource | None:
        """What to serve while `wanted` is wished for; None: nobody can be blamed, let it be as it was."""
        self.blamed = {unit: blame for unit, blame in self.blamed.items() if wanted.units.get(unit) == blame.digest}
        while True:
            blunt = wanted.blunted({unit: blame.bluntness for unit, blame in self.blamed.items()})
            news = _news(blunt, good)
            self._suspect(blunt, news)
            offer = self._without(suspicious(), blunt) if self._suspects and not good else None
            if offer or (self._suspects and not good and careful):
                return offer
            if self._proven and len(self._suspects) == 1:
                (culprit,) = self._suspects
                if not self._blame(culprit, wanted):
                    return None
                continue
            out = sorted(self._suspects)[: (len(self._suspects) + 1) // 2] or news.keys()
            offer = blunt.holding_back(news.keys() - out, good).resource
            if offer.version not in self._refused:
                return offer
            if not out:
                return None
            self._suspects, self._proven = {unit: news[unit] for unit in out}, True

    def _suspect(self, now: Parts, news: Mapping[Unit, int]) -> None:
        """Those that are still the same, and were not taken meanwhile; all, when all are known to be refused."""
        same = {unit: digest for unit, digest in self._suspects.items() if now.units.get(unit) == digest}
        self._proven &= len(same) == len(self._suspects)
        self._suspects = {unit: digest for unit, digest in same.items() if unit in news}
        if not self._suspects and now.resource.version in self._refused:
            self._suspects, self._proven = news, True

    def _without(self, suspicious: Set[str], now: Parts) -> Resource | None:
        """All, those blunted that were to blame before; None where that was refused, or there are none."""
        blunt = {unit: Bluntness.FAILS for unit in now.units if unit.source in suspicious and unit not in self.blamed}
        offer = now.blunted(blunt).resource
        return offer if blunt and offer.version not in self._refused else None

    def _blame(self, unit: Unit, wanted: Parts) -> bool:
        """Whether there is something that can still be done about it."""
        before = self.blamed.get(unit)
        if before and before.bluntness is Bluntness.LEFT_OUT:
            return False
        bluntness = Bluntness.LEFT_OUT if before else Bluntness.FAILS
        self.blamed[unit] = Blame(wanted.units[unit], bluntness, self._message)
        self._suspects = {}
        return True


def _news(now: Parts, good: Parts | None) -> dict[Unit, int]:
    """The units that are new, or not as they were, and their digests. What is not there any more harms nobody."""
    before: Mapping[Unit, int] = good.units if good else {}
    return {unit: digest for unit, digest in now.units.items() if before.get(unit) != digest}
