"""Every user's error that the graph can find: one constructor for each condition type and reason.

The counterpart for what is right, and for what the fleet and the infrastructure report, is `status/catalogue.py`.
"""

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

type ConditionType = Literal[
    "Accepted", "Conflicted", "InsecureFrontendValidationMode", "OverlappingTLSConfig", "Programmed", "ResolvedRefs"
]

ACCEPTED: Final = "Accepted"
CONFLICTED: Final = "Conflicted"
INSECURE_FRONTEND_VALIDATION_MODE: Final = "InsecureFrontendValidationMode"
OVERLAPPING_TLS_CONFIG: Final = "OverlappingTLSConfig"
PROGRAMMED: Final = "Programmed"
RESOLVED_REFS: Final = "ResolvedRefs"

NO_VALID_CA_CERTIFICATE = "NoValidCACertificate"
REF_NOT_PERMITTED = "RefNotPermitted"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A user's error, as data; never an exception. Becomes a condition with the status that is bad for its type:
    False, or True for those of `status.catalogue.NEGATIVE`."""

    condition: ConditionType
    reason: str
    message: str
    """Names the field and the remedy, and the object where that is not the one whose status carries it."""


def of_condition(found: Iterable[Problem], condition: ConditionType) -> list[Problem]:
    """Return the problems that turn one type of condition bad."""
    return [problem for problem in found if problem.condition == condition]


# --- GatewayClass and Gateway -----------------------------------------------------------------------------------------


def invalid_parameters(message: str) -> Problem:
    """Say that a parametersRef cannot be honoured, of a GatewayClass or a Gateway.

    Spec: Gateway API v1.6 GatewayClassReasonInvalidParameters, GatewayReasonInvalidParameters
    """
    return Problem(condition=ACCEPTED, reason="InvalidParameters", message=message)


def unsupported_address(message: str) -> Problem:
    """Say that a Gateway asks for an address of a type that we cannot give.

    Spec: Gateway API v1.6 GatewayReasonUnsupportedAddress
    """
    return Problem(condition=ACCEPTED, reason="UnsupportedAddress", message=message)


def listeners_not_valid(message: str) -> Problem:
    """Say that a Gateway has no listener that can be served.

    Spec: Gateway API v1.6 GatewayReasonListenersNotValid
    """
    return Problem(condition=ACCEPTED, reason="ListenersNotValid", message=message)


def insecure_frontend_validation(message: str) -> Problem:
    """Say that a Gateway lets in clients without a valid certificate, as its user wants. A warning: it is served.

    Spec: Gateway API v1.6 GatewayConditionInsecureFrontendValidationMode, GatewayReasonConfigurationChanged
    """
    return Problem(condition=INSECURE_FRONTEND_VALIDATION_MODE, reason="ConfigurationChanged", message=message)


def invalid_client_certificate_ref(message: str) -> Problem:
    """Say that what a Gateway should show its backends leads to nothing that could be shown.

    Spec: Gateway API v1.6 GatewayReasonInvalidClientCertificateRef
    """
    return Problem(condition=RESOLVED_REFS, reason="InvalidClientCertificateRef", message=message)


# --- ListenerSet ------------------------------------------------------------------------------------------------------


def not_allowed(message: str) -> Problem:
    """Say that a Gateway does not allow a ListenerSet.

    Spec: Gateway API v1.6 ListenerSetReasonNotAllowed
    """
    return Problem(condition=ACCEPTED, reason="NotAllowed", message=message)


# --- Listener ---------------------------------------------------------------------------------------------------------


def unsupported_protocol(message: str) -> Problem:
    """Say that a listener's protocol is not served.

    Spec: Gateway API v1.6 ListenerReasonUnsupportedProtocol
    """
    return Problem(condition=ACCEPTED, reason="UnsupportedProtocol", message=message)


def port_unavailable(message: str) -> Problem:
    """Say that a listener's port cannot be bound.

    Spec: Gateway API v1.6 ListenerReasonPortUnavailable
    """
    return Problem(condition=ACCEPTED, reason="PortUnavailable", message=message)


def protocol_conflict(message: str) -> Problem:
    """Say that listeners on one port speak protocols that cannot share it.

    Spec: Gateway API v1.6 ListenerReasonProtocolConflict
    """
    return Problem(condition=CONFLICTED, reason="ProtocolConflict", message=message)


def hostname_conflict(message: str) -> Problem:
    """Say that listeners on one port and protocol have the same hostname.

    Spec: Gateway API v1.6 ListenerReasonHostnameConflict
    """
    return Problem(condition=CONFLICTED, reason="HostnameConflict", message=message)


def invalid_route_kinds(message: str) -> Problem:
    """Say that a listener allows a kind of route that its protocol cannot carry or that nobody knows.

    Spec: Gateway API v1.6 ListenerReasonInvalidRouteKinds
    """
    return Problem(condition=RESOLVED_REFS, reason="InvalidRouteKinds", message=message)


def invalid_certificate_ref(message: str) -> Problem:
    """Say that a listener's certificateRef leads to nothing that can be served.

    Spec: Gateway API v1.6 ListenerReasonInvalidCertificateRef
    """
    return Problem(condition=RESOLVED_REFS, reason="InvalidCertificateRef", message=message)


def listener_invalid(message: str) -> Problem:
    """Say that a listener is accepted but has nothing to serve with.

    Spec: Gateway API v1.6 ListenerReasonInvalid
    """
    return Problem(condition=PROGRAMMED, reason="Invalid", message=message)


def overlapping_certificates(message: str) -> Problem:
    """Say that listeners of one port have certificates for the same name. A warning: both are served.

    Spec: Gateway API v1.6 ListenerReasonOverlappingCertificates
    """
    return Problem(condition=OVERLAPPING_TLS_CONFIG, reason="OverlappingCertificates", message=message)


def overlapping_hostnames(message: str) -> Problem:
    """Say that listeners with TLS on one port have hostnames that overlap. A warning: both are served.

    Spec: Gateway API v1.6 ListenerReasonOverlappingHostnames
    """
    return Problem(condition=OVERLAPPING_TLS_CONFIG, reason="OverlappingHostnames", message=message)


# --- Routes -----------------------------------------------------------------------------------------------------------


def no_matching_parent(message: str) -> Problem:
    """Say that a parentRef's sectionName or port selects no listener.

    Spec: Gateway API v1.6 RouteReasonNoMatchingParent
    """
    return Problem(condition=ACCEPTED, reason="NoMatchingParent", message=message)


def not_allowed_by_listeners(message: str) -> Problem:
    """Say that no listener allows routes of this kind or namespace.

    Spec: Gateway API v1.6 RouteReasonNotAllowedByListeners
    """
    return Problem(condition=ACCEPTED, reason="NotAllowedByListeners", message=message)


def no_matching_listener_hostname(message: str) -> Problem:
    """Say that no listener shares a hostname with the route.

    Spec: Gateway API v1.6 RouteReasonNoMatchingListenerHostname
    """
    return Problem(condition=ACCEPTED, reason="NoMatchingListenerHostname", message=message)


def unsupported_value(message: str) -> Problem:
    """Say that a field of a route or listener has a value that we cannot honour.

    Spec: Gateway API v1.6 RouteReasonUnsupportedValue, ListenerReasonUnsupportedValue
    """
    return Problem(condition=ACCEPTED, reason="UnsupportedValue", message=message)


def incompatible_filters(message: str) -> Problem:
    """Say that filters of one rule exclude each other.

    Spec: Gateway API v1.6 RouteReasonIncompatibleFilters
    """
    return Problem(condition=ACCEPTED, reason="IncompatibleFilters", message=message)


# --- References -------------------------------------------------------------------------------------------------------


def ref_not_permitted(message: str) -> Problem:
    """Say that a reference leaves its namespace and no ReferenceGrant allows it.

    Spec: Gateway API v1.6 RouteReasonRefNotPermitted, ListenerReasonRefNotPermitted
    """
    return Problem(condition=RESOLVED_REFS, reason=REF_NOT_PERMITTED, message=message)


def invalid_ca_certificate_ref(message: str) -> Problem:
    """Say that a caCertificateRef leads to nothing that could be trusted.

    Spec: Gateway API v1.6 ListenerReasonInvalidCACertificateRef, BackendTLSPolicyReasonInvalidCACertificateRef
    """
    return Problem(condition=RESOLVED_REFS, reason="InvalidCACertificateRef", message=message)


def invalid_ca_certificate_kind(message: str) -> Problem:
    """Say that a caCertificateRef of a Gateway names a kind that we do not look for authorities in.

    Spec: Gateway API v1.6 ListenerReasonInvalidCACertificateKind
    """
    return Problem(condition=RESOLVED_REFS, reason="InvalidCACertificateKind", message=message)


def no_valid_ca_certificate(message: str) -> Problem:
    """Say that none of several caCertificateRefs can be used.

    Spec: Gateway API v1.6 ListenerReasonNoValidCACertificate, BackendTLSPolicyReasonNoValidCACertificate
    """
    return Problem(condition=ACCEPTED, reason=NO_VALID_CA_CERTIFICATE, message=message)


def invalid_kind(message: str) -> Problem:
    """Say that a reference names a kind that we do not follow: to send traffic to it, or to trust what it holds.

    Spec: Gateway API v1.6 RouteReasonInvalidKind, BackendTLSPolicyReasonInvalidKind
    """
    return Problem(condition=RESOLVED_REFS, reason="InvalidKind", message=message)


def backend_not_found(message: str) -> Problem:
    """Say that a backendRef leads to nothing: no such object, or no such port of it.

    Spec: Gateway API v1.6 RouteReasonBackendNotFound
    """
    return Problem(condition=RESOLVED_REFS, reason="BackendNotFound", message=message)


def unsupported_backend_protocol(message: str) -> Problem:
    """Say that a Service port asks for an appProtocol, or has a protocol, that we do not speak to backends.

    Spec: Gateway API v1.6 RouteReasonUnsupportedProtocol; GEP-1911
    """
    return Problem(condition=RESOLVED_REFS, reason="UnsupportedProtocol", message=message)


def invalid_backend_tls(message: str) -> Problem:
    """Say that a backend cannot be reached as its BackendTLSPolicy asks, and so not at all.

    Spec: Gateway API v1.6 RouteConditionResolvedRefs, "other reasons"; BackendTLSPolicyValidation.caCertificateRefs,
    "Connections using an invalid CACertificateRef MUST fail"
    """
    return Problem(condition=RESOLVED_REFS, reason="InvalidBackendTLS", message=message)


def invalid_backend(message: str) -> Problem:
    """Say that an XBackend leads to nothing that we connect to.

    Spec: Gateway API v1.6 RouteConditionResolvedRefs, "other reasons"; XBackend
    """
    return Problem(condition=RESOLVED_REFS, reason="InvalidBackend", message=message)


# --- Policies ---------------------------------------------------------------------------------------------------------


def policy_conflicted(message: str) -> Problem:
    """Say that another policy has effect where this one would.

    Spec: Gateway API v1.6 PolicyReasonConflicted; GEP-713 conflict rules
    """
    return Problem(condition=ACCEPTED, reason="Conflicted", message=message)


def target_not_found(message: str) -> Problem:
    """Say that what a policy targets is not there, or lacks the section that the policy names.

    Spec: Gateway API v1.6 PolicyReasonTargetNotFound
    """
    return Problem(condition=ACCEPTED, reason="TargetNotFound", message=message)


def invalid_policy(message: str) -> Problem:
    """Say that a policy asks for something that cannot be.

    Spec: Gateway API v1.6 PolicyReasonInvalid
    """
    return Problem(condition=ACCEPTED, reason="Invalid", message=message)
