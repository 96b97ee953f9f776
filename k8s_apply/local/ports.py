"""The ports that Gateways want on this machine, which all share, → who cannot have theirs, and why."""

import errno
import os
import socket
from collections.abc import Iterator, Mapping

from gateway_api.ir.infra import InfraIR, InfraPort
from k8s_watch.keys import ObjectKey

ADDRESS = "127.0.0.1"
"""Where everything here listens."""

type Wanted = Mapping[ObjectKey, InfraIR]


def clashes(wanted: Wanted, holders: Mapping[tuple[str, int], ObjectKey]) -> dict[ObjectKey, str]:
    """Say which Gateways must not run beside the others, with a message for the user.

    `holders` are those whose proxies already run, by protocol and bound port: whoever has a port keeps it; among
    newcomers the first by name gets it. Two Envoys on one port would share its connections without a word.
    """
    taken = {port: key for port, key in holders.items() if key in wanted and port in _bound(wanted[key])}
    problems: dict[ObjectKey, str] = {}
    for key in sorted(wanted):
        lost = next((port for port in wanted[key].ports if taken.get(_id(port), key) != key), None)
        if lost:
            problems[key] = (
                f"port {lost.bind_port} of this machine, for the listener port {lost.port}, belongs to"
                f" Gateway {taken[_id(lost)]}: give one of the two another port"
            )
        else:
            taken |= dict.fromkeys(_bound(wanted[key]), key)
    return problems


def unusable(infra: InfraIR) -> str:
    """Say why a port that is not in use by us cannot be bound, for the user; "" when all can."""
    return next(_unusable(infra.ports), "")


def _unusable(ports: tuple[InfraPort, ...]) -> Iterator[str]:
    for port in ports:
        with socket.socket(type=socket.SOCK_STREAM if port.protocol == "TCP" else socket.SOCK_DGRAM) as probe:
            if port.protocol == "TCP":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((ADDRESS, port.bind_port))
            except OSError as error:
                yield _explain(port, error)


def _explain(port: InfraPort, error: OSError) -> str:
    name = f"port {port.bind_port} of this machine, for the listener port {port.port},"
    match error.errno:
        case errno.EADDRINUSE:
            return f"{name} is in use by another process: end it, or give the listener another port"
        case errno.EACCES:
            return (
                f"{name} needs more rights than we have: leave ports below 1024 shifted, or give us the right to bind"
            )
        case _:
            return f"{name} cannot be bound: {os.strerror(error.errno or 0)}"


def _id(port: InfraPort) -> tuple[str, int]:
    return port.protocol, port.bind_port


def _bound(infra: InfraIR) -> frozenset[tuple[str, int]]:
    return frozenset(_id(port) for port in infra.ports)
