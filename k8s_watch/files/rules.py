"""Constraints that the API server would check beyond types: typed object → broken rules, each with its remedy.

Spec: the OpenAPI constraints and CEL rules of the Gateway API v1.6 CRDs; Kubernetes "Object Names and IDs";
core/v1 Service and discovery/v1 EndpointSlice validation
"""

import functools
import ipaddress
from collections import Counter
from collections.abc import Callable, Mapping

import msgspec

from k8s_watch.files import http_route_rules, policy_rules
from k8s_watch.files.checks import Broken, Check, both, count, every, number, one_of, text, unique
from k8s_watch.files.paths import Path
from k8s_watch.objects import backends, core, gateway, grpc_route, meta, policies, routes


def broken_rules(value: object, path: Path = ()) -> Broken:
    """Find what the API server would refuse, in the order of the fields."""
    if isinstance(value, tuple):
        for index, element in enumerate(value):
            yield from broken_rules(element, (*path, index))
    elif isinstance(value, msgspec.Struct):
        for name, field, checks in _fields(type(value)):
            inner = getattr(value, name)
            for reason in (reason for check in checks if inner is not None and (reason := check(inner))):
                yield (*path, field), reason
            yield from broken_rules(inner, (*path, field))
        for rule in _rules(type(value)):
            for inner_path, reason in rule(value):
                yield (*path, *inner_path), reason


@functools.cache
def _fields(shape: type[msgspec.Struct]) -> tuple[tuple[str, str, tuple[Check, ...]], ...]:
    """Attribute, field name and checks of each field; status is not the user's to write."""
    checks = [table for base, table in _CHECKS.items() if issubclass(shape, base)]
    return tuple(
        (field.name, field.encode_name, tuple(table[field.name] for table in checks if field.name in table))
        for field in msgspec.structs.fields(shape)
        if field.name != "status"
    )


@functools.cache
def _rules(shape: type[msgspec.Struct]) -> tuple[Callable[[msgspec.Struct], Broken], ...]:
    return tuple(rule for base, rule in _RULES if issubclass(shape, base))


_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DOTTED = rf"{_LABEL}(\.{_LABEL})*"
_ANY_NAME = text(r".+", "a name")
_NAME = text(_DOTTED, "lower case letters, digits, '-' and '.', with a letter or digit at both ends")
_LABEL_NAME = text(_LABEL, "lower case letters, digits and '-', with a letter or digit at both ends", 63)
_NAMESPACE = text(f"({_LABEL})?", "a namespace: lower case letters, digits and '-'", 63)
_GROUP = text(f"({_DOTTED})?", 'an API group, for example gateway.networking.k8s.io; "" is the core group')
_KIND = text(r"[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?", "a kind, for example Service", 63)
_HOSTNAME = text(rf"(\*\.)?{_DOTTED}", "a host name in lower case without port, or *. and one")
_SERVER_NAME = text(
    rf"(?!([0-9]+\.){{3}}[0-9]+$)(\*\.)?{_DOTTED}", "a host name in lower case, no IP address, or *. and one"
)
_PRECISE_HOSTNAME = text(_DOTTED, "a host name in lower case without port and without *")
_HEADER_NAME = text(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+", "a header name", 256)
_HEADER_VALUE = text(r"[!-~]+([\t ]?[!-~]+)*", "printable ASCII without blanks at the ends", 4096)
_MATCHED_VALUE = text(r"(?s:.)+", "a value", 4096)
_METHOD_OR_ANY = text(r"GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH|\*", "a method in capitals, or * alone")
_ORIGIN = text(
    r"\*|https?://((\*\.)?([a-zA-Z0-9-]+\.)*[a-zA-Z0-9-]+|\*)(:[0-9]{1,5})?",
    "https:// or http://, a host that may begin with *., and perhaps a port; or * alone",
)
_DURATION = text(r"([0-9]{1,5}(h|m|s|ms)){1,4}", "a duration, for example 10s, 500ms or 1h30m")
_PORT = number(1, 65535)
_SCOPE = one_of("All", "None")
_MAX_INT32 = 2**31 - 1
_PROTOCOL = text(rf"[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?|{_DOTTED}/[A-Za-z0-9]+", "HTTP, HTTPS, TLS, TCP or UDP", 255)
_CONTROLLER = text(
    rf"{_DOTTED}/[A-Za-z0-9/\-._~%!$&'()*+,;=:]+", "a domain and a path: gateway.envoyproxy.io/gatewayclass-controller"
)

_REFERENCE: Mapping[str, Check] = {"group": _GROUP, "kind": _KIND, "name": _ANY_NAME, "namespace": _LABEL_NAME}
_RULE: Mapping[str, Check] = {"name": _NAME}

_CHECKS: Mapping[type[msgspec.Struct], Mapping[str, Check]] = {
    meta.Meta: {"name": _NAME, "namespace": _NAMESPACE},
    gateway.GatewayClassSpec: {"controller_name": _CONTROLLER},
    gateway.ParametersReference: _REFERENCE,
    gateway.GatewaySpec: {
        "gateway_class_name": _ANY_NAME,
        "listeners": count(1, 64),
        "addresses": count(0, 16),
        "default_scope": _SCOPE,
    },
    gateway.ListenerSetSpec: {"listeners": count(1, 64)},
    gateway.ParentGatewayReference: _REFERENCE,
    gateway.Listener: {"name": _NAME, "port": _PORT, "hostname": _HOSTNAME, "protocol": _PROTOCOL},
    gateway.RouteNamespaces: {"from_": one_of("All", "Selector", "Same", "None")},
    gateway.AllowedRoutes: {"kinds": count(0, 8)},
    gateway.RouteGroupKind: _REFERENCE,
    gateway.ListenerTls: {"mode": one_of("Terminate", "Passthrough"), "certificate_refs": count(0, 64)},
    gateway.SecretObjectReference: _REFERENCE,
    gateway.LocalParametersReference: _REFERENCE,
    gateway.ObjectReference: _REFERENCE,
    gateway.FrontendValidation: {
        "ca_certificate_refs": count(1, 16),
        "mode": one_of("AllowValidOnly", "AllowInsecureFallback"),
    },
    gateway.TlsPortConfig: {"port": _PORT},
    gateway.FrontendTls: {"per_port": count(0, 64)},
    gateway.ReferenceGrantSpec: {"from_": count(1, 16), "to": count(1, 16)},
    gateway.GrantFrom: _REFERENCE,
    gateway.GrantTo: _REFERENCE,
    meta.LabelSelectorRequirement: {"operator": one_of("In", "NotIn", "Exists", "DoesNotExist")},
    routes.ParentReference: {**_REFERENCE, "section_name": _NAME, "port": _PORT},
    routes.BackendObjectReference: {**_REFERENCE, "port": _PORT},
    routes.BackendRef: {"weight": number(0, 1_000_000)},
    routes.HTTPRouteSpec: {
        "parent_refs": count(0, 32),
        "hostnames": both(count(0, 16), _HOSTNAME),
        "rules": count(1, 16),
        "use_default_gateways": _SCOPE,
    },
    routes.HTTPRouteRule: {
        **_RULE,
        "matches": count(0, 64),
        "filters": count(0, 16),
        "backend_refs": count(0, 16),
    },
    grpc_route.GRPCRouteSpec: {
        "parent_refs": count(0, 32),
        "hostnames": both(count(0, 16), _HOSTNAME),
        "rules": count(0, 16),
        "use_default_gateways": _SCOPE,
    },
    grpc_route.GRPCRouteRule: {
        **_RULE,
        "matches": count(0, 64),
        "filters": count(0, 16),
        "backend_refs": count(0, 16),
    },
    grpc_route.GRPCRouteMatch: {"headers": count(0, 16)},
    grpc_route.GRPCMethodMatch: {
        "type": one_of("Exact", "RegularExpression"),
        "service": text(".*", "", 1024),
        "method": text(".*", "", 1024),
    },
    routes.HTTPPathMatch: {"type": one_of("Exact", "PathPrefix", "RegularExpression"), "value": text(".*", "", 1024)},
    routes.HTTPHeaderMatch: {
        "type": one_of("Exact", "RegularExpression"),
        "name": _HEADER_NAME,
    },
    routes.HTTPQueryParamMatch: {"type": one_of("Exact", "RegularExpression"), "name": _HEADER_NAME},
    routes.HTTPRouteMatch: {
        "method": one_of("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"),
        "headers": count(0, 16),
        "query_params": count(0, 16),
    },
    routes.HTTPHeader: {"name": _HEADER_NAME, "value": _HEADER_VALUE},
    routes.HTTPHeaderFilter: {"set": count(0, 16), "add": count(0, 16), "remove": count(0, 16)},
    routes.HTTPRouteFilter: {
        "type": one_of(
            "RequestHeaderModifier",
            "ResponseHeaderModifier",
            "RequestMirror",
            "RequestRedirect",
            "URLRewrite",
            "ExtensionRef",
            "CORS",
            "ExternalAuth",
        )
    },
    routes.HTTPPathModifier: {"type": one_of("ReplaceFullPath", "ReplacePrefixMatch")},
    routes.HTTPRequestRedirect: {
        "scheme": one_of("http", "https"),
        "hostname": _PRECISE_HOSTNAME,
        "port": _PORT,
        "status_code": one_of(301, 302, 303, 307, 308),
    },
    routes.HTTPRequestMirror: {"percent": number(0, 100)},
    routes.Fraction: {"numerator": number(0, _MAX_INT32), "denominator": number(1, _MAX_INT32)},
    routes.HTTPCors: {
        "allow_origins": both(count(0, 64), _ORIGIN),
        "allow_methods": both(count(0, 9), _METHOD_OR_ANY),
        "allow_headers": both(count(0, 64), _HEADER_NAME),
        "expose_headers": both(count(0, 64), _HEADER_NAME),
        "max_age": number(1, _MAX_INT32),
    },
    routes.HTTPUrlRewrite: {"hostname": _PRECISE_HOSTNAME},
    routes.HTTPRouteTimeouts: {"request": _DURATION, "backend_request": _DURATION},
    routes.HTTPRouteRetry: {
        "codes": every(number(400, 599)),
        "attempts": number(1, _MAX_INT32),
        "backoff": _DURATION,
    },
    routes.HTTPExternalAuth: {"protocol": one_of("HTTP", "GRPC")},
    routes.GRPCAuthConfig: {"allowed_headers": count(0, 64)},
    routes.HTTPAuthConfig: {
        "path": text(r"([-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})*", "a URL path", 1024),
        "allowed_headers": count(0, 64),
        "allowed_response_headers": count(0, 64),
    },
    routes.ForwardBodyConfig: {"max_size": number(0, 65535)},
    routes.SessionPersistence: {
        "session_name": text(".*", "", 128),
        "absolute_timeout": _DURATION,
        "type": one_of("Cookie", "Header"),
    },
    routes.CookieConfig: {"lifetime_type": one_of("Permanent", "Session")},
    routes.LocalObjectReference: _REFERENCE,
    routes.L4RouteSpec: {"parent_refs": count(0, 32), "rules": count(1, 1), "use_default_gateways": _SCOPE},
    routes.L4RouteRule: {**_RULE, "backend_refs": count(1, 16)},
    routes.TLSRouteSpec: {"hostnames": both(count(1, 1024), _SERVER_NAME)},
    policies.PolicyTargetReference: {**_REFERENCE, "section_name": _NAME},
    policies.PolicySpec: {"target_refs": count(1, 16)},
    policies.BackendTLSPolicyValidation: {
        "hostname": _PRECISE_HOSTNAME,
        "ca_certificate_refs": count(0, 8),
        "well_known_ca_certificates": text(rf"System|{_DOTTED}/[A-Za-z0-9][-A-Za-z0-9_.]*", "System"),
        "subject_alt_names": count(0, 5),
    },
    backends.XBackendSpec: {
        "type": one_of("ExternalHostname"),
        "protocol": one_of("TCP", "HTTP", "HTTP2", "HTTP11", "H2C", "MCP"),
    },
    backends.BackendPort: {"port": _PORT, "name": text(f"({_LABEL})?", "a DNS label", 63)},
    backends.ExternalHostname: {"hostname": _PRECISE_HOSTNAME},
    backends.XBackendTls: {"mode": one_of("None", "ServerOnly", "ClientAndServer")},
    policies.RetryBudget: {"percent": number(0, 100), "interval": _DURATION},
    policies.RequestRate: {"count": number(1, 1_000_000), "interval": _DURATION},
    policies.SubjectAltName: {
        "type": one_of("Hostname", "URI"),
        "hostname": _HOSTNAME,
        "uri": text(r"[^:/?#]+://.*", "a URI with its scheme, for example spiffe://example.com/web"),
    },
    core.ServicePort: {"port": _PORT, "protocol": one_of("TCP", "UDP", "SCTP")},
    core.EndpointPort: {"port": _PORT, "protocol": one_of("TCP", "UDP", "SCTP")},
    core.EndpointSlice: {"address_type": one_of("IPv4", "IPv6", "FQDN")},
}


# What the fields of one shape must be to each other.


def _service_name(service: msgspec.Struct) -> Broken:
    if isinstance(service, core.Service) and (reason := _LABEL_NAME(service.metadata.name)):
        yield ("metadata", "name"), reason


def _service_ports(spec: msgspec.Struct) -> Broken:
    if isinstance(spec, core.ServiceSpec) and len(spec.ports) > 1:
        yield from unique((("ports", i, "name"), port.name) for i, port in enumerate(spec.ports))


def _endpoint_addresses(endpoints: msgspec.Struct) -> Broken:
    if not isinstance(endpoints, core.EndpointSlice) or endpoints.address_type == "FQDN":
        return
    for i, endpoint in enumerate(endpoints.endpoints):
        for j, address in enumerate(endpoint.addresses):
            if _address_type(address) != endpoints.address_type:
                yield ("endpoints", i, "addresses", j), f"{address!r} is not an {endpoints.address_type} address"


def _address_type(address: str) -> str:
    try:
        return f"IPv{ipaddress.ip_address(address).version}"
    except ValueError:
        return ""


def _listener_names(spec: msgspec.Struct) -> Broken:
    if isinstance(spec, gateway.GatewaySpec | gateway.ListenerSetSpec):
        yield from unique((("listeners", i, "name"), one.name) for i, one in enumerate(spec.listeners))


def _gateway_addresses(spec: msgspec.Struct) -> Broken:
    if not isinstance(spec, gateway.GatewaySpec):
        return
    for type_ in ("IPAddress", "Hostname"):
        wanted = [(("addresses", i, "value"), one.value) for i, one in enumerate(spec.addresses) if one.type == type_]
        yield from unique((path, value) for path, value in wanted if value)


def _listener_protocol(listener: msgspec.Struct) -> Broken:
    if not isinstance(listener, gateway.Listener):
        return
    protocol, tls = listener.protocol, listener.tls
    if tls and protocol in ("HTTP", "TCP", "UDP"):
        yield ("tls",), f"does not go with protocol {protocol}: write HTTPS or TLS, or leave it out"
    if tls and protocol == "HTTPS" and tls.mode != "Terminate":
        yield ("tls", "mode"), "must be Terminate for protocol HTTPS: write protocol TLS to pass connections through"
    if tls is None and protocol == "TLS":
        yield ("tls",), "is missing: protocol TLS needs a mode, Terminate or Passthrough"
    if tls and tls.mode == "Terminate" and not (tls.certificate_refs or tls.options):
        yield ("tls", "certificateRefs"), "is missing: terminating TLS needs the Secret of a certificate"
    if listener.hostname and protocol in ("TCP", "UDP"):
        yield ("hostname",), f"does not go with protocol {protocol}: leave it out"


def _tls_ports(frontend: msgspec.Struct) -> Broken:
    if isinstance(frontend, gateway.FrontendTls):
        ports = Counter(one.port for one in frontend.per_port)
        for i, one in enumerate(frontend.per_port):
            if ports[one.port] > 1:
                yield ("perPort", i, "port"), f"{one.port} appears {ports[one.port]} times: put all into one"


def _matched_values(match: msgspec.Struct) -> Broken:
    """A GRPCRoute may match values of headers that an HTTPRoute may not."""
    if isinstance(match, routes.HTTPRouteMatch | grpc_route.GRPCRouteMatch):
        check = _HEADER_VALUE if isinstance(match, routes.HTTPRouteMatch) else _MATCHED_VALUE
        for i, header in enumerate(match.headers):
            if reason := check(header.value):
                yield ("headers", i, "value"), reason


def _backend_port(ref: msgspec.Struct) -> Broken:
    if isinstance(ref, routes.BackendObjectReference) and (ref.group, ref.kind, ref.port) == ("", "Service", None):
        yield ("port",), f"is missing: name the port of Service {ref.name}"


_RULES: tuple[tuple[type[msgspec.Struct], Callable[[msgspec.Struct], Broken]], ...] = (
    (core.Service, _service_name),
    (core.ServiceSpec, _service_ports),
    (core.EndpointSlice, _endpoint_addresses),
    (gateway.GatewaySpec, _listener_names),
    (gateway.GatewaySpec, _gateway_addresses),
    (gateway.ListenerSetSpec, _listener_names),
    (gateway.Listener, _listener_protocol),
    (gateway.FrontendTls, _tls_ports),
    (routes.BackendObjectReference, _backend_port),
    (routes.HTTPRouteMatch, _matched_values),
    (grpc_route.GRPCRouteMatch, _matched_values),
    (routes.HTTPPathMatch, http_route_rules.path_value),
    (routes.HTTPRouteFilter, http_route_rules.filter_type),
    (routes.HTTPRequestMirror, http_route_rules.mirrored_share),
    (routes.Fraction, http_route_rules.fraction),
    (routes.HTTPCors, http_route_rules.cors),
    (routes.HTTPPathModifier, http_route_rules.path_modifier),
    (routes.HTTPExternalAuth, http_route_rules.external_auth),
    (routes.SessionPersistence, http_route_rules.session_persistence),
    (routes.HTTPRouteRule, http_route_rules.rule_filters),
    (routes.HTTPRouteSpec, http_route_rules.match_count),
    (policies.PolicySpec, policy_rules.target_refs),
    (policies.BackendTLSPolicyValidation, policy_rules.authorities),
    (policies.SubjectAltName, policy_rules.subject_alt_name),
    (backends.XBackendSpec, policy_rules.external_hostname),
    (backends.XBackendTls, policy_rules.client_certificate),
    (policies.XBackendTrafficPolicySpec, policy_rules.whole_services),
)
