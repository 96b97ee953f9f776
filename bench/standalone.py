"""F11: YAML in, a local Envoy out, at growing sizes: cold start, one edited route, one added route.

    python bench/standalone.py [--system lychgate] [--routes 100 1000 5000] [--changes 20]

One JSON object a size is printed. Runs in a network namespace of its own: Envoy Gateway's ports cannot be chosen.

Every figure is taken from outside: a request that first answers as the edited file says. CPU of control plane and
Envoy comes from /proc, so that a busy machine shows in the milliseconds and not there.
"""

import argparse
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bench.processes import children, cpu_seconds, memory_mib, name
from bench.programs import PROGRAMS, Program, write_route, write_world

PATIENCE = 300.0


def status_of(port: int, host: str, path: str = "/") -> int:
    """The status that Envoy answers with; 0 when nothing answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with suppress(OSError):
        connection.request("GET", path, headers={"Host": host})
        response = connection.getresponse()
        response.read()
        connection.close()
        return response.status
    return 0


def until(what: Callable[[], bool], pause: float = 0.002) -> float:
    """Seconds until it is so."""
    start = time.perf_counter()
    while not what():
        if time.perf_counter() - start > PATIENCE:
            raise TimeoutError("never came true")
        time.sleep(pause)
    return time.perf_counter() - start


@contextmanager
def backend() -> Iterator[int]:
    """An echo backend on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with serving_backend(port):
        yield port


@contextmanager
def serving_backend(port: int) -> Iterator[None]:
    """An echo backend on that port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "lychgate", "demo-backend", "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


class Run:
    """A running control plane with its Envoy."""

    def __init__(self, program: Program, folder: Path, home: Path) -> None:
        command = program.run(folder, home)
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def envoy(self) -> int:
        """Envoy's process id."""
        seen = [self.process.pid]
        while seen:
            pid = seen.pop()
            for child in children(pid):
                if name(child).startswith("envoy"):
                    return child
                seen.append(child)
        raise LookupError("no Envoy runs")

    def cpu(self) -> tuple[float, float]:
        """CPU seconds of the control plane and of Envoy."""
        return cpu_seconds(self.process.pid), cpu_seconds(self.envoy())

    def end(self) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()


def measure(program: Program, routes: int, changes: int) -> dict[str, Any]:
    """All figures at one size."""
    with tempfile.TemporaryDirectory() as temporary, backend() as port:
        folder, state = Path(temporary) / "config", Path(temporary) / "state"
        write_world(program, folder, routes, port)
        start = time.perf_counter()
        run = Run(program, folder, state)
        try:
            until(lambda: status_of(program.port, f"{routes - 1}.example.com") == 200)
            cold = time.perf_counter() - start
            cold_cpu = run.cpu()
            edit = _series(run, changes, lambda i: _edit(program, folder, i % routes, port, i))
            add = _series(run, changes, lambda i: _add(program, folder, routes + i, port))
            return {
                "routes": routes,
                "cold_start_s": round(cold, 3),
                "cold_start_cpu_s": round(cold_cpu[0], 3),
                **{f"edit_{key}": value for key, value in edit.items()},
                **{f"add_{key}": value for key, value in add.items()},
                "rss_mib": round(memory_mib(run.process.pid), 1),
                "peak_mib": round(memory_mib(run.process.pid, "VmHWM"), 1),
                "envoy_rss_mib": round(memory_mib(run.envoy()), 1),
            }
        finally:
            run.end()


def _series(run: Run, changes: int, change: Callable[[int], float]) -> dict[str, float]:
    before = run.cpu()
    times = [change(i) for i in range(changes)]
    after = run.cpu()
    return {
        "median_ms": round(statistics.median(times) * 1000, 1),
        "max_ms": round(max(times) * 1000, 1),
        "cpu_ms": round((after[0] - before[0]) / changes * 1000, 2),
        "envoy_cpu_ms": round((after[1] - before[1]) / changes * 1000, 2),
    }


def _edit(program: Program, folder: Path, index: int, port: int, turn: int) -> float:
    write_route(program, folder, index, port, f"/edited-{turn}")
    return until(lambda: status_of(program.port, f"{index}.example.com") == 404)


def _add(program: Program, folder: Path, index: int, port: int) -> float:
    write_route(program, folder, index, port)
    return until(lambda: status_of(program.port, f"{index}.example.com") == 200)


def main() -> None:
    """Parse arguments, measure, print a line a size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--system", choices=PROGRAMS, default="lychgate")
    parser.add_argument("--routes", type=int, nargs="+", default=[100, 1000, 5000])
    parser.add_argument("--changes", type=int, default=20)
    options = parser.parse_args()
    os.unshare(os.CLONE_NEWNET)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for routes in options.routes:
        print(json.dumps(measure(PROGRAMS[options.system], routes, options.changes)), flush=True)


if __name__ == "__main__":
    main()
