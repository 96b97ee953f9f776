"""A judged listener → what its problems cost, it and others.

One that `serves` may have problems, and one that does not may still hold its place: its hostname, its Gateway's
address, its ListenerSet's acceptance. Here is who holds which; the worst first.
"""

from gateway_api.graph import problems
from gateway_api.graph.types import ListenerNode


def is_unaccepted(listener: ListenerNode) -> bool:
    """Whether a listener is refused for what it says itself: it is in nobody's way.

    One that has nobody to trust is not: authorities come and go like certificates, and what is its own stays so.
    """
    return any(
        problem.condition == problems.ACCEPTED and problem.reason != problems.NO_VALID_CA_CERTIFICATE
        for problem in listener.problems
    )


def is_refused(listener: ListenerNode) -> bool:
    """Whether a listener is no reason to accept its Gateway: refused for what it says itself, or in conflict.

    One that merely has no usable certificate or authority now keeps the Gateway, and so its address.
    """
    return is_unaccepted(listener) or any(problem.condition == problems.CONFLICTED for problem in listener.problems)


def is_refused_in_set(listener: ListenerNode) -> bool:
    """Whether a listener is no reason to accept its ListenerSet.

    One that waits for its certificate is a reason: names in DNS, without which no authority would give one, are often
    made for accepted ListenerSets alone. One that is not permitted to have it is none.

    Spec: Gateway API v1.6 ListenerSetConditionAccepted; the conformance test ListenerSetReferenceGrant
    """
    return is_refused(listener) or (
        not listener.certificates and any(problem.reason == problems.REF_NOT_PERMITTED for problem in listener.problems)
    )
