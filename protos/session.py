"""Sessions: how a client returns to the address that answered it."""

from envoy.extensions.filters.http.stateful_session.v3.stateful_session_pb2 import (
    StatefulSession,
    StatefulSessionPerRoute,
)
from envoy.extensions.http.stateful_session.cookie.v3.cookie_pb2 import CookieBasedSessionState
from envoy.extensions.http.stateful_session.header.v3.header_pb2 import HeaderBasedSessionState
from envoy.type.http.v3.cookie_pb2 import Cookie, CookieAttribute

__all__ = [
    "Cookie",
    "CookieAttribute",
    "CookieBasedSessionState",
    "HeaderBasedSessionState",
    "StatefulSession",
    "StatefulSessionPerRoute",
]
