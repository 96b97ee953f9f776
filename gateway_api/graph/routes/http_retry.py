"""HTTPRouteRetry → what is wrong with it."""

from collections.abc import Iterator

from gateway_api.graph import durations, problems
from gateway_api.graph.problems import Problem
from k8s_watch.objects.routes import HTTPRouteRetry

_CODES = range(400, 600)
_MAX_ATTEMPTS = 2**31 - 1


def retry_problems(retry: HTTPRouteRetry, where: str) -> Iterator[Problem]:
    """Yield what is wrong with a rule's retry; `where` names it, for example `rules[0].retry`. No attempts, for
    none to be made, is what the CRDs of v1.6 keep out and those of other releases let in.

    Spec: Gateway API v1.6 HTTPRouteRetry
    """
    for code in retry.codes:
        if code not in _CODES:
            yield problems.unsupported_value(f"{where}.codes has {code}; use HTTP statuses from 400 to 599.")
    if retry.attempts is not None and not 0 <= retry.attempts <= _MAX_ATTEMPTS:
        yield problems.unsupported_value(f"{where}.attempts is {retry.attempts}; use 0 to {_MAX_ATTEMPTS}.")
    if retry.backoff is not None and durations.seconds(retry.backoff) is None:
        message = f"{where}.backoff {retry.backoff!r} is not a duration such as 500ms, 10s or 1h30m."
        yield problems.unsupported_value(message)
