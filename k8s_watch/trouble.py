"""Why one kind cannot be read → how long to wait, whether it counts as empty, and what to tell of it.

A server that is down or refuses leaves what we know in force. The CRD of an optional kind that is gone for good takes
its objects along. A permission that we never had makes a kind empty, unless serving without the kind would be wrong.
"""

from enum import StrEnum

import msgspec
import structlog

from flow.backoff import Backoff
from flow.clock import Clock
from flow.latest import Latest
from flow.race import newer_within
from k8s_watch.api import ApiError, Gone, NotServed, asked_to_wait
from k8s_watch.keys import AnyKind

NOT_SERVED_PAUSE = 5.0
"""Seconds between looks for a CRD, at most."""
NOT_SERVED_CONFIRMATION = 1.0
"""Seconds that a CRD must be missing at start: an API server that is starting up answers 404 for a moment."""
NOT_SERVED_GRACE = 30.0
"""Seconds that objects are held while their CRD is missing: an upgrade may delete and create it again. So long an
essential kind must be missing at start, too."""
FORBIDDEN_GRACE = 30.0
"""Seconds that we wait for leave to read a kind, before it is an error, and, at start, before the kind counts as empty.
"""
RECOVERY_FLOOR = 1.0
"""Seconds that a pause lasts at least, also when the server turns out to be back."""
IN_VAIN = 5
"""How often it may turn out so and not be so for us. From then on a pause lasts twice as long, at least, each time:
where lists work and watches do not, somebody finds the server back all the time.
"""
REMEDY = "apply docker/install.yaml again"
"""What gives us every permission that we need, and the new ones of a new version."""

log = structlog.get_logger("k8s_watch.trouble")


class Sort(StrEnum):
    """The sorts of trouble that we treat differently."""

    UNAVAILABLE = "unavailable"
    """The server cannot be reached, cannot do its work, or does not know who we are: whatever the kind."""
    FORBIDDEN = "forbidden"
    NOT_SERVED = "not served"
    EXPIRED = "expired"
    """We know too old a state. Nobody's fault; a new list follows."""
    REFUSED = "refused"


SHARED = frozenset({Sort.UNAVAILABLE, Sort.FORBIDDEN})
"""Trouble that other kinds are likely to have, too: where it ends for one, the others need not sit out their pauses."""


class Cause(msgspec.Struct, frozen=True):
    """Why a kind cannot be read now."""

    error: ApiError | OSError
    since: float
    """By the clock's monotonic time, in seconds; kept while the failures are of one sort."""

    @property
    def sort(self) -> Sort:
        match self.error:
            case NotServed():
                return Sort.NOT_SERVED
            case Gone():
                return Sort.EXPIRED
            case ApiError(is_forbidden=True):
                return Sort.FORBIDDEN
            case ApiError(code=code) if code < 500 and code != 401:
                return Sort.REFUSED
            case _:
                return Sort.UNAVAILABLE

    @property
    def text(self) -> str:
        """The server's or the system's words."""
        return str(self.error)


class Trouble:
    """What stands in the way of reading one kind.

    `recovered` is shared by the kinds of one server: who finds it back tells the others, which then need not sit out
    their pauses.
    """

    def __init__(self, kind: AnyKind, clock: Clock, recovered: Latest[int]) -> None:
        self.cause: Cause | None = None
        """None while reading works, as far as is known."""
        self.failures = 0
        """Counts failed calls; that a CRD is not there, which we look for again and again, is none."""
        self.has_conceded = False
        """Whether the kind counts as empty, for want of a CRD or a permission."""
        self._kind = kind
        self._clock = clock
        self._recovered = recovered
        self._backoff = Backoff(clock)
        self._called_back = 0
        """How often a pause was cut short, and in vain."""
        self._expiry = Backoff(clock)
        """Before lists that a 410 makes necessary: after an outage, that need not be as long as its last pause was."""
        self._has_listed = False
        self._was_forbidden = False
        """Whether it was said that we may not read the kind, since we could last."""
        self._was_missing = False
        """Whether it was said that there is no CRD."""

    @property
    def is_empty_still(self) -> bool:
        """Whether the kind counts as empty, and the last failure says that what we conceded is so."""
        return self.has_conceded and self.cause is not None and self.cause.sort in (Sort.NOT_SERVED, Sort.FORBIDDEN)

    def ends(self) -> None:
        """Note that the server answered as it should."""
        self._backoff.healthy()
        self._expiry.healthy()
        if self.cause is None:
            return
        log.info("kind is read again", kind=self._kind.name)
        if self.cause.sort in (*SHARED, Sort.EXPIRED):
            self._recovered.publish(self._recovered.value + 1)
        self.cause = None
        self.has_conceded = self._was_forbidden = False

    def has_been_listed(self) -> None:
        """Note that a whole list came: from now on there is something to lose."""
        self._has_listed = True

    def take(self, error: ApiError | OSError) -> bool:
        """Note a failure; return whether with it the kind begins to count as empty."""
        cause = self.cause = self._told(error)
        left = self._patience(cause)
        if left is None or left > 0 or self.has_conceded:
            return False
        self.has_conceded = True
        if cause.sort is Sort.NOT_SERVED and not self._was_missing:
            self._was_missing = True  # said once, not after each outage again
            log.info("kind is not served, it counts as empty", kind=self._kind.name)
        return True

    async def pause(self) -> None:
        """Wait until it is time to try again after what was taken last; not at all when that has ended. Cancel-safe."""
        if (cause := self.cause) is None:
            return
        seconds = (self._expiry if cause.sort is Sort.EXPIRED else self._backoff).pause()
        seconds = max(seconds, asked_to_wait(cause.error))
        if cause.sort is Sort.NOT_SERVED:
            seconds = min(seconds, NOT_SERVED_PAUSE)
        if (left := self._patience(cause) or 0.0) > 0:
            seconds = min(seconds, left + 0.01)  # past its end for certain, however the sum of floats is rounded
        if cause.sort not in SHARED:
            await self._clock.sleep(seconds)
            return
        if self._backoff.failures == 1:
            self._called_back = 0
        floor = min(seconds, RECOVERY_FLOOR * 2.0 ** max(0, self._called_back - IN_VAIN))
        before = self._recovered.version
        await self._clock.sleep(floor)
        if seconds > floor and await newer_within(self._recovered, before, seconds - floor, self._clock):
            self._called_back += 1

    def _told(self, error: ApiError | OSError) -> Cause:
        """Count and tell of it; return it as what it is: news, or one more of a sort."""
        last, now = self.cause, Cause(error, self._clock.monotonic())
        is_no_failure = now.sort is Sort.NOT_SERVED and self._counts_as_empty_without()
        self.failures += not is_no_failure
        if last and last.sort is now.sort:
            now = Cause(error, last.since)
            if now.sort is Sort.FORBIDDEN and self._clock.monotonic() - now.since >= FORBIDDEN_GRACE:
                self._say_forbidden(now)
        elif now.sort is not Sort.EXPIRED and not is_no_failure:
            log.warning("kind cannot be read", kind=self._kind.name, sort=now.sort, error=now.text)
        return now

    def _say_forbidden(self, cause: Cause) -> None:
        """Say once what it means. A server that starts up forbids for a moment what it allows then."""
        if self._was_forbidden:
            return
        self._was_forbidden = True
        if self._has_listed:
            effect = "what was read last stays in force"
        else:
            effect = "not ready without it" if self._kind.essential else "it counts as empty"
        said = {"kind": self._kind.name, "effect": effect, "remedy": REMEDY, "error": cause.text}
        log.error("no permission to read kind", **said)

    def _counts_as_empty_without(self) -> bool:
        """Whether nothing is wrong when there is no CRD: few clusters have them all."""
        return self._kind.optional and not self._has_listed

    def _patience(self, cause: Cause) -> float | None:
        """Return for how many more seconds to wait before the kind counts as empty; None: for ever."""
        lasted = self._clock.monotonic() - cause.since
        match cause.sort:
            case Sort.NOT_SERVED if self._kind.optional:
                is_grave = self._has_listed or self._kind.essential
                return (NOT_SERVED_GRACE if is_grave else NOT_SERVED_CONFIRMATION) - lasted
            case Sort.FORBIDDEN if not self._has_listed and not self._kind.essential:
                return FORBIDDEN_GRACE - lasted
            case _:
                return None
