"""`lychgate run` at growing sizes: cold start, one edited route, one added route; CPU and memory beside the time.

    python bench/standalone.py [--routes 100 1000 5000] [--changes 20] [--json FILE]

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

from processes import children, cpu_seconds, memory_mib, name
from worlds import write_route, write_world

PORT = 10080
PATIENCE = 300.0


def status_of(host: str, path: str = "/") -> int:
    """The status that Envoy answers with; 0 when nothing answers."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
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
    process = subprocess.Popen(
        [sys.executable, "-m", "lychgate", "demo-backend", "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


class Run:
    """A running control plane with its Envoy."""

    def __init__(self, folder: Path, state: Path) -> None:
        command = [sys.executable, "-m", "lychgate", "run", str(folder), "--state-dir", str(state)]
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
        self.process.wait(60)


def measure(routes: int, changes: int) -> dict[str, Any]:
    """All figures at one size."""
    with tempfile.TemporaryDirectory() as temporary, backend() as port:
        folder, state = Path(temporary) / "config", Path(temporary) / "state"
        write_world(folder, routes, port)
        start = time.perf_counter()
        run = Run(folder, state)
        try:
            until(lambda: status_of(f"{routes - 1}.example.com") == 200)
            cold = time.perf_counter() - start
            cold_cpu = run.cpu()
            edit = _series(run, changes, lambda i: _edit(folder, i % routes, port, i))
            add = _series(run, changes, lambda i: _add(folder, routes + i, port))
            return {
                "routes": routes,
                "cold_start_s": round(cold, 3),
                "cold_start_cpu_s": round(cold_cpu[0], 3),
                "edit": edit,
                "add": add,
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


def _edit(folder: Path, index: int, port: int, turn: int) -> float:
    write_route(folder, index, port, prefix=f"/edited-{turn}")
    return until(lambda: status_of(f"{index}.example.com") == 404)


def _add(folder: Path, index: int, port: int) -> float:
    write_route(folder, index, port)
    return until(lambda: status_of(f"{index}.example.com") == 200)


def main() -> None:
    """Parse arguments, measure, print a line a size, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--routes", type=int, nargs="+", default=[100, 1000, 5000])
    parser.add_argument("--changes", type=int, default=20)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = []
    for routes in options.routes:
        results.append(measure(routes, options.changes))
        print(json.dumps(results[-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps({"cores": os.cpu_count(), "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
