"""Options of TCP sockets, in Linux' numbers: it is where the proxies run, wherever this is written."""

from protos import core

SOL_SOCKET, SO_KEEPALIVE = 1, 9
IPPROTO_TCP, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_USER_TIMEOUT = 6, 4, 5, 6, 18

KEEPALIVE = [
    core.SocketOption(level=level, name=name, int_value=value)
    for level, name, value in (
        (SOL_SOCKET, SO_KEEPALIVE, 1),
        (IPPROTO_TCP, TCP_KEEPIDLE, 60),
        (IPPROTO_TCP, TCP_KEEPINTVL, 20),
        (IPPROTO_TCP, TCP_KEEPCNT, 3),
    )
]
"""Of a listening socket; those that it accepts have them from it. Finds a client that vanished in two minutes."""

UNACKNOWLEDGED = [core.SocketOption(level=IPPROTO_TCP, name=TCP_USER_TIMEOUT, int_value=60_000)]
"""Milliseconds for which what was sent may be unacknowledged, a quarter of an hour without. It also ends connections to
who is alive and reads nothing for so long."""
