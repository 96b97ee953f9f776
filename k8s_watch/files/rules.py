"""Constraints that the API server would check beyond types: typed object → broken rules, each with its remedy.

Spec: the OpenAPI constraints and CEL rules of the Gateway API v1.6 CRDs; Kubernetes "Object Names and IDs";
core/v1 Service and discovery/v1 EndpointSlice validation
"""

import functools
import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from k8s_watch.files.paths import Path
from k8s_watch.objects import core, gateway, meta, routes

type Broken = Iterator[tuple[Path, str]]
type Check = Callable[[object], str]
"""A field's value → what is wrong with it and what to write, or ""."""


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


# What a single field may hold.


def _text(pattern: str, remedy: str, longest: int = 253) -> Check:
    compiled = re.compile(pattern)

    def check(value: object) -> str:
        for text in value if isinstance(value, tuple) else (value,):
            if not compiled.fullmatch(str(text)):
                return f"{str(text)!r} is not usable: write {remedy}"
            if len(str(text)) > longest:
                return f"is longer than {longest} characters"
        return ""

    return check


def _one_of(*allowed: object) -> Check:
    wanted = ", ".join(map(str, allowed))
    return lambda value: "" if value in allowed else f"{value!r} is not one of {wanted}"


def _number(low: int, high: int) -> Check:
    def check(value: object) -> str:
        fits = not isinstance(value, int) or low <= value <= high
        return "" if fits else f"{value} is out of range: write a number from {low} to {high}"

    return check


def _count(low: int, high: int) -> Check:
    def check(value: object) -> str:
        count = len(value) if isinstance(value, tuple) else low
        if count < low:
            return f"is empty: at least {low} is needed"
        return f"has {count} entries: at most {high} are allowed" if count > high else ""

    return check


def _both(first: Check, second: Check) -> Check:
    return lambda value: first(value) or second(value)


_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DOTTED = rf"{_LABEL}(\.{_LABEL})*"
_ANY_NAME = _text(r".+", "a name")
_NAME = _text(_DOTTED, "lower case letters, digits, '-' and '.', with a letter or digit at both ends")
_LABEL_NAME = _text(_LABEL, "lower case letters, digits and '-', with a letter or digit at both ends", 63)
_NAMESPACE = _text(f"({_LABEL})?", "a namespace: lower case letters, digits and '-'", 63)
_GROUP = _text(f"({_DOTTED})?", 'an API group, for example gateway.networking.k8s.io; "" is the core group')
_KIND = _text(r"[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?", "a kind, for example Service", 63)
_HOSTNAME = _text(rf"(\*\.)?{_DOTTED}", "a host name in lower case without port, or *. and one")
_PRECISE_HOSTNAME = _text(_DOTTED, "a host name in lower case without port and without *")
_HEADER_NAME = _text(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+", "a header name", 256)
_HEADER_VALUE = _text(r"[!-~]+([\t ]?[!-~]+)*", "printable ASCII without blanks at the ends", 4096)
_DURATION = _text(r"([0-9]{1,5}(h|m|s|ms)){1,4}", "a duration, for example 10s, 500ms or 1h30m")
_PORT = _number(1, 65535)
_PROTOCOL = _text(
    rf"[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?|{_DOTTED}/[A-Za-z0-9]+", "HTTP, HTTPS, TLS, TCP or UDP", 255
)
_CONTROLLER = _text(
    rf"{_DOTTED}/[A-Za-z0-9/\-._~%!$&'()*+,;=:]+", "a domain and a path: gateway.envoyproxy.io/gatewayclass-controller"
)

_REFERENCE: Mapping[str, Check] = {"group": _GROUP, "kind": _KIND, "name": _ANY_NAME, "namespace": _LABEL_NAME}
_RULE: Mapping[str, Check] = {"name": _NAME}

_CHECKS: Mapping[type[msgspec.Struct], Mapping[str, Check]] = {
    meta.Meta: {"name": _NAME, "namespace": _NAMESPACE},
    gateway.GatewayClassSpec: {"controller_name": _CONTROLLER},
    gateway.ParametersReference: _REFERENCE,
    gateway.GatewaySpec: {"gateway_class_name": _ANY_NAME, "listeners": _count(1, 64), "addresses": _count(0, 16)},
    gateway.Listener: {"name": _NAME, "port": _PORT, "hostname": _HOSTNAME, "protocol": _PROTOCOL},
    gateway.RouteNamespaces: {"from_": _one_of("All", "Selector", "Same", "None")},
    gateway.AllowedRoutes: {"kinds": _count(0, 8)},
    gateway.RouteGroupKind: _REFERENCE,
    gateway.ListenerTls: {"mode": _one_of("Terminate", "Passthrough"), "certificate_refs": _count(0, 64)},
    gateway.SecretObjectReference: _REFERENCE,
    gateway.LocalParametersReference: _REFERENCE,
    gateway.ReferenceGrantSpec: {"from_": _count(1, 16), "to": _count(1, 16)},
    gateway.GrantFrom: _REFERENCE,
    gateway.GrantTo: _REFERENCE,
    meta.LabelSelectorRequirement: {"operator": _one_of("In", "NotIn", "Exists", "DoesNotExist")},
    routes.ParentReference: {**_REFERENCE, "section_name": _NAME, "port": _PORT},
    routes.BackendRef: {**_REFERENCE, "port": _PORT, "weight": _number(0, 1_000_000)},
    routes.HTTPRouteSpec: {
        "parent_refs": _count(0, 32),
        "hostnames": _both(_count(0, 16), _HOSTNAME),
        "rules": _count(1, 16),
    },
    routes.HTTPRouteRule: {
        **_RULE,
        "matches": _count(0, 64),
        "filters": _count(0, 16),
        "backend_refs": _count(0, 16),
    },
    routes.HTTPPathMatch: {"type": _one_of("Exact", "PathPrefix", "RegularExpression"), "value": _text(".*", "", 1024)},
    routes.HTTPHeaderMatch: {
        "type": _one_of("Exact", "RegularExpression"),
        "name": _HEADER_NAME,
        "value": _HEADER_VALUE,
    },
    routes.HTTPQueryParamMatch: {"type": _one_of("Exact", "RegularExpression"), "name": _HEADER_NAME},
    routes.HTTPRouteMatch: {
        "method": _one_of("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"),
        "headers": _count(0, 16),
        "query_params": _count(0, 16),
    },
    routes.HTTPHeader: {"name": _HEADER_NAME, "value": _HEADER_VALUE},
    routes.HTTPHeaderFilter: {"set": _count(0, 16), "add": _count(0, 16), "remove": _count(0, 16)},
    routes.HTTPRouteFilter: {
        "type": _one_of(
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
    routes.HTTPPathModifier: {"type": _one_of("ReplaceFullPath", "ReplacePrefixMatch")},
    routes.HTTPRequestRedirect: {
        "scheme": _one_of("http", "https"),
        "hostname": _PRECISE_HOSTNAME,
        "port": _PORT,
        "status_code": _one_of(301, 302, 303, 307, 308),
    },
    routes.HTTPUrlRewrite: {"hostname": _PRECISE_HOSTNAME},
    routes.HTTPRouteTimeouts: {"request": _DURATION, "backend_request": _DURATION},
    routes.LocalObjectReference: _REFERENCE,
    routes.TCPRouteSpec: {"parent_refs": _count(0, 32), "rules": _count(1, 1)},
    routes.TCPRouteRule: {**_RULE, "backend_refs": _count(1, 16)},
    core.ServicePort: {"port": _PORT, "protocol": _one_of("TCP", "UDP", "SCTP")},
    core.EndpointPort: {"port": _PORT, "protocol": _one_of("TCP", "UDP", "SCTP")},
    core.EndpointSlice: {"address_type": _one_of("IPv4", "IPv6", "FQDN")},
}


# What the fields of one shape must be to each other.


def _service_name(service: msgspec.Struct) -> Broken:
    if isinstance(service, core.Service) and (reason := _LABEL_NAME(service.metadata.name)):
        yield ("metadata", "name"), reason


def _service_ports(spec: msgspec.Struct) -> Broken:
    if isinstance(spec, core.ServiceSpec) and len(spec.ports) > 1:
        yield from _unique((("ports", i, "name"), port.name) for i, port in enumerate(spec.ports))


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
    if isinstance(spec, gateway.GatewaySpec):
        yield from _unique((("listeners", i, "name"), one.name) for i, one in enumerate(spec.listeners))


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


def _backend_port(ref: msgspec.Struct) -> Broken:
    if isinstance(ref, routes.BackendRef) and (ref.group, ref.kind, ref.port) == ("", "Service", None):
        yield ("port",), f"is missing: name the port of Service {ref.name}"


_PATH_CHARACTERS = re.compile(r"(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+")


def _path_value(match: msgspec.Struct) -> Broken:
    if not isinstance(match, routes.HTTPPathMatch) or match.type not in ("Exact", "PathPrefix"):
        return
    value = match.value
    if not value.startswith("/"):
        yield ("value",), f"{value!r} does not start with '/'"
    elif bad := next((part for part in ("//", "/./", "/../", "%2f", "%2F", "#") if part in value), ""):
        yield ("value",), f"{value!r} contains {bad!r}: no request's path does, once normalised"
    elif value.endswith(("/..", "/.")):
        yield ("value",), f"{value!r} ends with a relative part: no request's path does, once normalised"
    elif not _PATH_CHARACTERS.fullmatch(value):
        yield ("value",), f"{value!r} has a character that paths cannot have: percent-encode it"


_FILTERS = {
    "RequestHeaderModifier": ("requestHeaderModifier", "request_header_modifier"),
    "ResponseHeaderModifier": ("responseHeaderModifier", "response_header_modifier"),
    "RequestRedirect": ("requestRedirect", "request_redirect"),
    "URLRewrite": ("urlRewrite", "url_rewrite"),
    "ExtensionRef": ("extensionRef", "extension_ref"),
}


def _filter_type(one: msgspec.Struct) -> Broken:
    if isinstance(one, routes.HTTPRouteFilter):
        for type_, (field, attribute) in _FILTERS.items():
            given = getattr(one, attribute) is not None
            if given and one.type != type_:
                yield (field,), f"does not go with type {one.type}: write type {type_}"
            if not given and one.type == type_:
                yield (field,), f"is missing: type {type_} needs it"


def _path_modifier(modifier: msgspec.Struct) -> Broken:
    if isinstance(modifier, routes.HTTPPathModifier):
        full, prefix = modifier.replace_full_path is not None, modifier.replace_prefix_match is not None
        if full != (modifier.type == "ReplaceFullPath"):
            yield ("replaceFullPath",), "goes with type ReplaceFullPath, and that type with it"
        if prefix != (modifier.type == "ReplacePrefixMatch"):
            yield ("replacePrefixMatch",), "goes with type ReplacePrefixMatch, and that type with it"


def _rule_filters(rule: msgspec.Struct) -> Broken:
    if not isinstance(rule, routes.HTTPRouteRule):
        return
    types = Counter(one.type for one in rule.filters)
    for type_ in ("RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect", "URLRewrite", "CORS"):
        if types[type_] > 1:
            yield ("filters",), f"{type_} appears {types[type_]} times: put all into one"
    if types["RequestRedirect"] and types["URLRewrite"]:
        yield ("filters",), "RequestRedirect and URLRewrite exclude each other: remove one"
    if types["RequestRedirect"] and rule.backend_refs:
        yield ("backendRefs",), "a rule that redirects sends nothing to a backend: remove them"
    modifiers = (one.path for f in rule.filters for one in (f.request_redirect, f.url_rewrite) if one and one.path)
    if any(modifier.type == "ReplacePrefixMatch" for modifier in modifiers) and (
        len(rule.matches) != 1 or rule.matches[0].path.type != "PathPrefix"
    ):
        yield ("matches",), "ReplacePrefixMatch needs exactly one match, of type PathPrefix: make a rule for each"


def _match_count(spec: msgspec.Struct) -> Broken:
    if isinstance(spec, routes.HTTPRouteSpec):
        if (total := sum(len(rule.matches) for rule in spec.rules)) > 128:
            yield ("rules",), f"have {total} matches together: at most 128 are allowed"
        named = ((("rules", i, "name"), rule.name) for i, rule in enumerate(spec.rules) if rule.name)
        yield from _unique(named)


def _unique(named: Iterable[tuple[Path, str]]) -> Broken:
    seen: set[str] = set()
    for path, name in named:
        if name in seen:
            yield path, f"{name!r} is already taken: names must differ" if name else "is missing: names must differ"
        seen.add(name)


_RULES: tuple[tuple[type[msgspec.Struct], Callable[[msgspec.Struct], Broken]], ...] = (
    (core.Service, _service_name),
    (core.ServiceSpec, _service_ports),
    (core.EndpointSlice, _endpoint_addresses),
    (gateway.GatewaySpec, _listener_names),
    (gateway.Listener, _listener_protocol),
    (routes.BackendRef, _backend_port),
    (routes.HTTPPathMatch, _path_value),
    (routes.HTTPRouteFilter, _filter_type),
    (routes.HTTPPathModifier, _path_modifier),
    (routes.HTTPRouteRule, _rule_filters),
    (routes.HTTPRouteSpec, _match_count),
)
