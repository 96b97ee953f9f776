"""How a request reached us: what a route must know where its user leaves something open."""

from typing import Literal

import msgspec

type Scheme = Literal["http", "https"]


class Frontend(msgspec.Struct, frozen=True):
    """Scheme and port as the client sees them: the port of the Gateway's listener, not the one that the proxy binds."""

    scheme: Scheme
    port: int
    request_timeout: float | None = None
    """For a rule of an HTTPRoute that says nothing of a timeout: see `GraphSettings`."""
