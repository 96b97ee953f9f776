"""CORS filters → what is wrong with them, and the origins that they allow."""

import re
from collections.abc import Sequence

from gateway_api.graph.routes.http_match import METHODS, TOKEN
from gateway_api.ir.xds import WELL_KNOWN_PORTS, Origin
from k8s_watch.objects.routes import HTTPCors

ANY = "*"

_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>\*|(?:\*\.)?(?:[a-zA-Z0-9-]+\.)*[a-zA-Z0-9-]+)(?::(?P<port>[0-9]{1,5}))?"
)
_MAX_ORIGIN = 253
_MAX_PORT = 65535


def cors_error(cors: HTTPCors) -> str | None:
    """Return what is wrong with a CORS filter, in words that go after its place.

    Spec: Gateway API v1.6 HTTPCORSFilter
    """
    lists = {
        "allowOrigins": cors.allow_origins,
        "allowMethods": cors.allow_methods,
        "allowHeaders": cors.allow_headers,
    }
    for field, values in lists.items():
        if ANY in values and len(values) > 1:
            return f"cors.{field} has * among other values; * must stand alone"
    for origin in cors.allow_origins:
        if origin != ANY and parse_origin(origin) is None:
            return f"cors.allowOrigins has {origin!r}, not an origin such as https://www.example.com or https://*.a.com"
    for method in cors.allow_methods:
        if method not in METHODS | {ANY}:
            return f"cors.allowMethods has {method!r}, not one of {', '.join(sorted(METHODS))} or *"
    for header in (*cors.allow_headers, *cors.expose_headers):
        if not TOKEN.fullmatch(header):
            return f"cors has the invalid header name {header!r}"
    return None if cors.max_age > 0 else f"cors.maxAge is {cors.max_age}; use 1 second or more"


def origins(values: Sequence[str]) -> tuple[Origin, ...]:
    """Return the origins in a list that has no error; `*` alone is not among them.

    Spec: Gateway API v1.6 HTTPCORSFilter.allowOrigins
    """
    return tuple(origin for value in values if (origin := parse_origin(value)) is not None)


def parse_origin(text: str) -> Origin | None:
    """Return the origin; None when the text is none. A port that is left out is that of the scheme.

    Spec: Gateway API v1.6 CORSOrigin
    """
    found = _ORIGIN.fullmatch(text)
    if found is None or len(text) > _MAX_ORIGIN:
        return None
    scheme = found["scheme"]
    port = int(found["port"] or WELL_KNOWN_PORTS[scheme])
    return Origin(scheme=scheme, host=found["host"].lower(), port=port) if 0 < port <= _MAX_PORT else None
