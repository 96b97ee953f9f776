"""LIST and WATCH of one kind → an endless stream of events. The state machine, and the one place that retries reads.

    Empty ──version──► Paging ──last page──► Listed ──open──► Watching
      ▲                  │ ▲ next page          ▲ ▲  cut, closed │
      └──────410─────────┘ └┘                   │ └──────────────┤
      └──────410, 404, a resourceVersion that keeps failing──────┘

A watch that ends is resumed where it stopped, without a list; one that ends within a second and without a word was
none, and is a failure. A 410 in any form starts a new list, and the store makes the difference: nothing is forgotten
before the new list is whole. How long to wait after a failure, and what becomes of the kind meanwhile, is `trouble`'s.
Spec: Kubernetes API concepts, "Efficient detection of changes", "410 Gone responses", "Watch bookmarks".

`renew` begins anew, whatever the state: for who has to know that what we hold is no older than this moment.
"""

import math
from collections.abc import AsyncGenerator, Sequence
from typing import assert_never

import msgspec

from flow.clock import Clock
from flow.latest import Latest, reached
from k8s_watch.api import ApiError, Gone, KubeReader, NotServed
from k8s_watch.events import Event, Init, InitDone
from k8s_watch.keys import Kind
from k8s_watch.lines import heard, listed
from k8s_watch.objects.meta import Object
from k8s_watch.trouble import Trouble

WATCH_SECONDS = 300.0
"""How long a watch is asked to last, at least; at most twice that, by chance, so that they do not all end at once."""
TRIES = 6
"""Failures of a watch at one resourceVersion, in a row and answered by the server, until the list is read again."""
AT_ONCE = 1.0
"""Seconds: a watch that ends sooner without a word was none."""
PATIENT_CODES = frozenset({401, 403, 429})
"""Answers that say nothing about our resourceVersion."""


class Empty(msgspec.Struct, frozen=True):
    """Nothing is known; a list begins: in pages, or `whole`, in one piece."""

    whole: bool = False


class Paging(msgspec.Struct, frozen=True):
    """Some pages of a list have come."""

    version: str
    whole: bool
    continue_token: str


class Listed(msgspec.Struct, frozen=True):
    """Everything up to `resource_version` is known; no watch is open. `tries` failed to open one here."""

    version: str
    resource_version: str
    tries: int = 0


class Watching(msgspec.Struct, frozen=True):
    """Changes come in."""

    version: str
    resource_version: str
    lines: AsyncGenerator[bytes, None]
    tries: int = 0
    """As in `Listed`; none any more as soon as something was heard."""
    since: float = math.inf
    """When it was open, by the clock's monotonic time, in seconds; longest ago once something was heard."""


type State = Empty | Paging | Listed | Watching


def _after_word(state: Watching, resource_version: str) -> Watching:
    known = resource_version or state.resource_version
    return msgspec.structs.replace(state, resource_version=known, tries=0, since=-math.inf)


def _shows(before: State, after: State) -> bool:
    """Whether the server has just shown what it has: with the end of a list, or a word of a watch."""
    match before, after:
        case (Watching(), Watching()) | (Paging(), Listed()):
            return True
        case _:
            return False


class Watcher[T: Object]:
    """Watches one kind."""

    def __init__(self, kind: Kind[T], api: KubeReader, *, clock: Clock, recovered: Latest[int]) -> None:
        """`recovered`: see `Trouble`."""
        self.state: State = Empty()
        self.trouble = Trouble(kind, clock, recovered)
        self.renewals: Latest[int] = Latest(0)
        """Counts calls of `renew`: whoever runs `events` ends it at each, and runs it again."""
        self._proven: Latest[int] = Latest(0)
        """The last renewal since which the server has shown us that we hold what it has."""
        self._renewal = 0
        """The last renewal before `events` began."""
        self._wants_list = False
        self._kind = kind
        self._api = api
        self._clock = clock

    async def events(self) -> AsyncGenerator[Event[T], None]:
        """Yield events for ever. Raises no `ApiError` and no `OSError`. Close it: it may hold a connection.

        Closed, it may be called again, and goes on where it was.
        """
        self._renewal = self.renewals.value
        if self._wants_list:
            self._wants_list, self.state = False, Empty()
        try:
            while True:
                before = self.state
                try:
                    state, events = await self._step(before)
                except (ApiError, OSError) as error:
                    if conceded := self.trouble.take(error):
                        yield Init()
                        yield InitDone()
                    # What was conceded ended the list that was under way: the next one begins with an `Init`.
                    await self._enter(Empty() if conceded else self._after(error))
                    if self.trouble.is_empty_still:
                        self._proven.publish(self._renewal)
                    await self.trouble.pause()
                else:
                    for event in events:
                        yield event
                    await self._enter(state)
                    if _shows(before, state):
                        self._proven.publish(self._renewal)
        finally:
            await self._enter(self._resumable())

    async def renew(self, *, relist: bool) -> None:
        """Begin anew, with a list if `relist`, else where we are; return once the server has shown what it has.

        A list shows it whole. A watch does with its first word, as nearly as a watch can: what was missed comes right
        behind it. A kind that counts as empty is shown by the answer that it still does.
        """
        self._wants_list |= relist
        self.renewals.publish(self.renewals.value + 1)
        await reached(self._proven, self.renewals.value)

    async def _step(self, state: State) -> tuple[State, Sequence[Event[T]]]:
        match state:
            case Empty(whole):
                version = await self._api.served_version(self._kind)
                return Paging(version, whole, ""), [Init()]
            case Paging(version, whole, token):
                limit = 0 if whole else self._kind.page
                page = await self._api.list_page(self._kind, version, limit=limit, continue_token=token)
                self.trouble.ends()
                events = [listed(self._kind, version, item) for item in page.items]
                if page.continue_token:
                    return Paging(version, whole, page.continue_token), events
                self.trouble.has_been_listed()
                return Listed(version, page.resource_version), [*events, InitDone()]
            case Listed(version, resource_version, tries):
                seconds = WATCH_SECONDS * (1 + self._clock.jitter())
                lines = self._api.watch(self._kind, version, resource_version=resource_version, timeout=seconds)
                return Watching(version, resource_version, lines, tries), []
            case Watching(version, resource_version, lines, _, since):
                line = await anext(lines, None)
                now = self._clock.monotonic()
                if line is None and now - since < AT_ONCE:
                    raise ConnectionError("the server ended the watch as soon as it began")
                if line is None:
                    return Listed(version, resource_version), []
                self.trouble.ends()
                if not line:
                    return msgspec.structs.replace(state, since=now), []
                said = heard(self._kind, version, line)
                return _after_word(state, said.resource_version), [said.event] if said.event else []
            case _:
                assert_never(state)

    def _after(self, error: ApiError | OSError) -> State:
        """Name the state from which to go on after a failure."""
        match error, self.state:
            case NotServed(), _:
                return Empty()
            case _, Paging(whole=True):
                return Empty()  # one piece may be too large to come in time, or to be held: it is no habit
            case ApiError(code=400 | 410), Paging():
                return Empty(whole=True)  # a list that outlives its continue tokens has to come in one piece
            case Gone(), _:
                return Empty()
            case _, (Empty() | Paging()) as state:
                return state
            case _, (Listed(version, resource_version, tries) | Watching(version, resource_version, _, tries)):
                tries += isinstance(error, ApiError) and error.code not in PATIENT_CODES
                return Listed(version, resource_version, tries) if tries < TRIES else Empty()

    def _resumable(self) -> State:
        """Name the state from which to go on once no connection is held."""
        match self.state:
            case Watching(version, resource_version, _, tries):
                return Listed(version, resource_version, tries)
            case state:
                return state

    async def _enter(self, state: State) -> None:
        # At once: what led to it was handed out, whatever becomes of the old watch.
        left, self.state = self.state, state
        if isinstance(left, Watching) and not isinstance(state, Watching):
            await left.lines.aclose()
