"""What stands in the way of Gateways' infrastructure → when to try again, and what to tell of it."""

from collections.abc import Collection, Mapping

import structlog

from flow.backoff import pause_after
from flow.clock import Clock
from flow.latest import Latest
from k8s_apply.certificates import BadCertificateError
from k8s_watch.api import ApiError, asked_to_wait
from k8s_watch.keys import ObjectKey

log = structlog.get_logger("k8s_apply.infra")

EVERYTHING = ObjectKey("*", "*")
"""Stands for the look at all objects; no Gateway is called so."""
REMEDY = "apply docker/install.yaml again, and docker/gateway-namespace-mode.yaml where it is used"

_TERMINATING_FLOOR, _TERMINATING_CEILING = 1.0, 30.0
"""Seconds until a look at an object that must be gone before it can be made again: at first, and at most. Most are seen
to go.
"""
_FORBIDDEN_FAILURES = 6
"""Failures in a row, in three to six seconds, after which that something is forbidden is believed: a server that starts
up forbids for a moment what it allows then."""
_WHO_MAY_NOT = 'User "'
"""In the words of an API server about permissions: `User "…" cannot patch resource …`. Spec: Kubernetes, RBAC"""
_PASSING = frozenset({401, 408, 409, 429})
"""Refusals that pass by themselves: another token, more time, nobody who was faster, less to do."""


class ForeignObjectError(Exception):
    """An object of the name that we need is not ours; the text says which, and the remedy."""


class TerminatingError(Exception):
    """An object of ours is being deleted, and can only be made again when it is gone; the text says which."""


class Trouble:
    """Of each wished Gateway, and of EVERYTHING. Until the first look at everything no Gateway is attended to: what is
    in the way of that is in the way of all.
    """

    def __init__(self, clock: Clock) -> None:
        self.problems: Latest[Mapping[ObjectKey, str]] = Latest({})
        """Gateways whose infrastructure cannot be as wished until somebody acts, and why. An outage is not among it."""
        self.failures = 0
        """Counts failed tries, the looks at everything among them."""
        self.has_looked = False
        """Whether a look at everything has succeeded since the beginning."""
        self._clock = clock
        self._wished: Collection[ObjectKey] = ()
        self._failed: dict[ObjectKey, int] = {}
        """How often in a row."""
        self._logged: dict[ObjectKey, str] = {}
        """What the log says of those that fail."""
        self._told: dict[ObjectKey, str] = {}

    @property
    def failing(self) -> int:
        """How many Gateways were not as wished when they were attended to last, or cannot be attended to since we may
        not look at what is there.
        """
        if EVERYTHING in self._failed and not self.has_looked:
            return len(self._wished)
        return len(self._failed.keys() - {EVERYTHING})

    def begin(self) -> None:
        """Nothing was tried yet, nor looked at."""
        self._failed.clear()
        self._logged.clear()
        self.has_looked = False

    def want(self, gateways: Collection[ObjectKey]) -> None:
        """Make these the Gateways that are wished."""
        self._wished = gateways
        if EVERYTHING in self._told:
            self._publish()

    def ends(self, key: ObjectKey) -> None:
        """It is as wished, or was looked at."""
        self.has_looked = self.has_looked or key == EVERYTHING
        self._failed.pop(key, None)
        if self._logged.pop(key, None):
            if key == EVERYTHING:
                log.info("the infrastructure can be looked at again")
            else:
                log.info("the infrastructure is in the desired state again", gateway=str(key))
        self._tell(key, None)

    def take(self, key: ObjectKey, error: Exception) -> float:
        """Note a failure; return after how many seconds to try again."""
        self.failures += 1
        failures = self._failed[key] = self._failed.get(key, 0) + 1
        if (text := str(error)) != self._logged.get(key):
            self._logged[key] = text
            log.warning(
                "cannot bring the infrastructure to the desired state, will retry", gateway=str(key), error=text
            )
        if is_refusal(error) and _is_believed(error, failures):
            self._tell(key, text)  # until it succeeds: what fails for another reason now is no better
        if isinstance(error, TerminatingError):
            return pause_after(failures, self._clock, first=_TERMINATING_FLOOR, most=_TERMINATING_CEILING)
        return max(pause_after(failures, self._clock, most=60.0), asked_to_wait(error))

    def _tell(self, key: ObjectKey, problem: str | None) -> None:
        self._told = {known: text for known, text in self._told.items() if known in self._wished or known == EVERYTHING}
        self._told.pop(key, None)
        if problem and (key in self._wished or key == EVERYTHING):
            self._told[key] = problem
        self._publish()

    def _publish(self) -> None:
        own = {key: text for key, text in self._told.items() if key in self._wished}
        if not self.has_looked and (blind := self._told.get(EVERYTHING)):
            own = dict.fromkeys(self._wished, f"{blind}; {REMEDY}") | own
        self.problems.publish(own)


def is_refusal(error: Exception) -> bool:
    """Whether the same call is likely to fail until somebody acts."""
    if isinstance(error, ApiError):
        return 400 <= error.code < 500 and error.code not in _PASSING
    return isinstance(error, BadCertificateError | ForeignObjectError | TerminatingError)


def _is_believed(error: Exception, failures: int) -> bool:
    """Whether a refusal, after so many failures in a row, is one that stays. What a policy or a quota forbids is."""
    passes = isinstance(error, ApiError) and error.is_forbidden and _WHO_MAY_NOT in str(error)
    return not passes or failures >= _FORBIDDEN_FAILURES
