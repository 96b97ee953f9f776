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
    record(name, process.pid)


def record(name: str, pid: int) -> None:
    """Write down who `name` is: its id, and when it began, for ids are given out again."""
    (PIDS / name).write_text(f"{pid} {_began(pid)}")


def run(name: str) -> bool:
    """Tell whether the process of that name runs."""
    return _pid(name) is not None


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
    """Return its id while it runs. A process that another one's id was given to is none of ours."""
    file = PIDS / name
    if not file.exists():
        return None
    pid, began = file.read_text().split()
    return int(pid) if _began(int(pid)) == began else None


def _all_gone(pids: list[int], patience: float) -> bool:
    deadline = time.monotonic() + patience
    while any(_is_alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True


def _is_alive(pid: int) -> bool:
    return _began(pid) is not None


def _began(pid: int) -> str | None:
    """Return when the process began, in ticks since the machine did. One that ended is None, though its parent did not
    wait for it yet. Spec: proc_pid_stat(5).
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[19]


def _signal(pid: int, number: signal.Signals) -> None:
    if _is_alive(pid):
        os.kill(pid, number)
