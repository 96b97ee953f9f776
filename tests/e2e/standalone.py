"""A `lychgate run` under test, seen from outside: its words, its answers, its end."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples" / "quickstart"
PATIENCE = 30.0


GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{name: eg}}
spec: {{controllerName: gateway.envoyproxy.io/gatewayclass-controller}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: eg}}
spec: {{gatewayClassName: eg, listeners: [{{name: http, port: {port}, protocol: HTTP}}]}}
"""
"""A class and a Gateway with one HTTP listener; `format` with its port."""


class Answer(NamedTuple):
    status: int
    body: Any


class Standalone:
    """A `lychgate run` for as long as a `with` lasts, its files, and what it printed so far."""

    def __init__(self, folder: Path, state: Path, *options: str, output: int | None = None) -> None:
        """`output` is a file descriptor that takes its words instead of a file of ours."""
        self.folder = folder
        self.state = state
        self.log = (state.parent / "output").open("w+b")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lychgate", "run", str(folder), "--state-dir", str(state), *options],
            stdout=self.log if output is None else output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )

    def __enter__(self) -> "Standalone":
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            self.end()
        self.log.close()

    def end(self, signal_: signal.Signals = signal.SIGINT) -> int:
        """Tell it to end; the code that it ends with."""
        self.process.send_signal(signal_)
        return self.process.wait(PATIENCE)

    def output(self) -> str:
        self.log.seek(0)
        return self.log.read().decode()

    def get(self, path: str, host: str = "www.example.com", port: int = 10080) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path, headers={"Host": host})
            response = connection.getresponse()
            text = response.read()
            is_json = "json" in (response.getheader("content-type") or "")
            return Answer(response.status, json.loads(text) if is_json else text)
        except OSError as error:
            return Answer(0, str(error))
        finally:
            connection.close()

    def status(self, *options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "lychgate", "status", "--state-dir", str(self.state), *options]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)

    def until(self, what: Callable[[], bool]) -> None:
        """Ask again and again, from outside, until it is so."""
        end = time.monotonic() + PATIENCE
        while not what():
            if self.process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"never came true; exit code {self.process.poll()}; output:\n{self.output()}")

    def children(self) -> set[int]:
        """Every process that it started, and those that these started."""
        listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
        parents = {int(pid): int(parent) for pid, parent in (line.split() for line in listed.stdout.splitlines())}
        found = {self.process.pid}
        while grown := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= grown
        return found - {self.process.pid}
