"""How a request reached us: what a redirect must know when the user leaves scheme and port open."""

from typing import Literal

import msgspec

type Scheme = Literal["http", "https"]


class Frontend(msgspec.Struct, frozen=True):
    """Scheme and port as the client sees them: the port of the Gateway's listener, not the one that the proxy binds."""

    scheme: Scheme
    port: int
