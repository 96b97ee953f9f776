"""What the fields of one shape of an HTTPRoute must be to each other: shape → broken rules, each with its remedy.

Spec: the CEL rules of the Gateway API v1.6 CRDs
"""

import re
from collections import Counter

import msgspec

from k8s_watch.files.checks import Broken, unique
from k8s_watch.files.paths import Path
from k8s_watch.objects import routes

_PATH_CHARACTERS = re.compile(r"(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+")


def path_value(match: msgspec.Struct) -> Broken:
    """A path that a normalised request can have."""
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
    "RequestMirror": ("requestMirror", "request_mirror"),
    "CORS": ("cors", "cors"),
    "ExternalAuth": ("externalAuth", "external_auth"),
    "ExtensionRef": ("extensionRef", "extension_ref"),
}


def filter_type(one: msgspec.Struct) -> Broken:
    """A filter has the field of its type and no other."""
    if isinstance(one, routes.HTTPRouteFilter):
        for type_, (field, attribute) in _FILTERS.items():
            given = getattr(one, attribute) is not None
            if given and one.type != type_:
                yield (field,), f"is not allowed for type {one.type}: write type {type_}"
            if not given and one.type == type_:
                yield (field,), f"is missing: type {type_} needs it"


def path_modifier(modifier: msgspec.Struct) -> Broken:
    """A modifier has the field of its type and no other."""
    if isinstance(modifier, routes.HTTPPathModifier):
        full, prefix = modifier.replace_full_path is not None, modifier.replace_prefix_match is not None
        if full != (modifier.type == "ReplaceFullPath"):
            yield ("replaceFullPath",), "is needed for type ReplaceFullPath, and allowed for no other"
        if prefix != (modifier.type == "ReplacePrefixMatch"):
            yield ("replacePrefixMatch",), "is needed for type ReplacePrefixMatch, and allowed for no other"


def mirrored_share(mirror: msgspec.Struct) -> Broken:
    """A mirror gets a percentage or a fraction of the requests."""
    if isinstance(mirror, routes.HTTPRequestMirror) and mirror.percent is not None and mirror.fraction is not None:
        yield ("percent",), "excludes fraction: remove one"


def fraction(of: msgspec.Struct) -> Broken:
    """No more than all."""
    if isinstance(of, routes.Fraction) and of.numerator > of.denominator:
        yield ("numerator",), f"{of.numerator} is more than the denominator {of.denominator}"


def cors(policy: msgspec.Struct) -> Broken:
    """Lists without repetition; where `*` stands for anything, it stands alone."""
    if isinstance(policy, routes.HTTPCors):
        for field, values, alone in (
            ("allowOrigins", policy.allow_origins, True),
            ("allowMethods", policy.allow_methods, True),
            ("allowHeaders", policy.allow_headers, True),
            ("exposeHeaders", policy.expose_headers, False),
        ):
            yield from unique(((field, i), value) for i, value in enumerate(values))
            if alone and "*" in values and len(values) > 1:
                yield (field,), "has * among other values: * must stand alone"


def external_auth(auth: msgspec.Struct) -> Broken:
    """An authorization server has the field of its protocol and no other."""
    if isinstance(auth, routes.HTTPExternalAuth):
        for protocol, field, given in (("GRPC", "grpc", auth.grpc), ("HTTP", "http", auth.http)):
            if given is None and auth.protocol == protocol:
                yield (field,), f"is missing: protocol {protocol} needs it"
            if given is not None and auth.protocol != protocol:
                yield (field,), f"is not allowed for protocol {auth.protocol}: remove it"


def session_persistence(session: msgspec.Struct) -> Broken:
    """A cookie's settings for a cookie, and a lifetime for one that outlives its browser."""
    if not isinstance(session, routes.SessionPersistence) or session.cookie_config is None:
        return
    if session.type != "Cookie":
        yield ("cookieConfig",), f"is not allowed for type {session.type}: remove it"
    if session.cookie_config.lifetime_type == "Permanent" and session.absolute_timeout is None:
        yield ("absoluteTimeout",), "is missing: a permanent cookie needs one"


def rule_filters(rule: msgspec.Struct) -> Broken:
    """Filters of a rule, or of a backend of it, that go together."""
    if not isinstance(rule, routes.HTTPRouteRule):
        return
    if rule.backend_refs and any(one.type == "RequestRedirect" for one in rule.filters):
        yield ("backendRefs",), "a rule that redirects sends nothing to a backend: remove them"
    yield from _filters(("filters",), rule.filters, rule)
    for i, ref in enumerate(rule.backend_refs):
        yield from _filters(("backendRefs", i, "filters"), ref.filters, rule)


def _filters(path: Path, filters: tuple[routes.HTTPRouteFilter, ...], rule: routes.HTTPRouteRule) -> Broken:
    types = Counter(one.type for one in filters)
    for type_ in ("RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect", "URLRewrite", "CORS"):
        if types[type_] > 1:
            yield path, f"{type_} appears {types[type_]} times: put all into one"
    if types["RequestRedirect"] and types["URLRewrite"]:
        yield path, "RequestRedirect and URLRewrite exclude each other: remove one"
    modifiers = (one.path for f in filters for one in (f.request_redirect, f.url_rewrite) if one and one.path)
    if any(modifier.type == "ReplacePrefixMatch" for modifier in modifiers) and (
        len(rule.matches) != 1 or rule.matches[0].path.type != "PathPrefix"
    ):
        yield ("matches",), "ReplacePrefixMatch needs exactly one match, of type PathPrefix: make a rule for each"


def match_count(spec: msgspec.Struct) -> Broken:
    """Not too many matches in all, and rules with names of their own."""
    if isinstance(spec, routes.HTTPRouteSpec):
        if (total := sum(len(rule.matches) for rule in spec.rules)) > 128:
            yield ("rules",), f"have {total} matches together: at most 128 are allowed"
        named = ((("rules", i, "name"), rule.name) for i, rule in enumerate(spec.rules) if rule.name)
        yield from unique(named)
