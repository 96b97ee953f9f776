"""A resource that proxies refuse → the one object in it that is to blame; all else of it goes out.

Theory of operation. A resource may hold what many objects bring: a route table has what every route says of its
hostnames. A proxy takes it or refuses it as a whole, so one bad object would hold back whatever becomes of the others.
So it is taken apart into units, what one object brings to one hostname. A unit can be blunted: what it matches is
answered with 500, or, should the match be what is refused, it is left out. A search asks the proxies:

    is the resource taken when this one is blunted?      one after the other, of those that are not as in the last
                                                         version that was taken; then all of an object, all of a
                                                         namespace, all that are new
    it is refused                                        the next one
    it is taken by one that refused it before            these are to blame; where they are several, each is asked
                                                         about again: is it taken when this one is as it should be?

A question costs nobody but those asked about: what is refused has no effect, and what is taken is what is wished for
but for them. Nothing is held back in its old state, which would need to know what each proxy has, and what goes
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

    of: str
    """The version whose refusal is asked about."""
    blames: Mapping[Unit, Blame] = {}
    frees: Unit | None = None


type _Hypothesis = tuple[frozenset[Unit], Bluntness]

QUESTIONS, FEW = 1000, 16
"""In one search, and in one after a search that came to nothing."""

REMEMBERED = 64
"""Versions that were refused, and that went out: each proxy answers each, some of them late."""


class _Offer(NamedTuple):
    """What is served instead of `of`; None for the last version that was taken."""

    of: Resource
    resource: Resource | None


class Isolation:
    """The search in one resource, and what came out of it."""

    def __init__(self, divide: Callable[[Resource], Parts | None], suspicious: Suspicious) -> None:
        self._divide = divide
        self._ask_whom_to_suspect = suspicious
        self.blamed: dict[Unit, Blame] = {}
        self.hopeless = False
        """Nobody can be blamed, or so many at once that no question was taken."""
        self._offer: _Offer | None = None
        """What `next` said last; None where it may say something else by now."""
        self._message = ""
        self._refused: dict[str, set[Hashable]] = {}
        """Version → who refused it."""
        self._questions: dict[str, _Question] = {}
        """By the version that went out."""
        self._wanted = ""
        self._suspicious: Set[str] = frozenset()
        """While `_wanted` is wished for."""
        self._tried: set[_Hypothesis] = set()
        """That did not help while `_wanted` was wished for."""
        self._asked: set[tuple[Unit, int]] = set()
        """Asked about while something else was: last in turn, or changes would keep a search at its beginning."""
        self._left = QUESTIONS
        """Questions that may still be asked."""
        self._in_vain = False
        """Whether the last search came to nothing."""

    def refusers(self, version: str) -> Set[Hashable]:
        """Who refused the version."""
        return self._refused.get(version, frozenset())

    def refuse(self, version: str, message: str, by: Hashable) -> bool:
        """A proxy refused it; return whether it is the first that did."""
        if refusers := self._refused.get(version):
            refusers.add(by)
            return False
        self._refused[version] = {by}
        self._questions.pop(version, None)
        self._message = message
        self.reconsider()
        if len(self._refused) > REMEMBERED:
            del self._refused[next(known for known in self._refused if known != self._wanted)]
        return True

    def leave(self, by: Hashable) -> bool:
        """A proxy is gone. What it alone refused is not refused any more; return whether there is such a thing."""
        for refusers in self._refused.values():
            refusers.discard(by)
        forgotten = [version for version, refusers in self._refused.items() if not refusers]
        for version in forgotten:
            del self._refused[version]
            self.reconsider()
        return bool(forgotten)

    def taken(self, version: str, by: Hashable) -> bool:
        """A proxy took it; None is one that came with it. Return whether that answers a question.

        Who did not refuse what is asked about may have taken that, too.
        """
        if version == self._wanted:
            self._in_vain = False
            self._asked.clear()
        question = self._questions.get(version)
        if question is None or not (by is None or not question.of or by in self._refused.get(question.of, ())):
            return False
        del self._questions[version]
        self._in_vain = False
        if question.frees is not None:
            self.blamed.pop(question.frees, None)
        self.blamed |= question.blames
        return True

    def blame(self, units: Mapping[Unit, Blame]) -> None:
        """These are to blame: it is known from elsewhere."""
        self.blamed |= units
        self.reconsider()

    def reconsider(self) -> None:
        """Something else is known of the proxies: `next` may say something else."""
        self._offer = None

    def next(self, wanted: Resource, good: Resource | None, *, foreign: bool) -> Resource | None:
        """What to serve while `wanted` is wished for and `good` is the last that was taken; None: it is hopeless.

        `foreign`: proxies have something, and it is not known what. Takes whole tables apart, once for each `wanted`
        until something else is known.
        """
        if self._offer is None or self._offer.of is not wanted:
            parts, old = self._divide(wanted), self._divide(good) if good else None
            offer = self._search(parts, old, careful=old is None and foreign) if parts else None
            self._offer = _Offer(wanted, offer)
        return self._offer.resource

    def _search(self, wanted: Parts, good: Parts | None, *, careful: bool) -> Resource | None:
        """As `next`. `careful`: all that is wished for is new, and to ask about many at once could cost innocents what
        their proxies have.
        """
        if wanted.resource.version != self._wanted:
            self._wanted, self._left = wanted.resource.version, FEW if self._in_vain else QUESTIONS
            self._tried.clear()
            self._suspicious = self._ask_whom_to_suspect() if self._refused else frozenset()
        self.hopeless = False
        self.blamed = {unit: blame for unit, blame in self.blamed.items() if wanted.units.get(unit) == blame.digest}
        now = wanted.blunted(self._bluntness())
        if now.resource.version not in self._refused:
            if all(blame.alone for blame in self.blamed.values()):
                return now.resource
            if good is None or good.resource.version != now.resource.version:
                return self._ask(now.resource, _Question(of=""))  # until it is taken, others may be to blame, too
            return self._narrowed(wanted) or now.resource
        self._suspicious = self._suspicious or self._ask_whom_to_suspect()
        for hypothesis in self._hypotheses(now, good, careful=careful):
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
            self._asked |= {(unit, wanted.units[unit]) for unit in units}
            return self._ask(offer, _Question(of=now.resource.version, blames=blames))
        self.hopeless = self._in_vain = True
        return None

    def _hypotheses(self, now: Parts, good: Parts | None, *, careful: bool) -> Iterator[_Hypothesis]:
        """Who may be to blame, the likely first: one unit, an object, a namespace, all that are new."""
        news = _news(now, good)
        before = frozenset(unit for unit in news if unit.source in self._suspicious)
        for bluntness in Bluntness:
            if len(before) > 1:
                yield before, bluntness
            for unit in sorted(news, key=lambda u: (u not in before, (u, now.units[u]) in self._asked, u)):
                yield frozenset([unit]), bluntness
            for part in () if careful else _GROUPS:
                for _, group in groupby(sorted(news, key=part), key=part):
                    units = frozenset(group)
                    if len(units) > 1:
                        yield units, bluntness

    def _bluntness(self, *, without: Unit | None = None) -> dict[Unit, Bluntness]:
        return {unit: blame.bluntness for unit, blame in self.blamed.items() if unit != without}

    def _narrowed(self, wanted: Parts) -> Resource | None:
        """Ask whether one of several that were blamed together is well, or need not be left out; None: none is."""
        for unit, blame in sorted(self.blamed.items(), key=lambda item: item[0]):
            if blame.alone:
                continue
            offer = wanted.blunted(self._bluntness(without=unit)).resource
            if offer.version not in self._refused:
                return self._ask(offer, _Question(of="", frees=unit))
            softer = msgspec.structs.replace(blame, bluntness=Bluntness.FAILS, alone=True)
            offer = wanted.blunted(self._bluntness() | {unit: Bluntness.FAILS}).resource
            if blame.bluntness is not Bluntness.FAILS and offer.version not in self._refused:
                return self._ask(offer, _Question(of="", frees=unit, blames={unit: softer}))
            self.blamed[unit] = msgspec.structs.replace(blame, alone=True)
        return None

    def _ask(self, offer: Resource, question: _Question) -> Resource:
        self._left = max(0, self._left - 1)
        self._questions[offer.version] = question
        if len(self._questions) > REMEMBERED:
            del self._questions[next(iter(self._questions))]
        return offer


_GROUPS: tuple[Callable[[Unit], str], ...] = (lambda unit: unit.source, lambda unit: unit.namespace, lambda _: "")


def _news(now: Parts, good: Parts | None) -> Collection[Unit]:
    """The units that are new, or not as they were. What is not there any more harms nobody."""
    before: Mapping[Unit, int] = good.units if good else {}
    return [unit for unit, digest in now.units.items() if before.get(unit) != digest]
