"""A listener → ListenerNode: its kinds of route, its certificates, what is wrong with it alone.

What it can only be wrong about together with its siblings is in `listener_conflicts.py`.
"""

from collections.abc import Set

from gateway_api.graph import problems
from gateway_api.graph.certificate import certificate
from gateway_api.graph.hostnames import is_hostname
from gateway_api.graph.label_selector import is_valid
from gateway_api.graph.problems import Problem
from gateway_api.graph.references import Referrer, kind_of
from gateway_api.graph.resolver import Resolver
from gateway_api.graph.types import GraphSettings, ListenerNode
from gateway_api.ir.pod import RESERVED_PORTS
from gateway_api.ir.xds import TlsSecret, Transport
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.gateway import AllowedRoutes, Listener, ListenerTls, RouteGroupKind

HTTP_ROUTE = RouteGroupKind(kind="HTTPRoute")
GRPC_ROUTE = RouteGroupKind(kind="GRPCRoute")
TCP_ROUTE = RouteGroupKind(kind="TCPRoute")
TLS_ROUTE = RouteGroupKind(kind="TLSRoute")
UDP_ROUTE = RouteGroupKind(kind="UDPRoute")

PROTOCOL_KINDS: dict[str, tuple[RouteGroupKind, ...]] = {
    "HTTP": (HTTP_ROUTE, GRPC_ROUTE),
    "HTTPS": (HTTP_ROUTE, GRPC_ROUTE),
    "TLS": (TLS_ROUTE, TCP_ROUTE),
    "TCP": (TCP_ROUTE,),
    "UDP": (UDP_ROUTE,),
}
"""The protocols that we serve → the kinds of route that each can carry."""

OF_SERVER_NAME = frozenset({"HTTPS", "TLS"})
"""Those whose connections say whom they are for before anything else."""

_MAX_PORT = 65535
_FIRST_UNPRIVILEGED_PORT = 1024


def judge_listener(
    gateway: ObjectKey,
    listener: Listener,
    resolver: Resolver,
    settings: GraphSettings,
    *,
    listener_set: ObjectKey | None = None,
) -> ListenerNode:
    """Judge one listener by itself: of the Gateway, or of a ListenerSet, whose references are then its own.

    Spec: Gateway API v1.6 Listener, ListenerConditionAccepted, ListenerConditionResolvedRefs
    """
    kinds, kind_problems = _route_kinds(listener)
    referrer = (
        Referrer("ListenerSet", listener_set.namespace) if listener_set else Referrer("Gateway", gateway.namespace)
    )
    certificates, certificate_problems = _certificates(referrer, listener, resolver)
    return ListenerNode(
        gateway=gateway,
        listener_set=listener_set,
        spec=listener,
        bind_port=bind_port(listener.port, settings),
        kinds=kinds,
        certificates=certificates,
        problems=(*_spec_problems(listener, settings), *kind_problems, *certificate_problems),
    )


def bind_port(port: int, settings: GraphSettings) -> int:
    """Return the port that the proxy binds for a listener's port: shifted where it would need privileges."""
    return port + settings.privileged_port_shift if port < _FIRST_UNPRIVILEGED_PORT else port


def transport_of(listener: Listener) -> Transport:
    """Return whose ports the listener's port is one of."""
    return "UDP" if listener.protocol == "UDP" else "TCP"


def can_share_port(protocols: Set[str]) -> bool:
    """Whether listeners of these protocols, at least two, can be on one port: there must be hostnames to tell them
    apart, in the same place of what a client sends.

    Spec: Gateway API v1.6 GatewaySpec.listeners, "Distinct Listeners"
    """
    return protocols == {"HTTP"} or protocols <= OF_SERVER_NAME


def terminates_tls(listener: Listener) -> bool:
    """Whether connections are decrypted here, and so a certificate is needed. Spec: Gateway API v1.6 TLSModeType."""
    return listener.protocol == "HTTPS" or (listener.protocol == "TLS" and not _passes_through(listener))


def _passes_through(listener: Listener) -> bool:
    return listener.tls is not None and listener.tls.mode == "Passthrough"


def _spec_problems(listener: Listener, settings: GraphSettings) -> list[Problem]:
    if listener.protocol not in PROTOCOL_KINDS:
        message = f"protocol {listener.protocol} is not supported; use one of {', '.join(PROTOCOL_KINDS)}."
        return [problems.unsupported_protocol(message)]
    found = []
    if not (1 <= listener.port <= _MAX_PORT and bind_port(listener.port, settings) <= _MAX_PORT):
        found.append(problems.port_unavailable(f"port {listener.port} is not a port from 1 to {_MAX_PORT}."))
    if transport_of(listener) == "TCP" and bind_port(listener.port, settings) in RESERVED_PORTS:
        found.append(
            problems.port_unavailable(f"port {listener.port} is reserved for the proxy itself; choose another one.")
        )
    found += _hostname_problems(listener)
    found += _tls_problems(listener)
    found += _allowed_routes_problems(listener.allowed_routes)
    return found


def _hostname_problems(listener: Listener) -> list[Problem]:
    if not listener.hostname:
        return []
    if listener.protocol in ("TCP", "UDP"):
        message = f"hostname must not be set for protocol {listener.protocol}, which has none."
        return [problems.unsupported_value(message)]
    if not is_hostname(listener.hostname):
        message = f"hostname {listener.hostname!r} must be a lower-case DNS name, optionally with the prefix `*.`."
        return [problems.unsupported_value(message)]
    return []


def _tls_problems(listener: Listener) -> list[Problem]:
    match listener:
        case Listener(protocol="HTTPS", tls=ListenerTls(mode=mode)) if mode not in ("", "Terminate"):
            message = f"tls.mode {mode} is not possible for protocol HTTPS."
        case Listener(protocol="TLS", tls=ListenerTls(mode="Terminate" | "Passthrough")) | Listener(protocol="HTTPS"):
            return []
        case Listener(protocol="TLS"):
            message = "tls.mode is needed for protocol TLS; use Terminate or Passthrough."
        case Listener(tls=ListenerTls()):
            message = f"tls must not be set for protocol {listener.protocol}."
        case _:
            return []
    return [problems.unsupported_value(message)]


def _allowed_routes_problems(allowed: AllowedRoutes) -> list[Problem]:
    match allowed.namespaces.from_:
        case "All" | "Same" | "None":
            return []
        case "Selector":
            if allowed.namespaces.selector is None:
                return [problems.unsupported_value("allowedRoutes.namespaces.selector is needed for from: Selector.")]
            if not is_valid(allowed.namespaces.selector):
                message = (
                    "allowedRoutes.namespaces.selector has an invalid expression; use In and NotIn with values, "
                    "Exists and DoesNotExist without."
                )
                return [problems.unsupported_value(message)]
            return []
        case other:
            message = f"allowedRoutes.namespaces.from is {other}; use All, Same, Selector or None."
            return [problems.unsupported_value(message)]


def _route_kinds(listener: Listener) -> tuple[tuple[RouteGroupKind, ...], list[Problem]]:
    """Spec: Gateway API v1.6 AllowedRoutes.kinds, ListenerStatus.supportedKinds."""
    carried = (TLS_ROUTE,) if _passes_through(listener) else PROTOCOL_KINDS.get(listener.protocol, ())
    wanted = listener.allowed_routes.kinds
    if not wanted:
        return carried, []
    kinds = tuple(dict.fromkeys(kind for kind in wanted if kind in carried))
    refused = ", ".join(kind_of(kind) for kind in wanted if kind not in carried)
    if not refused or not carried:
        return kinds, []
    mode = " with tls.mode Passthrough" if _passes_through(listener) else ""
    message = f"allowedRoutes.kinds names {refused}, which protocol {listener.protocol}{mode} cannot carry."
    return kinds, [problems.invalid_route_kinds(message)]


def _certificates(
    referrer: Referrer, listener: Listener, resolver: Resolver
) -> tuple[tuple[TlsSecret, ...], list[Problem]]:
    """Spec: Gateway API v1.6 ListenerTLSConfig.certificateRefs."""
    if not terminates_tls(listener):
        return (), []
    refs = listener.tls.certificate_refs if listener.tls else ()
    answers = [certificate(ref, referrer, resolver) for ref in refs]
    usable = {secret.name: secret for secret in answers if isinstance(secret, TlsSecret)}
    wrong = [problem for problem in answers if isinstance(problem, Problem)]
    if not refs:
        message = f"tls.certificateRefs names no certificate; protocol {listener.protocol} needs one."
        wrong.append(problems.invalid_certificate_ref(message))
    if not usable:
        wrong.append(problems.listener_invalid("None of tls.certificateRefs can be used."))
    return tuple(usable.values()), wrong
