"""The folder of one standalone Lychgate: its statuses, and the lock that says whether it lives."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STATUS_FILE = "status.json"
LOCK = "lock"
GLANCE = 0.1
"""Seconds. Whoever asks `is_in_use` holds the lock for less than that."""


class StateError(RuntimeError):
    """The state folder cannot be made, or another Lychgate runs with it. The message has a remedy."""


def default_state_dir() -> Path:
    """Where a standalone Lychgate keeps its statuses unless told. Raises StateError for a user without a home.

    Spec: XDG Base Directory, XDG_STATE_HOME
    """
    try:
        home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    except RuntimeError as error:
        raise StateError("this user has no home to keep statuses in: name a folder with --state-dir") from error
    return Path(home) / "lychgate"


@contextmanager
def only_one(state: Path) -> Iterator[Path]:
    """Make the folder and hold it for this process alone. Raises StateError."""
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = (state / LOCK).open("w")
    except OSError as error:
        raise StateError(f"{state} cannot be used: {error.strerror}; name another folder with --state-dir") from error
    with file as lock:
        if not _take(lock.fileno(), fcntl.LOCK_EX):
            time.sleep(GLANCE)
            if not _take(lock.fileno(), fcntl.LOCK_EX):
                raise StateError(f"{state} is in use by another lychgate run: give this one a --state-dir")
        yield state


def is_in_use(state: Path) -> bool:
    """Whether a process holds the folder, which no process does beyond its end, however that came. Raises OSError."""
    try:
        file = (state / LOCK).open()
    except FileNotFoundError:
        return False
    with file as lock:
        return not _take(lock.fileno(), fcntl.LOCK_SH)


def _take(lock: int, how: int) -> bool:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
