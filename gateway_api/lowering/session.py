"""SessionPersistence of a rule or a Service → ir.Session."""

import math
import re
from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from gateway_api.graph.durations import seconds
from gateway_api.graph.routes.session import is_permanent
from gateway_api.ir import xds as ir
from gateway_api.lowering.frontend import Frontend
from k8s_watch.objects.meta import Shape
from k8s_watch.objects.routes import SessionPersistence

_IN_A_COOKIE_PATH = re.compile(r"[!-:<-~]*")
"""Spec: RFC 6265 section 4.1.1, path-value."""
_LITERAL = re.compile(r"[A-Za-z0-9/_~!&'=:@%-]*(?![?*{])")
"""What a regex begins with and matches only itself."""


def session(spec: SessionPersistence, identity: str, path: str, to: ir.Cluster, frontend: Frontend) -> ir.Session:
    """Say how clients that came in through `frontend` return to a backend.

    `identity` tells the rule from others: they do not share sessions that no user gave a name. `path` is the cookie's;
    where it is "", rules do not share a session of one name either. Of a backend nothing but its Service and port is in
    the cookie's name: its other settings may change, and nobody loses a session.

    Spec: Gateway API v1.6 SessionPersistence; GEP-1619, "Cookie Attributes", "Must Not Share Sessions"
    """
    place = _digest(f"{to.hostname or to.backend}:{to.port}".encode())
    if spec.type == "Header":
        return ir.Session(kind="header", name=spec.session_name or f"x-session-{identity}")
    lifetime = seconds(spec.absolute_timeout or "") if is_permanent(spec) else None
    name = spec.session_name if spec.session_name and path else f"{spec.session_name or 'session'}-{identity}"
    return ir.Session(
        kind="cookie",
        name=f"{name}-{place}",
        path=path,
        lifetime=None if lifetime is None else float(math.ceil(lifetime)),
        secure=frontend.scheme == "https",
    )


def rule_identity(route: str, name: str | None, matches: Sequence[Shape]) -> str:
    """Eight hexadecimal digits that stay the same when other rules come and go, or backends of the rule do.

    `route` is its kind and key; a rule is what its name says, or else what it matches.
    """
    said = [route, name] if name else [route, matches]
    return _digest(msgspec.json.encode(said))


def cookie_path(path: ir.PathMatch) -> str:
    """Return the longest path that all paths matched begin with and that a cookie can have.

    Spec: GEP-1619, "Path"
    """
    if path.kind == "regex":
        literal = "" if "|" in path.value else _leading(_LITERAL, path.value)
    elif path.value == (literal := _leading(_IN_A_COOKIE_PATH, path.value)):
        return path.value
    return literal[: literal.rfind("/")] or "/"


def _digest(said: bytes) -> str:
    return blake2b(said, digest_size=4).hexdigest()


def _leading(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.match(text)
    return found[0] if found else ""
