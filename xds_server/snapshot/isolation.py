"""A resource that proxies refuse → the one object in it that is to blame; all else of it goes out.

Theory of operation. A resource may hold what many objects bring: a route table has what every route says of its
hostnames. A proxy takes it or refuses it as a whole, so one bad object would hold back whatever becomes of the others.
So it is taken apart into units, what one object brings to one hostname. A unit can be blunted: what it matches is
answered with 500, or, should the match be what is refused, it is left out. A search asks the proxies:

    is the resource taken when this one is blunted?      one after the other, of those that are not as in the last
                                                         version that was taken; then all of an object, all of a
                                                         namespace, all that are new
    it is refused                                        the next one
    it is taken                                          these are to blame; where they are several, each is asked
                                                         about again: is it taken when this one is as it should be?

No question costs anybody anything: what is refused has no effect, and what is taken is what is wished for, but for what
is asked about. Nothing is held back in its old state, which would need to know what each proxy has, and what goes
before what in one hostname never changes. It takes as many answers as there are new units, mostly one.

What is to blame stays blunted until its content changes, whatever becomes of the others. All this holds for proxies
that agree; where it turns out that they do not, the search is thrown away: see `quarantine`.
"""

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Set
from enum import IntEnum
from itertools import groupby
from typing import NamedTuple, Protocol, Self

import msgspec

from xds_server.snapshot.resource import Resource, ResourceType


class Unit(NamedTuple):
    """What one object brings to one hostname."""

    hostname: str
    source: str
    """`<kind>/<namespace>/<name>`, the kind in lower case."""

    @property
    def namespace(self) -> str:
        return self.source.rpartition("/")[0].rpartition("/")[2]


class Bluntness(IntEnum):
    """What becomes of a unit that is to blame. Each helps where the one before does not."""

    FAILS = 1
    """What it matches is answered with 500."""
    LEFT_OUT = 2


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


type Divide = Callable[[ResourceType, Resource], Parts | None]
"""None: resources of the type are what one object brings."""

type Suspicious = Callable[[], Set[str]]
"""The sources of units that were to blame in another process: asked about first. Cost: may look at everything."""


def indivisible(_type: ResourceType, _resource: Resource) -> None:
    """Take nothing apart."""


class Blame(msgspec.Struct, frozen=True):
    """Why a unit is not as it is wished for."""

    digest: int
    """Of its content: other content is not to blame."""
    bluntness: Bluntness
    message: str
    """The proxy's own words."""
    alone: bool
    """Whether it is known that all else is taken with it blunted, and not without."""


class _Question(msgspec.Struct, frozen=True):
    """What it means when a version is taken: these are to blame, or this one is not."""

    blames: Mapping[Unit, Blame] = {}
    frees: Unit | None = None


type _Hypothesis = tuple[frozenset[Unit], Bluntness]

QUESTIONS, FEW = 1000, 16
"""In one search, and in one after a search that came to nothing."""

REMEMBERED = 64
"""Versions that were refused, and that went out: each proxy answers each, some of them late."""


class Isolation:
    """The search in one resource, and what came out of it."""

    def __init__(self) -> None:
        self.blamed: dict[Unit, Blame] = {}
        self.hopeless = False
        """Nobody can be blamed, or so many at once that no question was taken."""
        self._message = ""
        self._refused: dict[str, set[Hashable]] = {}
        """Version → who refused it."""
        self._questions: dict[str, _Question] = {}
        """By the version that went out."""
        self._wanted = ""
        self._tried: set[_Hypothesis] = set()
        """That did not help while `_wanted` was wished for."""
        self._left = QUESTIONS
        """Questions that may still be asked."""
        self.in_vain = False
        """Whether the last search came to nothing."""

    def refusers(self, version: str) -> set[Hashable] | None:
        """Who refused the version; None: nobody. To be added to."""
        return self._refused.get(version)

    def refuse(self, version: str, message: str, by: Hashable) -> None:
        """The first proxy refused it."""
        self._refused[version] = {by}
        self._questions.pop(version, None)
        self._message = message
        if len(self._refused) > REMEMBERED:
            del self._refused[next(known for known in self._refused if known != self._wanted)]

    def leave(self, by: Hashable) -> None:
        """A proxy is gone. What it refused stays refused."""
        for refusers in self._refused.values():
            refusers.discard(by)

    def taken(self, version: str) -> bool:
        """A proxy took it. Return whether that answers a question."""
        question = self._questions.pop(version, None)
        if question is None:
            return False
        self.in_vain = False
        self.blamed |= question.blames
        if question.frees is not None:
            self.blamed.pop(question.frees, None)
        return True

    def next(self, wanted: Parts, good: Parts | None, suspicious: Suspicious) -> Resource | None:
        """What to serve while `wanted` is wished for and `good` is the last that was taken; None: it is hopeless."""
        if wanted.resource.version != self._wanted:
            self._wanted, self._left = wanted.resource.version, FEW if self.in_vain else QUESTIONS
            self._tried.clear()
        self.hopeless = False
        self.blamed = {unit: blame for unit, blame in self.blamed.items() if wanted.units.get(unit) == blame.digest}
        now = wanted.blunted(self._bluntness())
        if now.resource.version not in self._refused:
            return self._narrowed(wanted) or now.resource
        for hypothesis in _hypotheses(_news(now, good), suspicious()):
            if not self._left:
                break
            if hypothesis in self._tried:
                continue
            units, bluntness = hypothesis
            offer = wanted.blunted(self._bluntness() | dict.fromkeys(units, bluntness)).resource
            if offer.version in self._refused:
                self._tried.add(hypothesis)
                continue
            blames = {unit: Blame(wanted.units[unit], bluntness, self._message, len(units) == 1) for unit in units}
            return self._ask(offer, _Question(blames=blames))
        self.hopeless = self.in_vain = True
        return None

    def _bluntness(self, *, without: Unit | None = None) -> dict[Unit, Bluntness]:
        return {unit: blame.bluntness for unit, blame in self.blamed.items() if unit != without}

    def _narrowed(self, wanted: Parts) -> Resource | None:
        """Ask whether one of several that were blamed together is well, or need not be left out; None: none is."""
        for unit, blame in sorted(self.blamed.items(), key=lambda item: item[0]):
            if blame.alone:
                continue
            offer = wanted.blunted(self._bluntness(without=unit)).resource
            if offer.version not in self._refused:
                return self._ask(offer, _Question(frees=unit))
            softer = msgspec.structs.replace(blame, bluntness=Bluntness.FAILS, alone=True)
            offer = wanted.blunted(self._bluntness() | {unit: Bluntness.FAILS}).resource
            if blame.bluntness is not Bluntness.FAILS and offer.version not in self._refused:
                return self._ask(offer, _Question(blames={unit: softer}))
            self.blamed[unit] = msgspec.structs.replace(blame, alone=True)
        return None

    def _ask(self, offer: Resource, question: _Question) -> Resource:
        self._left = max(0, self._left - 1)
        self._questions[offer.version] = question
        if len(self._questions) > REMEMBERED:
            del self._questions[next(iter(self._questions))]
        return offer


def _hypotheses(news: Collection[Unit], suspicious: Set[str]) -> Iterator[_Hypothesis]:
    """Who may be to blame, the likely first: one unit, an object, a namespace, all that are new."""
    for bluntness in Bluntness:
        ordered = sorted(news, key=lambda unit: (unit.source not in suspicious, unit))
        for unit in ordered:
            yield frozenset([unit]), bluntness
        for part in _GROUPS:
            for _, group in groupby(sorted(news, key=part), key=part):
                units = frozenset(group)
                if len(units) > 1:
                    yield units, bluntness


_GROUPS: tuple[Callable[[Unit], str], ...] = (lambda unit: unit.source, lambda unit: unit.namespace, lambda _: "")


def _news(now: Parts, good: Parts | None) -> Collection[Unit]:
    """The units that are new, or not as they were. What is not there any more harms nobody."""
    before: Mapping[Unit, int] = good.units if good else {}
    return [unit for unit, digest in now.units.items() if before.get(unit) != digest]
