"""Listening sockets, open long before anything serves on them.

Most of our start is imports. Who connects meanwhile waits in the kernel's queue and is answered when we can: a kubelet
that asks once a second need not ask again. Imports nothing but sockets, for the same reason.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

BACKLOG = 128


class PortError(Exception):
    """An address cannot be listened on; the text names it and says why."""


class Sockets(NamedTuple):
    """Of each thing that is served; None for one that is turned off."""

    health: socket.socket | None
    metrics: socket.socket | None


@contextmanager
def listening(*, health: tuple[str, int], metrics: tuple[str, int]) -> Iterator[Sockets]:
    """Listen on these (host, port) pairs while the block lasts; port 0 turns one off.

    Raises PortError when a port is taken or a host is not ours.
    """
    with ExitStack() as stack:
        yield Sockets(*(stack.enter_context(_listen(host, port)) if port else None for host, port in (health, metrics)))


def _listen(host: str, port: int) -> socket.socket:
    """The first address of the host that can be listened on; an empty host is any interface, `::` any of both sorts."""
    problem: OSError | None = None
    try:
        for family, *_, address in socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            try:
                dual = family == socket.AF_INET6 and host == "::"
                return socket.create_server(address, family=family, backlog=BACKLOG, dualstack_ipv6=dual)
            except OSError as error:
                problem = error
    except OSError as error:
        problem = error
    raise PortError(f"cannot listen on {host}:{port}: {problem and problem.strerror}") from problem
