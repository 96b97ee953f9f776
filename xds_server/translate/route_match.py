"""ir.Match → RouteMatch.

Spec: Gateway API v1.6 HTTPPathMatch, HTTPHeaderMatch, HTTPQueryParamMatch
Spec: Envoy v1.40 config.route.v3.RouteMatch
"""

import re

from gateway_api.ir import xds as ir
from protos import matcher
from protos import route as pb

NOT_IN_A_PATH = re.compile(r"[?#]")
"""Envoy refuses these in a prefix; a path that it matches has none."""


def route_match(of: ir.Match) -> pb.RouteMatch:
    """Every part of `of` as a condition of Envoy's."""
    result = path_match(of.path)
    if of.method is not None:
        result.headers.append(pb.HeaderMatcher(name=":method", string_match=matcher.StringMatcher(exact=of.method)))
    result.headers.extend(
        pb.HeaderMatcher(name=_header_name(header.name), string_match=_value(header)) for header in of.headers
    )
    if of.grpc:
        result.headers.append(OF_GRPC)
    result.query_parameters.extend(
        pb.QueryParameterMatcher(name=query.name, string_match=_value(query)) for query in of.queries
    )
    return result


OF_GRPC = pb.HeaderMatcher(name="content-type", string_match=matcher.StringMatcher(prefix="application/grpc"))
"""Envoy's own condition for this leaves out gRPC-Web."""


def path_match(of: ir.PathMatch) -> pb.RouteMatch:
    """A prefix matches whole elements, which Envoy calls path_separated_prefix; it has no such form for "/"."""
    match of.kind:
        case "exact":
            return pb.RouteMatch(path=of.value)
        case "regex":
            return pb.RouteMatch(safe_regex=regex(of.value))
        case "prefix":
            prefix = of.value.rstrip("/")
            if not prefix:
                return pb.RouteMatch(prefix="/")
            if NOT_IN_A_PATH.search(prefix):
                return pb.RouteMatch(safe_regex=regex(re.escape(prefix) + "(/.*)?"))
            return pb.RouteMatch(path_separated_prefix=prefix)


def regex(pattern: str) -> matcher.RegexMatcher:
    """RE2 over the whole value; Envoy refuses the empty pattern, which is to match the empty value."""
    return matcher.RegexMatcher(regex=pattern or "^$")


def _value(of: ir.ValueMatch) -> matcher.StringMatcher:
    if of.kind == "regex":
        return matcher.StringMatcher(safe_regex=regex(of.value))
    return matcher.StringMatcher(exact=of.value)


def _header_name(name: str) -> str:
    """Inside Envoy the Host header is the pseudo header, whichever way it came in."""
    return ":authority" if name == "host" else name
