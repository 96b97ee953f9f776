"""A cluster whose processes were killed → what still runs of it: containers, and the shims that kept them."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

from tests.lab.places import CONTAINERD_SOCKET, STATE

PROC = Path("/proc")


def kill() -> None:
    """End what nobody answers for any more. Shims first: each would report the end of its container to nobody."""
    for pid in [*_shims(), *_containers()]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _shims() -> Iterator[int]:
    """Every shim is told the socket of its containerd."""
    ours = os.fsencode(CONTAINERD_SOCKET)
    for pid in _pids():
        words = _text(pid, "cmdline").split(b"\0")
        if words[0].endswith(b"containerd-shim-runc-v2") and ours in words:
            yield pid


def _containers() -> Iterator[int]:
    """The root of a container of ours is an overlay of folders below our state."""
    below = os.fsencode(f"{STATE}/")
    for pid in _pids():
        if any(mount.split()[4] == b"/" and below in mount for mount in _text(pid, "mountinfo").splitlines()):
            yield pid


def _pids() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdecimal()]


def _text(pid: int, file: str) -> bytes:
    """Return nothing for a process that ended meanwhile."""
    try:
        return (PROC / str(pid) / file).read_bytes()
    except OSError:
        return b""
