"""Command lines → processes in the lab's network that outlive the command which started them, and their end by id."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.lab.network import inside
from tests.lab.places import STATE

PIDS = STATE / "pid"
LOGS = STATE / "log"
POLL = 0.1
"""Seconds between two looks at something that gives no notice."""


class NotReady(Exception):
    """Something did not happen in time. The text says what, and after how many seconds."""


def start(name: str, *command: str | Path) -> None:
    """Start `command` in the lab's network; its output goes to `<state>/log/<name>.log`."""
    with (LOGS / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            inside(*command), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    (PIDS / name).write_text(str(process.pid))


def stop(names: Iterable[str], *, patience: float = 5.0) -> None:
    """End the named processes and wait for it: SIGTERM, and SIGKILL after `patience` seconds. Absent ones are fine."""
    pids = [pid for name in names if (pid := _pid(name)) is not None]
    for pid in pids:
        _signal(pid, signal.SIGTERM)
    if not _all_gone(pids, patience):
        for pid in pids:
            _signal(pid, signal.SIGKILL)
        _all_gone(pids, patience)


def wait_for(what: str, ready: Callable[[], bool], *, patience: float) -> None:
    """Return when `ready` says so. Raises NotReady when it does not within `patience` seconds."""
    deadline = time.monotonic() + patience
    while not ready():
        if time.monotonic() > deadline:
            raise NotReady(f"{what}: not after {patience:.0f} s")
        time.sleep(POLL)


def _pid(name: str) -> int | None:
    file = PIDS / name
    return int(file.read_text()) if file.exists() else None


def _all_gone(pids: list[int], patience: float) -> bool:
    deadline = time.monotonic() + patience
    while any(_is_alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True


def _is_alive(pid: int) -> bool:
    """A process that ended but was not yet waited for by its parent counts as gone."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def _signal(pid: int, number: signal.Signals) -> None:
    if _is_alive(pid):
        os.kill(pid, number)
