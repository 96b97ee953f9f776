"""A listener → ListenerNode: its kinds of route, its certificates, what is wrong with it alone.

What it can only be wrong about together with its siblings is in `listener_conflicts.py`.
"""

from gateway_api.graph import problems
from gateway_api.graph.certificate import certificate
from gateway_api.graph.hostnames import is_hostname
from gateway_api.graph.label_selector import is_valid
from gateway_api.graph.reference_grant import Referrer, Resolver
from gateway_api.graph.types import ListenerNode, Problem, Settings
from gateway_api.ir.xds import TlsSecret
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.gateway import AllowedRoutes, Listener, RouteGroupKind

HTTP_ROUTE = RouteGroupKind(kind="HTTPRoute")
GRPC_ROUTE = RouteGroupKind(kind="GRPCRoute")
TCP_ROUTE = RouteGroupKind(kind="TCPRoute")

PROTOCOL_KINDS: dict[str, tuple[RouteGroupKind, ...]] = {
    "HTTP": (HTTP_ROUTE, GRPC_ROUTE),
    "HTTPS": (HTTP_ROUTE, GRPC_ROUTE),
    "TCP": (TCP_ROUTE,),
}
"""The protocols that we serve → the kinds of route that each can carry. GRPCRoute, TLS and UDP belong here next."""

_MAX_PORT = 65535
_FIRST_UNPRIVILEGED_PORT = 1024


def judge_listener(
    gateway: ObjectKey,
    listener: Listener,
    resolver: Resolver,
    settings: Settings,
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


def bind_port(port: int, settings: Settings) -> int:
    """Return the port that the proxy binds for a listener's port: shifted where it would need privileges."""
    return port + settings.privileged_port_shift if port < _FIRST_UNPRIVILEGED_PORT else port


def _spec_problems(listener: Listener, settings: Settings) -> list[Problem]:
    if listener.protocol not in PROTOCOL_KINDS:
        message = f"protocol {listener.protocol} is not supported; use one of {', '.join(PROTOCOL_KINDS)}."
        return [problems.unsupported_protocol(message)]
    found = []
    if not (1 <= listener.port <= _MAX_PORT and bind_port(listener.port, settings) <= _MAX_PORT):
        found.append(problems.port_unavailable(f"port {listener.port} is not a port from 1 to {_MAX_PORT}."))
    if bind_port(listener.port, settings) in settings.reserved_ports:
        found.append(problems.port_unavailable(f"port {listener.port} is one that the proxy needs for itself."))
    found += _hostname_problems(listener)
    found += _tls_problems(listener)
    found += _allowed_routes_problems(listener.allowed_routes)
    return found


def _hostname_problems(listener: Listener) -> list[Problem]:
    if not listener.hostname:
        return []
    if listener.protocol == "TCP":
        return [problems.unsupported_value("hostname must not be set for protocol TCP, which has none.")]
    if not is_hostname(listener.hostname):
        message = f"hostname {listener.hostname!r} is not a lower-case DNS name, nor one after `*.`."
        return [problems.unsupported_value(message)]
    return []


def _tls_problems(listener: Listener) -> list[Problem]:
    if listener.protocol == "HTTPS":
        if listener.tls is not None and listener.tls.mode not in ("", "Terminate"):
            return [problems.unsupported_value(f"tls.mode {listener.tls.mode} is not possible for protocol HTTPS.")]
    elif listener.tls is not None:
        return [problems.unsupported_value(f"tls must not be set for protocol {listener.protocol}.")]
    return []


def _allowed_routes_problems(allowed: AllowedRoutes) -> list[Problem]:
    match allowed.namespaces.from_:
        case "All" | "Same" | "None":
            return []
        case "Selector":
            if allowed.namespaces.selector is None:
                return [problems.unsupported_value("allowedRoutes.namespaces.selector is needed for from: Selector.")]
            if not is_valid(allowed.namespaces.selector):
                message = "allowedRoutes.namespaces.selector has an unknown operator, or values where none belong."
                return [problems.unsupported_value(message)]
            return []
        case other:
            message = f"allowedRoutes.namespaces.from is {other}; use All, Same, Selector or None."
            return [problems.unsupported_value(message)]


def _route_kinds(listener: Listener) -> tuple[tuple[RouteGroupKind, ...], list[Problem]]:
    """Spec: Gateway API v1.6 AllowedRoutes.kinds, ListenerStatus.supportedKinds."""
    carried = PROTOCOL_KINDS.get(listener.protocol, ())
    wanted = listener.allowed_routes.kinds
    if not wanted:
        return carried, []
    kinds = tuple(dict.fromkeys(kind for kind in wanted if kind in carried))
    refused = ", ".join(f"{kind.kind}.{kind.group}" for kind in wanted if kind not in carried)
    if not refused or not carried:
        return kinds, []
    message = f"allowedRoutes.kinds names {refused}, which protocol {listener.protocol} cannot carry."
    return kinds, [problems.invalid_route_kinds(message)]


def _certificates(
    referrer: Referrer, listener: Listener, resolver: Resolver
) -> tuple[tuple[TlsSecret, ...], list[Problem]]:
    """Spec: Gateway API v1.6 ListenerTLSConfig.certificateRefs."""
    if listener.protocol != "HTTPS":
        return (), []
    refs = listener.tls.certificate_refs if listener.tls else ()
    answers = [certificate(ref, referrer, resolver) for ref in refs]
    usable = {secret.name: secret for secret in answers if isinstance(secret, TlsSecret)}
    wrong = [problem for problem in answers if isinstance(problem, Problem)]
    if not refs:
        wrong.append(
            problems.invalid_certificate_ref("tls.certificateRefs names no certificate; protocol HTTPS needs one.")
        )
    if not usable:
        wrong.append(problems.listener_invalid("None of tls.certificateRefs can be used."))
    return tuple(usable.values()), wrong
