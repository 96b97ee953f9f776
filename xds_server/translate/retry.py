"""ir.Retry → RetryPolicy.

Spec: Envoy v1.40 config.route.v3.RetryPolicy
"""

from google.protobuf.any_pb2 import Any as AnyMessage

from gateway_api.ir import xds as ir
from protos import route as pb
from protos.encode import pack
from protos.values import seconds, uint32

RETRY_ON = "connect-failure,refused-stream,reset-before-request"
"""Failures after which the backend has seen nothing of the request: trying another address is safe for any method, and
is what makes an address that just went away cost no request."""

RETRY_ON_ANY_FAILURE = "connect-failure,refused-stream,reset"
"""Failures of any try, timeouts included: what a user asks for who asks for retries."""

RETRIES = 2

HOST_ATTEMPTS = 10
"""How often a retry may draw another address than those that failed: with 3, one request in 500 to a Service whose one
pod of two just went away drew the dead one each time."""

SHORTEST_BACKOFF = 0.001
"""Seconds; Envoy knows no shorter one."""


def retries(of: ir.Retry | None) -> int:
    """How often a request is tried again at most; 0 is never, also where its host's other routes are."""
    return RETRIES if of is None or of.attempts is None else of.attempts


def retry_policy(try_timeout: float | None, of: ir.Retry | None) -> pb.RetryPolicy:
    """What a virtual host retries, and again for a route that says more: its own policy replaces the host's.

    Spec: Gateway API v1.6 HTTPRouteRetry, "SHOULD retry on connection errors (disconnect, reset, timeout, TCP failure)"
    """
    previous = pb.RetryPolicy.RetryHostPredicate(
        name="envoy.retry_host_predicates.previous_hosts", typed_config=PREVIOUS_HOSTS
    )
    policy = pb.RetryPolicy(
        retry_on=RETRY_ON_ANY_FAILURE if of else RETRY_ON,
        num_retries=uint32(retries(of)),
        retry_host_predicate=[previous],
        host_selection_retry_max_attempts=HOST_ATTEMPTS,
        per_try_timeout=seconds(try_timeout) if try_timeout else None,
    )
    if of and of.codes:
        policy.retry_on += ",retriable-status-codes"
        policy.retriable_status_codes.extend(of.codes)
    if of and of.backoff is not None:
        # Envoy waits a random share of the interval: only twice as much is on average what the user asked for.
        policy.retry_back_off.base_interval.CopyFrom(seconds(max(2 * of.backoff, SHORTEST_BACKOFF)))
    return policy


PREVIOUS_HOSTS: AnyMessage = pack(pb.PreviousHostsPredicate())
