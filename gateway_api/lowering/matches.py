"""HTTPRouteMatch → ir.Match."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from gateway_api.graph.paths import unescaped
from gateway_api.ir import xds as ir
from k8s_watch.objects.routes import HTTPPathMatch, HTTPRouteMatch

type ValueKind = Literal["exact", "regex"]


def lower_match(match: HTTPRouteMatch) -> ir.Match:
    """Say a match in the proxy's terms.

    Of several matches of one header, or of one query parameter, the first counts. Regular expressions pass as they are:
    the graph has let none through that does not compile.

    Spec: Gateway API v1.6 HTTPRouteMatch
    """
    return ir.Match(
        path=_path(match.path),
        method=match.method,
        headers=_first_of_each((header.name.lower(), header.type, header.value) for header in match.headers),
        queries=_first_of_each((query.name, query.type, query.value) for query in match.query_params),
    )


def preflight_of(match: ir.Match) -> ir.Match:
    """Match the requests by which a browser asks whether it may send one that `match` lets in.

    Spec: Fetch standard, "CORS-preflight fetch"
    """
    asking = (
        ir.ValueMatch(name="origin", kind="regex", value=".+"),
        ir.ValueMatch(
            name="access-control-request-method",
            kind="exact" if match.method else "regex",
            value=match.method or ".+",
        ),
    )
    return msgspec.structs.replace(match, method="OPTIONS", headers=(*match.headers, *asking))


def prefix_of(path: str) -> str:
    """Drop the trailing slash of a path prefix; "/" alone stays.

    Spec: Gateway API v1.6 HTTPPathModifier.replacePrefixMatch, "a trailing / is ignored"
    """
    return path.rstrip("/") or "/"


def _path(path: HTTPPathMatch) -> ir.PathMatch:
    match path.type:
        case "Exact":
            return ir.PathMatch(kind="exact", value=unescaped(path.value))
        case "RegularExpression":
            return ir.PathMatch(kind="regex", value=path.value)
        case _:
            return ir.PathMatch(kind="prefix", value=prefix_of(unescaped(path.value)))


def _first_of_each(values: Iterable[tuple[str, str, str]]) -> tuple[ir.ValueMatch, ...]:
    """Spec: Gateway API v1.6 HTTPHeaderMatch.name, "the first entry with an equivalent name MUST be considered"."""
    found: dict[str, ir.ValueMatch] = {}
    for name, kind, value in values:
        found.setdefault(name, ir.ValueMatch(name=name, kind=_value_kind(kind), value=value))
    return tuple(found.values())


def _value_kind(kind: str) -> ValueKind:
    return "regex" if kind == "RegularExpression" else "exact"
