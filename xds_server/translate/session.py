"""ir.Session → what the session filter is told for a route or a weighted cluster, and how a session is recognised.

The filter is in every connection manager and does nothing where it is told nothing. It is not disabled there: of a
request with a body whose route had to be fetched first, Envoy skips what was disabled before the route was known.

Spec: Envoy v1.40 extensions.filters.http.stateful_session.v3.StatefulSession
"""

import re

from google.protobuf.any_pb2 import Any as AnyMessage

from gateway_api.ir import xds as ir
from protos import core, http, matcher
from protos import session as pb
from protos.encode import pack
from protos.route import HeaderMatcher
from protos.values import seconds

FILTER = "envoy.filters.http.stateful_session"

SESSIONS = http.HttpFilter(name=FILTER, typed_config=pack(pb.StatefulSession()))
"""After the filters that may refuse a request: only what reaches a backend begins a session."""


def session_of(session: ir.Session) -> AnyMessage:
    """The filter's configuration for requests that go to a destination with this session.

    A session whose address is gone begins anew at another of the same cluster.
    """
    match session.kind:
        case "header":
            state = core.TypedExtensionConfig(
                name="envoy.http.stateful_session.header",
                typed_config=pack(pb.HeaderBasedSessionState(name=session.name)),
            )
        case "cookie":
            state = core.TypedExtensionConfig(
                name="envoy.http.stateful_session.cookie",
                typed_config=pack(pb.CookieBasedSessionState(cookie=_cookie(session))),
            )
    return pack(pb.StatefulSessionPerRoute(stateful_session=pb.StatefulSession(session_state=state)))


def has_session(session: ir.Session) -> HeaderMatcher:
    """Whether a request has the cookie of this session."""
    pattern = rf"(.*[;,] *)?{re.escape(session.name)}=.*"
    return HeaderMatcher(
        name="cookie", string_match=matcher.StringMatcher(safe_regex=matcher.RegexMatcher(regex=pattern))
    )


def _cookie(session: ir.Session) -> pb.Cookie:
    """Envoy adds HttpOnly. Spec: GEP-1619, "Secure, HttpOnly, SameSite"."""
    secure = [pb.CookieAttribute(name="Secure")] if session.secure else []
    return pb.Cookie(
        name=session.name,
        path=session.path,
        ttl=seconds(session.lifetime or 0),
        attributes=[*secure, pb.CookieAttribute(name="SameSite", value="Strict")],
    )
