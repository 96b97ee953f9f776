"""HTTPRouteFilters of a rule or backendRef → what is wrong with them, each alone and together."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

from gateway_api.graph import problems
from gateway_api.graph.hostnames import is_precise
from gateway_api.graph.problems import Problem
from gateway_api.graph.references import kind_of
from gateway_api.graph.routes.cors import cors_error
from gateway_api.graph.routes.external_auth import external_auth_problem
from gateway_api.graph.routes.http_match import TOKEN
from gateway_api.graph.routes.mirror import share_error
from k8s_watch.objects.routes import (
    HTTPHeaderFilter,
    HTTPPathModifier,
    HTTPRequestRedirect,
    HTTPRouteFilter,
    HTTPRouteMatch,
    HTTPRouteRule,
    HTTPUrlRewrite,
)

BACKEND_FILTERS = frozenset(
    {"CORS", "RequestHeaderModifier", "RequestMirror", "RequestRedirect", "ResponseHeaderModifier", "URLRewrite"}
)
RULE_FILTERS = BACKEND_FILTERS | {"ExternalAuth"}
REPEATABLE = frozenset({"RequestMirror"})
FORWARDING = frozenset({"RequestMirror", "URLRewrite"})
"""What a request that is redirected cannot have done to it."""
FORWARDING_A_SHARE = FORWARDING | {"CORS"}
"""The same where it is redirected for one of several backends: no preflight knows for which."""

REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})

FRAMING = frozenset(
    {"connection", "content-length", "http2-settings", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}
)
"""Headers by which the two ends of a connection tell where a message ends and what comes after. Envoy sends them as a
route writes them: who reads them then takes a part of one answer for the answer to somebody else's request."""

_MAX_PORT = 65535
_MAX_PATH = 1024
_MAX_VALUE = 4096
_UNSAFE_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_UNSAFE_PATH = re.compile(r"[\x00-\x20\x7f]")
_BEYOND_A_PATH = re.compile(r"[#?]")


def rule_filter_problems(rule: HTTPRouteRule, where: str, supported: frozenset[str]) -> Iterator[Problem]:
    """Yield what is wrong with a rule's filters, of `supported` types, and its backendRefs' filters.

    Spec: Gateway API v1.6 HTTPRouteRule.filters, HTTPBackendRef.filters
    """
    if rule.backend_refs and any(one.type == "RequestRedirect" for one in rule.filters):
        message = f"{where} has a RequestRedirect and backendRefs; a redirect reaches no backend, remove one of them."
        yield problems.incompatible_filters(message)
    yield from _filters(rule.filters, supported, FORWARDING, rule.matches, f"{where}.filters")
    for i, backend in enumerate(rule.backend_refs):
        here = f"{where}.backendRefs[{i}].filters"
        yield from _filters(backend.filters, supported & BACKEND_FILTERS, FORWARDING_A_SHARE, rule.matches, here)
        if any(one.type == "RequestRedirect" for one in backend.filters):
            for kind in sorted(FORWARDING_A_SHARE.intersection(one.type for one in rule.filters)):
                message = f"{here} has a RequestRedirect, and {where}.filters has {kind}; keep one."
                yield problems.incompatible_filters(message)


def extension_problems(rule: HTTPRouteRule, where: str) -> Iterator[Problem]:
    """Yield each reference of a rule's filters, or its backendRefs' filters, to a filter of some other kind.

    Spec: Gateway API v1.6 HTTPRouteFilter.extensionRef, RouteReasonInvalidKind
    """
    for one in chain(rule.filters, *(backend.filters for backend in rule.backend_refs)):
        if one.extension_ref is not None:
            kind = kind_of(one.extension_ref)
            yield problems.invalid_kind(f"{where}: extensionRef {one.extension_ref.name} is of kind {kind}; remove it.")


def _filters(
    filters: Sequence[HTTPRouteFilter],
    supported: frozenset[str],
    forwarding: frozenset[str],
    matches: Sequence[HTTPRouteMatch],
    where: str,
) -> Iterator[Problem]:
    if not filters:
        return
    times = Counter(one.type for one in filters)
    for kind in sorted(times.keys() & supported - REPEATABLE):
        if times[kind] > 1:
            yield problems.incompatible_filters(f"{where} has {kind} {times[kind]} times; it may not be repeated.")
    if times["RequestRedirect"]:
        for kind in sorted(times.keys() & forwarding):
            yield problems.incompatible_filters(f"{where} has both RequestRedirect and {kind}; keep one.")
    if _replaces_prefix(filters) and any(match.path.type != "PathPrefix" for match in matches):
        message = f"{where} replaces the matched prefix, so that every match must have a path of type PathPrefix."
        yield problems.incompatible_filters(message)
    for i, one in enumerate(filters):
        if one.type in supported:
            wrong = _filter(one)
        else:
            wrong = f"type {one.type} is not supported here; supported are {', '.join(sorted(supported))}"
        if wrong:
            yield problems.unsupported_value(f"{where}[{i}] {wrong}.")


def _filter(one: HTTPRouteFilter) -> str | None:
    match one.type:
        case "RequestHeaderModifier":
            return _header_modifier(one.request_header_modifier, "requestHeaderModifier")
        case "ResponseHeaderModifier":
            return _header_modifier(one.response_header_modifier, "responseHeaderModifier")
        case "RequestRedirect":
            return "needs requestRedirect" if one.request_redirect is None else _redirect(one.request_redirect)
        case "RequestMirror":
            return "needs requestMirror" if one.request_mirror is None else share_error(one.request_mirror)
        case "CORS":
            return "needs cors" if one.cors is None else cors_error(one.cors)
        case "ExternalAuth":
            return "needs externalAuth" if one.external_auth is None else external_auth_problem(one.external_auth)
        case _:
            return "needs urlRewrite" if one.url_rewrite is None else _rewrite(one.url_rewrite)


def _header_modifier(modifier: HTTPHeaderFilter | None, field: str) -> str | None:
    """Spec: Gateway API v1.6 HTTPHeaderFilter; Envoy v1.40 config.core.v3.HeaderValueOption refuses Host."""
    if modifier is None:
        return f"needs {field}"
    headers = (*modifier.set, *modifier.add)
    for name in (*(header.name for header in headers), *modifier.remove):
        if not TOKEN.fullmatch(name):
            return f"{field} has the invalid header name {name!r}"
        if name.lower() == "host":
            return f"{field} cannot change Host; use a URLRewrite with a hostname"
    for header in headers:
        if header.name.lower() in FRAMING:
            return f"{field} cannot set or add {header.name}, which only the proxy may set; remove it"
        if len(header.value) > _MAX_VALUE or _UNSAFE_VALUE.search(header.value):
            return f"{field} has a value for {header.name} that is too long or holds control characters"
    return None


def _redirect(redirect: HTTPRequestRedirect) -> str | None:
    """Spec: Gateway API v1.6 HTTPRequestRedirectFilter."""
    if redirect.scheme not in (None, "http", "https"):
        return f"requestRedirect.scheme is {redirect.scheme!r}; use http or https"
    if redirect.status_code not in REDIRECT_STATUSES:
        return f"requestRedirect.statusCode is {redirect.status_code}; use 301, 302, 303, 307 or 308"
    if redirect.port is not None and not 1 <= redirect.port <= _MAX_PORT:
        return f"requestRedirect.port {redirect.port} is not a port from 1 to {_MAX_PORT}"
    return _hostname(redirect.hostname, "requestRedirect") or _path_modifier(
        redirect.path, "requestRedirect", leads_elsewhere=True
    )


def _rewrite(rewrite: HTTPUrlRewrite) -> str | None:
    """Spec: Gateway API v1.6 HTTPURLRewriteFilter."""
    return _hostname(rewrite.hostname, "urlRewrite") or _path_modifier(rewrite.path, "urlRewrite")


def _hostname(hostname: str | None, field: str) -> str | None:
    if hostname is None or is_precise(hostname):
        return None
    return f"{field}.hostname {hostname!r} is not a lower-case DNS name"


def _path_modifier(path: HTTPPathModifier | None, field: str, *, leads_elsewhere: bool = False) -> str | None:
    """A whole path that leads a client elsewhere may bring a query, in place of the request's, and a fragment.

    Spec: Gateway API v1.6 HTTPPathModifier
    """
    if path is None:
        return None
    match path.type:
        case "ReplaceFullPath":
            value, name = path.replace_full_path, "replaceFullPath"
        case "ReplacePrefixMatch":
            value, name = path.replace_prefix_match, "replacePrefixMatch"
        case other:
            return f"{field}.path has the unknown type {other}; use ReplaceFullPath or ReplacePrefixMatch"
    if value is None:
        return f"{field}.path needs {name}"
    if len(value) > _MAX_PATH or _UNSAFE_PATH.search(value):
        return f"{field}.path.{name} is too long or holds a space"
    if _BEYOND_A_PATH.search(value) and not (leads_elsewhere and path.type == "ReplaceFullPath"):
        return f"{field}.path.{name} {value!r} holds # or ?, which is no part of a path"
    if not value.startswith("/") and (value or path.type == "ReplaceFullPath"):
        return f"{field}.path.{name} {value!r} does not begin with /"
    return None


def _replaces_prefix(filters: Sequence[HTTPRouteFilter]) -> bool:
    paths = [one.request_redirect.path for one in filters if one.request_redirect]
    paths += [one.url_rewrite.path for one in filters if one.url_rewrite]
    return any(path is not None and path.type == "ReplacePrefixMatch" for path in paths)
