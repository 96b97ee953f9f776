"""Every condition that we may write: one constructor each.

What a user did wrong comes from the graph as a `Problem` (`graph/problems.py` is its catalogue) and becomes a
condition in `of_problems`. Here is the rest: what is right, and what the fleet or the infrastructure lacks.
"""

from collections.abc import Iterable, Sequence

from gateway_api.features import API_VERSION
from gateway_api.graph.problems import RESOLVED_REFS, Problem, of_condition
from gateway_api.graph.types import HTTPRuleNode
from gateway_api.ir.fleet import RefusedRoute
from gateway_api.status.types import Condition
from gateway_api.status.words import of_envoy

REFUSED = "RefusedByProxy"
"""The reason of a route that proxies refuse."""

NEGATIVE = frozenset({"Conflicted", "InsecureFrontendValidationMode", "OverlappingTLSConfig", "PartiallyInvalid"})
"""Condition types of which True is the warning. Of all others, True is as it should be."""


def of_problems(problems: Sequence[Problem], generation: int) -> Condition:
    """Return the condition that these problems, at least one and all of one type, amount to.

    The reason is the first one's; the message has them all.

    Spec: Gateway API v1.6, the reason of each in `graph/problems.py`
    """
    first = problems[0]
    status = "True" if first.condition in NEGATIVE else "False"
    message = " ".join(dict.fromkeys(problem.message for problem in problems))
    return _condition(first.condition, status, first.reason, message, generation)


def resolved_refs(found: Iterable[Problem], generation: int) -> Condition:
    """Say whether references are resolved: of a Gateway, a listener, a route or a policy that has these problems.

    Spec: Gateway API v1.6 GatewayConditionResolvedRefs, ListenerConditionResolvedRefs, RouteConditionResolvedRefs,
    BackendTLSPolicyConditionResolvedRefs
    """
    if wrong := of_condition(found, RESOLVED_REFS):
        return of_problems(wrong, generation)
    return _condition("ResolvedRefs", "True", "ResolvedRefs", "All references are resolved.", generation)


# --- GatewayClass -----------------------------------------------------------------------------------------------------


def class_accepted(generation: int) -> Condition:
    """Spec: Gateway API v1.6 GatewayClassReasonAccepted."""
    return _condition("Accepted", "True", "Accepted", "Gateways of this class are served.", generation)


def class_version_supported(version: str, generation: int) -> Condition:
    """Spec: Gateway API v1.6 GatewayClassReasonSupportedVersion."""
    message = f"The CRDs of the Gateway API are of {version}."
    return _condition("SupportedVersion", "True", "SupportedVersion", message, generation)


def class_version_unsupported(found: str, generation: int) -> Condition:
    """Spec: Gateway API v1.6 GatewayClassReasonUnsupportedVersion; "best effort" support."""
    message = (
        f"Supported are the CRDs of Gateway API {API_VERSION}; of others there are: {found}. Gateways of this class "
        f"are served all the same, but fields may be missing, or not heeded. Install the CRDs of {API_VERSION}."
    )
    return _condition("SupportedVersion", "False", "UnsupportedVersion", message, generation)


# --- Gateway ----------------------------------------------------------------------------------------------------------


def gateway_accepted(generation: int, remark: str = "") -> Condition:
    """Spec: Gateway API v1.6 GatewayReasonAccepted."""
    message = f"The Gateway is valid; its proxies are being kept up. {remark}".rstrip()
    return _condition("Accepted", "True", "Accepted", message, generation)


def gateway_accepted_in_part(message: str, generation: int) -> Condition:
    """Spec: Gateway API v1.6 GatewayReasonListenersNotValid, with status True."""
    return _condition("Accepted", "True", "ListenersNotValid", message, generation)


def gateway_listeners_not_resolved(message: str, generation: int) -> Condition:
    """Spec: Gateway API v1.6 GatewayReasonListenersNotResolved."""
    return _condition("ResolvedRefs", "False", "ListenersNotResolved", message, generation)


def gateway_programmed(message: str, generation: int) -> Condition:
    """Spec: Gateway API v1.6 GatewayReasonProgrammed."""
    return _condition("Programmed", "True", "Programmed", message, generation)


def gateway_invalid(message: str, generation: int) -> Condition:
    """Spec: Gateway API v1.6 GatewayReasonInvalid."""
    return _condition("Programmed", "False", "Invalid", message, generation)


def address_not_assigned(generation: int) -> Condition:
    """Spec: Gateway API v1.6 GatewayReasonAddressNotAssigned."""
    message = (
        "No address is assigned yet; in a cluster, see whether the Gateway's Service gets a load balancer address."
    )
    return _condition("Programmed", "False", "AddressNotAssigned", message, generation)


def address_not_usable(missing: Sequence[str], generation: int) -> Condition:
    """Spec: Gateway API v1.6 GatewayReasonAddressNotUsable."""
    message = (
        f"spec.addresses: not given: {', '.join(missing)}. "
        "A load balancer grants a Gateway one IP address at most; ask for another one, or for none."
    )
    return _condition("Programmed", "False", "AddressNotUsable", message, generation)


def no_resources(message: str, generation: int) -> Condition:
    """Spec: Gateway API v1.6 GatewayReasonNoResources."""
    return _condition("Programmed", "False", "NoResources", message, generation)


# --- ListenerSet ------------------------------------------------------------------------------------------------------


def listener_set_accepted(generation: int) -> Condition:
    """Spec: Gateway API v1.6 ListenerSetReasonAccepted."""
    return _condition("Accepted", "True", "Accepted", "The Gateway has taken its listeners.", generation)


def listener_set_listeners_not_valid(message: str, generation: int, *, accepted: bool) -> Condition:
    """Spec: Gateway API v1.6 ListenerSetReasonListenersNotValid."""
    return _condition("Accepted", "True" if accepted else "False", "ListenersNotValid", message, generation)


def listener_set_parent_not_accepted(message: str, generation: int) -> Condition:
    """Spec: Gateway API v1.6 ListenerSetReasonParentNotAccepted."""
    return _condition("Accepted", "False", "ParentNotAccepted", message, generation)


def listener_set_not_programmed(accepted: Condition) -> Condition:
    """A ListenerSet that is not accepted, or none of whose listeners is served, is not programmed for the same reason.

    Spec: GEP-1713 "Conformance Details"
    """
    return _condition("Programmed", "False", accepted.reason, accepted.message, accepted.observed_generation)


def listener_set_parent_not_programmed(message: str, generation: int) -> Condition:
    """Spec: Gateway API v1.6 ListenerSetConditionProgrammed, "ParentNotProgrammed"."""
    return _condition("Programmed", "False", "ParentNotProgrammed", message, generation)


def listener_set_pending(type_: str) -> Condition:
    """Spec: Gateway API v1.6 ListenerSetReasonPending; the default of ListenerSetStatus.conditions."""
    return _condition(type_, "Unknown", "Pending", "Waiting for controller", 0)


def listener_set_programmed(generation: int) -> Condition:
    """Spec: Gateway API v1.6 ListenerSetReasonProgrammed."""
    return _condition(
        "Programmed", "True", "Programmed", "Its configuration is sent to the Gateway's proxies.", generation
    )


# --- Listener ---------------------------------------------------------------------------------------------------------


def listener_accepted(generation: int) -> Condition:
    """Spec: Gateway API v1.6 ListenerReasonAccepted."""
    return _condition("Accepted", "True", "Accepted", "The listener is valid.", generation)


def listener_conflicted(conflict: Problem, generation: int) -> Condition:
    """A listener that is conflicted is not accepted either, for the same reason.

    Spec: Gateway API v1.6 GatewaySpec.listeners, "ALL indistinct Listeners must not be accepted for processing"
    """
    return _condition("Accepted", "False", conflict.reason, conflict.message, generation)


def listener_not_programmed(conflict: Problem, generation: int) -> Condition:
    """A listener that is conflicted is not programmed either, for the same reason.

    Spec: GEP-1713 "Conformance Details"
    """
    return _condition("Programmed", "False", conflict.reason, conflict.message, generation)


def listener_not_conflicted(generation: int) -> Condition:
    """Spec: Gateway API v1.6 ListenerReasonNoConflicts."""
    return _condition("Conflicted", "False", "NoConflicts", "It conflicts with no other listener.", generation)


def listener_programmed(generation: int) -> Condition:
    """Spec: Gateway API v1.6 ListenerReasonProgrammed."""
    return _condition("Programmed", "True", "Programmed", "Its configuration is sent to the proxies.", generation)


def listener_invalid(message: str, generation: int) -> Condition:
    """Spec: Gateway API v1.6 ListenerReasonInvalid."""
    return _condition("Programmed", "False", "Invalid", message, generation)


# --- Routes -----------------------------------------------------------------------------------------------------------


def route_accepted(generation: int, remark: str = "") -> Condition:
    """Spec: Gateway API v1.6 RouteReasonAccepted."""
    return _condition("Accepted", "True", "Accepted", f"The route is accepted. {remark}".rstrip(), generation)


def route_refused(refused: Sequence[RefusedRoute], generation: int) -> Condition:
    """A reason of our own: the API has none for what only a proxy can find.

    Spec: Gateway API v1.6 RouteConditionAccepted
    """
    return _condition("Accepted", "False", REFUSED, _refusal(refused), generation)


def route_partially_invalid(
    rules: Sequence[HTTPRuleNode], refused: Sequence[RefusedRoute], generation: int
) -> Condition:
    """Tell of the rules that are dropped, and of the hostnames whose rules proxies refuse: at least one of both.

    Spec: Gateway API v1.6 RouteConditionPartiallyInvalid, "Drop Rule(s)"
    """
    problems = [problem for rule in rules for problem in rule.problems]
    parts = []
    if rules:
        dropped = ", ".join(str(rule.index) for rule in rules)
        detail = " ".join(dict.fromkeys(problem.message for problem in problems))
        parts.append(f"Dropped Rule(s) [{dropped}], which answer {rules[0].failure}: {detail}")
    if refused:
        hostnames = ", ".join(dict.fromkeys(each.hostname for each in refused))
        parts.append(f"Dropped Rule(s) of {hostnames}: {_refusal(refused)}")
    # Whoever is refused is known by it after a restart.
    reason = REFUSED if refused else problems[0].reason
    return _condition("PartiallyInvalid", "True", reason, " ".join(parts), generation)


def _refusal(refused: Sequence[RefusedRoute]) -> str:
    failing = ", ".join(dict.fromkeys(each.hostname for each in refused if not each.left_out))
    left_out = ", ".join(dict.fromkeys(each.hostname for each in refused if each.left_out))
    words = " ".join(dict.fromkeys(of_envoy(each.message) for each in refused))
    message = f"Envoy refuses it: {words}"
    if failing:
        message += f" Requests for {failing} that match this route are answered with 500."
    if left_out:
        message += f" The route is not served for {left_out}."
    return message


# --- Policies ---------------------------------------------------------------------------------------------------------


def policy_accepted(generation: int, remark: str = "") -> Condition:
    """Say that a policy is in effect; `remark` says how.

    Spec: Gateway API v1.6 PolicyReasonAccepted
    """
    return _condition("Accepted", "True", "Accepted", f"The policy is in effect. {remark}".rstrip(), generation)


def policy_idle(generation: int) -> Condition:
    """Say that nothing is wrong with a policy, and that all the same it changes nothing.

    Spec: Gateway API v1.6 PolicyReasonAccepted
    """
    message = (
        "The policy is valid, but has no effect: what this Gateway sends to its targets goes to other ports than those "
        "that it is about (see sectionName), or is nothing that it can be about. A BackendTLSPolicy is for connections "
        "that clients have not encrypted, and not for datagrams; an XBackendTrafficPolicy for requests."
    )
    return _condition("Accepted", "True", "Accepted", message, generation)


def backend_accepted(generation: int) -> Condition:
    """Spec: Gateway API v1.6 BackendAncestorStatus.conditions, "Accepted"."""
    return _condition("Accepted", "True", "Accepted", "Requests can be sent to the backend.", generation)


def _condition(type_: str, status: str, reason: str, message: str, generation: int) -> Condition:
    return Condition(type=type_, status=status, reason=reason, message=message, observed_generation=generation)
