"""ir.Cors → CorsPolicy, which Envoy's CORS filter finds at the route.

Spec: Envoy v1.40 extensions.filters.http.cors.v3.CorsPolicy
"""

import re

from google.protobuf.any_pb2 import Any as AnyMessage

from gateway_api.ir import xds as ir
from protos import core, http, matcher
from protos.encode import pack
from protos.route import HeaderMatcher
from protos.values import FALSE, TRUE
from xds_server.translate.header_mods import literal
from xds_server.translate.route_match import regex

FILTER = "envoy.filters.http.cors"


def cors_policy(of: ir.Cors) -> AnyMessage:
    """What preflights are answered, here and not by a backend, and what is added to the answers of other requests."""
    policy = http.CorsPolicy(
        allow_methods=", ".join(of.methods),
        allow_headers=", ".join(of.headers),
        expose_headers=", ".join(of.exposed),
        max_age=str(of.max_age),
        allow_credentials=TRUE if of.credentials else None,
        forward_not_matching_preflights=FALSE,
    )
    if allowed := _any_page(of):
        policy.allow_origin_string_match.append(allowed)
    return pack(policy)


def of_allowed_page(of: ir.Cors) -> HeaderMatcher | None:
    """Whether a request comes from a page that may ask; None where none may."""
    allowed = _any_page(of)
    return HeaderMatcher(name="origin", string_match=allowed) if allowed else None


def told(of: ir.Cors) -> list[core.HeaderValueOption]:
    """What the answer to such a request says, where the filter says nothing: it knows requests to backends alone."""
    headers = {"access-control-allow-origin": "%REQ(origin)%"}
    if of.credentials:
        headers["access-control-allow-credentials"] = "true"
    if of.exposed:
        headers["access-control-expose-headers"] = literal(", ".join(of.exposed))
    return [
        core.HeaderValueOption(
            header=core.HeaderValue(key=name, value=value),
            append_action=core.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
        )
        for name, value in headers.items()
    ]


def _any_page(of: ir.Cors) -> matcher.StringMatcher | None:
    """One expression for all pages that may ask: one each would take a proxy six times the room, 6.5 KiB an origin."""
    patterns = [".*"] if of.any_origin else [origin_pattern(origin) for origin in of.origins]
    either = "|".join(f"({pattern})" for pattern in patterns)
    return matcher.StringMatcher(safe_regex=regex(either)) if patterns else None


def origin_pattern(of: ir.Origin) -> str:
    """A regular expression for the Origin header, with or without the port that its scheme implies."""
    optional = "?" if ir.WELL_KNOWN_PORTS.get(of.scheme) == of.port else ""
    return f"(?i){of.scheme}://{_host(of.host)}(:{of.port}){optional}"


def _host(host: str) -> str:
    if host == "*":
        return r"([^/:\[\]]+|\[[^/\]]+\])"
    if host.startswith("*."):
        return rf"[^/:\[\]]+{re.escape(host.removeprefix('*'))}"
    return re.escape(host)
