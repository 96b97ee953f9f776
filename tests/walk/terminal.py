"""Command lines → what they print, typed by a user who sits in the cluster's network."""

import json
import os
import re
import shlex
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.network import inside
from tests.lab.places import ADMIN_KUBECONFIG, PROJECT, binary
from tests.lab.processes import NotReady, wait_for

type Json = dict[str, Any]

EXAMPLES = PROJECT / "examples" / "tutorial"
PATIENCE = 60.0
"""Seconds within which anything that a step waits for has to happen."""


@dataclass(frozen=True)
class Answer:
    """What curl got. `status` is 0 when there was no connection."""

    status: int
    body: str = ""

    @property
    def backend(self) -> Json:
        """The demo backend's account of the request."""
        account: Json = json.loads(self.body)
        return account


def kubectl(command: str, *, stdin: str | None = None, check: bool = True) -> str:
    """Type `kubectl <command>`; return what it printed. Raises AssertionError with kubectl's words when it failed."""
    done = _type([binary("kubectl"), *shlex.split(command)], stdin=stdin)
    assert not check or done.returncode == 0, f"kubectl {command}: {done.stderr}"
    return done.stdout


def apply(name: str) -> None:
    """Apply one file of the tutorial."""
    kubectl(f"apply -f {EXAMPLES / name}")


def get(what: str) -> Json:
    """Return an object, or the list of objects that `kubectl get <what>` names."""
    found: Json = json.loads(kubectl(f"get {what} -o json"))
    return found


def wait(what: str, until: str) -> None:
    """Type `kubectl wait --for=<until> <what>`."""
    kubectl(f"wait --timeout={PATIENCE:.0f}s --for={until} {what}")


def curl(url: str, *, host: str, headers: tuple[str, ...] = ()) -> Answer:
    """Send one GET request for `host` to `url`."""
    fields = [word for header in (f"Host: {host}", *headers) for word in ("-H", header)]
    done = _type(["curl", "-sS", "--max-time", "5", "-w", "\n%{http_code}", *fields, url])
    body, _, status = done.stdout.rpartition("\n")
    return Answer(int(status), body)


def curl_many(url: str, *, host: str, count: int) -> list[Answer]:
    """Send `count` GET requests over one connection."""
    separator = "\n--- %{http_code}\n"
    done = _type(["curl", "-sS", "-w", separator, "-H", f"Host: {host}", f"{url}?[1-{count}]"])
    return list(_answers(done.stdout))


def eventually(what: str, happens: Callable[[], bool], *, patience: float = PATIENCE) -> None:
    """Ask again and again until it happens. Raises AssertionError when it does not within `patience` seconds."""
    try:
        wait_for(what, happens, patience=patience)
    except NotReady as error:
        raise AssertionError(str(error)) from error


class Load:
    """A steady stream of requests from several users at once, of which every answer is counted.

    A user types curl for a batch of requests over one connection, and again, until `stop`; a batch that was begun is
    finished. curl prints one status per request: what is not counted under 200 was lost. Where a connection that it
    kept breaks before an answer began, it asks again in silence: `SlowLoad` does not.
    """

    USERS = 4
    BATCH = 50
    RATE = 50
    """Requests a second of each user."""

    def __init__(self, url: str, *, host: str) -> None:
        each = ["-sS", "-o", os.devnull, "-w", "%{http_code}\n", "--max-time", "5", "--rate", f"{self.RATE}/s"]
        self._command: list[str | Path] = ["curl", *each, "-H", f"Host: {host}", f"{url}?[1-{self.BATCH}]"]
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(self.USERS)
        self._users = [self._pool.submit(self._type_until_stopped) for _ in range(self.USERS)]

    def stop(self) -> Counter[str]:
        """End the stream and return how often each status code came; 000 is a request without an answer."""
        self._stopped.set()
        counts = sum((user.result() for user in self._users), Counter[str]())
        self._pool.shutdown()
        return counts

    def _type_until_stopped(self) -> Counter[str]:
        counts = Counter[str]()
        while not self._stopped.is_set():
            statuses = _type(self._command).stdout.split()
            assert len(statuses) == self.BATCH, f"curl was to send {self.BATCH} requests and told of {len(statuses)}"
            counts.update(statuses)
        return counts


class SlowLoad:
    """`slow_clients.py` at work, for so many seconds."""

    def __init__(self, address: str, *, host: str, path: str, seconds: int) -> None:
        script: list[str | Path] = [sys.executable, Path(__file__).with_name("slow_clients.py")]
        command = inside(*script, f"{address}:80", host, path, str(seconds))
        self._clients = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def result(self) -> dict[str, int]:
        """Wait for its end; return how often each status code came; 000 is a request without an answer."""
        printed, _ = self._clients.communicate()
        counts: dict[str, int] = json.loads(printed)
        return counts


def _answers(printed: str) -> Iterator[Answer]:
    """Cut the output of many requests at the lines that curl puts after each body."""
    for body, status in re.findall(r"(.*?)\n--- (\d{3})\n", printed, re.DOTALL):
        yield Answer(int(status), body)


def _type(command: list[str | Path], *, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "KUBECONFIG": str(ADMIN_KUBECONFIG)}
    return subprocess.run(inside(*command), input=stdin, capture_output=True, text=True, env=env, check=False)
