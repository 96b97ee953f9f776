"""Bound ports and what becomes of a connection to them."""

from typing import Literal

from gateway_api.ir.record import Record
from gateway_api.ir.routes import Destination, Scoping


class ClientValidation(Record, frozen=True):
    """Ask clients for a certificate of the authorities in the `CaBundle` of that name."""

    ca: str
    required: bool
    """False lets in those without a valid certificate, too."""


class DownstreamTls(Record, frozen=True):
    """Terminate with these certificates: names of `TlsSecret`s, in the listener's order."""

    secrets: tuple[str, ...]
    client: ClientValidation | None = None
    """None asks for no certificate."""
    alpn: tuple[str, ...] = ("h2", "http/1.1")


type EscapedSlashes = Literal["UnescapeAndRedirect", "UnescapeAndForward", "KeepUnchanged", "RejectRequest"]


class Paths(Record, frozen=True):
    """What becomes of a request's path before anything looks at it."""

    merge_slashes: bool = True
    """`//` is one."""
    escaped_slashes: EscapedSlashes = "UnescapeAndRedirect"
    """What is done about `%2F` and `%5C`."""


class HttpChain(Record, frozen=True):
    """Serve HTTP from the named route table."""

    route_table: str
    scoping: Scoping | None = None
    """That of the table."""
    paths: Paths = Paths()


class TcpChain(Record, frozen=True):
    """Proxy bytes. No destination with a weight: the connection is closed."""

    destinations: tuple[Destination, ...]


class FilterChain(Record, frozen=True):
    """One way of handling a connection on a port."""

    name: str
    handler: HttpChain | TcpChain
    server_names: tuple[str, ...] = ()
    """SNI: exact or `*.suffix`; empty takes what no other chain takes."""
    tls: DownstreamTls | None = None


class Datagrams(Record, frozen=True):
    """Proxy datagrams, those of one client to one place. No destination with a weight: they are dropped."""

    destinations: tuple[Destination, ...]


class Listener(Record, frozen=True):
    """One bound port. Gateway API listeners that share a port and its transport share this."""

    name: str
    """`tcp-<port>` or `udp-<port>`, with the listener's own port."""
    port: int
    """The port the user asked for."""
    bind_port: int
    """The port the proxy binds: `port`, shifted where privileged ports are out of reach."""
    filter_chains: tuple[FilterChain, ...] = ()
    datagrams: Datagrams | None = None
    """For a UDP port, in place of the filter chains of a TCP port."""
    bind_address: str = "0.0.0.0"
