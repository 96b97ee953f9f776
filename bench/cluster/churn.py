"""F6, F7: a world in which slices and routes change all the time; what following that costs, and leaves behind."""

import itertools
import statistics
import threading
import time
from collections.abc import Callable
from types import TracebackType

from bench.cluster.objects import endpoint_slice, plain_route
from bench.cluster.run import Run
from bench.processes import memory_mib

EDITS = 3
"""Of each route, before memory is looked at."""

SETTLED = 30.0
"""Seconds of churn from then on until it is."""


class Churn:
    """Changes objects at a steady pace while the block lasts."""

    def __init__(self, run: Run, *, slices: float, routes: float) -> None:
        self._run = run
        self._ended = threading.Event()
        self.changes = 0
        self._threads = [
            threading.Thread(target=self._follow, args=(self._move_endpoint, slices), daemon=True),
            threading.Thread(target=self._follow, args=(self._edit_route, routes), daemon=True),
        ]

    def __enter__(self) -> "Churn":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _follow(self, change: Callable[[int], None], rate: float) -> None:
        start = time.perf_counter()
        for number in itertools.count(1):
            if self._ended.wait(max(0.0, start + number / rate - time.perf_counter())):
                return
            change(next(self._run.turns))
            self.changes += 1

    def _move_endpoint(self, turn: int) -> None:
        """From one endpoint to two or back: the pods are the same, so that no answer changes."""
        run, index = self._run, turn % self._run.slices
        run.doubled ^= {index}
        run.api.apply(endpoint_slice(index, run.backends if index in run.doubled else run.backends[:1]))

    def _edit_route(self, turn: int) -> None:
        self._run.api.apply(plain_route((turn * 7) % self._run.routes, turn))


def churn(run: Run, seconds: float) -> dict[str, float]:
    """Ten slices and one route a second, for so long; cores are of all the time until what they left behind is done."""
    pid = run.control_plane()
    memory, before, start = memory_mib(pid), run.cpu(), time.perf_counter()
    with Churn(run, slices=10, routes=1) as changing:
        time.sleep(seconds)
    run.until_quiet()
    cost, passed = run.cpu() - before, time.perf_counter() - start
    return {
        "control_plane_cores": round(cost.control_plane / passed, 4),
        "envoy_cores": round(cost.envoy / passed, 4),
        "cpu_ms_a_change": round(cost.control_plane / changing.changes * 1000, 2),
        "changes": changing.changes,
        "seconds": round(passed, 1),
        "rss_before_mib": round(memory, 1),
        "rss_after_mib": round(memory_mib(pid), 1),
        "peak_mib": round(memory_mib(pid, "VmHWM"), 1),
    }


def growth(run: Run, seconds: float) -> dict[str, float]:
    """How resident memory grows with changes, a hundred a second, once the allocator has found its places.

    That takes some edits of every route: the first few thousand leave a fraction of a MiB, the next nothing. Every
    other slice begins with two endpoints, so that there are as many at the end: 5,000 more would be a MiB.
    """
    pid = run.control_plane()
    run.doubled = set(range(0, run.slices, 2))
    for one_more in (True, False):
        run.api.apply_all(
            endpoint_slice(index, run.backends if one_more or index in run.doubled else run.backends[:1])
            for index in range(run.slices)
        )
    run.api.apply_all(plain_route(index, next(run.turns)) for index in range(run.routes) for _ in range(EDITS))
    with Churn(run, slices=90, routes=10) as changing:
        time.sleep(SETTLED)
        first, end = changing.changes, time.monotonic() + seconds
        changes, memory = [], []
        while time.monotonic() < end:
            changes.append(changing.changes - first)
            memory.append(memory_mib(pid))
            time.sleep(1)
    run.until_quiet()
    slope, _ = statistics.linear_regression(changes, memory)
    return {
        "growth_mb": round(slope * 1000 * 1024**2 / 1e6, 3),
        "growth_changes": changes[-1],
        "growth_from_mib": round(memory[0], 1),
        "growth_to_mib": round(memory[-1], 1),
    }
