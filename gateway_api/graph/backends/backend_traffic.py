"""XBackendTrafficPolicy → how the requests to what it targets are sent, or why that cannot be done.

One that is wrong changes nothing: requests go as they would without it.

Spec: Gateway API v1.6 XBackendTrafficPolicy; GEP-3388; GEP-1619
"""

import math
from collections.abc import Iterator

from gateway_api.graph import durations, problems
from gateway_api.graph.routes.session import session_errors, session_remark
from gateway_api.graph.types import BackendTraffic, JudgedPolicy
from gateway_api.ir.xds import RetryBudget
from k8s_watch.objects.policies import RetryConstraint, XBackendTrafficPolicy

_BUDGET = "spec.retryConstraint.budget"
_RATE = "spec.retryConstraint.minRetryRate"
_SESSION = "spec.sessionPersistence"
_HOUR = 3600.0


def judge_backend_traffic_policy(policy: XBackendTrafficPolicy) -> JudgedPolicy[BackendTraffic]:
    """Judge a policy by itself, wherever it is attached.

    Spec: Gateway API v1.6 BackendTrafficPolicySpec
    """
    wrong = tuple(problems.invalid_policy(f"{message}.") for message in _errors(policy))
    if wrong:
        return JudgedPolicy(source=policy, effect=wrong[0], problems=wrong)
    constraint = policy.spec.retry_constraint
    budget = None if constraint is None else _retry_budget(constraint)
    session = policy.spec.session_persistence
    remarks = (_remark(budget) if budget else "", session_remark(session, _SESSION))
    effect = BackendTraffic(retry_budget=budget, session=session)
    return JudgedPolicy(source=policy, effect=effect, remark=" ".join(filter(None, remarks)))


def _errors(policy: XBackendTrafficPolicy) -> Iterator[str]:
    if constraint := policy.spec.retry_constraint:
        yield from _constraint_errors(constraint)
    if session := policy.spec.session_persistence:
        # Whether a rule has a second backend is the rule's affair, which the policy knows nothing of.
        yield from session_errors(session, _SESSION, alone=False)


def _constraint_errors(constraint: RetryConstraint) -> Iterator[str]:
    """Spec: Gateway API v1.6 BudgetDetails, RequestRate."""
    budget, rate = constraint.budget, constraint.min_retry_rate
    if not 0 <= budget.percent <= 100:
        yield f"{_BUDGET}.percent is {budget.percent}: use 0 to 100"
    if not 1 <= (durations.seconds(budget.interval) or 0) <= _HOUR:
        yield f"{_BUDGET}.interval {budget.interval!r} is not a duration of 1s to 1h"
    if not 1 <= rate.count <= 1_000_000:
        yield f"{_RATE}.count is {rate.count}: use 1 to 1000000"
    if not 0 < (durations.seconds(rate.interval) or 0) <= _HOUR:
        yield f"{_RATE}.interval {rate.interval!r} is not a duration above zero and of 1h at most"


def _retry_budget(constraint: RetryConstraint) -> RetryBudget:
    """A proxy counts the retries under way: as many as come in one second are, if each takes one.

    Spec: GEP-3388, "Envoy's min_retry_concurrency … not directly equivalent"
    """
    rate = constraint.min_retry_rate
    interval = durations.seconds(rate.interval) or 1.0
    return RetryBudget(percent=constraint.budget.percent, at_least=math.ceil(rate.count / interval))


def _remark(budget: RetryBudget) -> str:
    return (
        "Its retryConstraint counts what is under way at one moment: retries may be "
        f"{budget.percent} percent of the requests, or {budget.at_least} if that is more, and budget.interval has no "
        "effect; a request whose retry is refused gets the answer of its last try."
    )
