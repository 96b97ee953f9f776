"""How long a client is waited for."""

import msgspec

from gateway_api.ir.infra import LISTENER_DRAIN


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait for a client. In seconds."""

    make: float = 5.0
    """A resource is sent at the latest so long after it could have been, whatever it names that is not there."""
    linger: float = LISTENER_DRAIN
    """Routes, secrets and endpoints stay so long after nothing names them that the client may be using, for connections
    that still drain; so do the scopes of a table that is not scoped any more."""
    rest: float = 5.0
    """From one version to the next of a whole table whose hosts travel in scopes."""


DEFAULT_PATIENCE = Patience()
