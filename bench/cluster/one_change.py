"""F15: CPU of the control plane for one change, in a world that rests otherwise.

At five changes a second each is a pass of its own for us. Envoy Gateway, whose pass takes longer than that in a large
world, gathers: its milliseconds are those of a change at this pace, not of one alone, which F1 has.
"""

import time
from collections.abc import Callable

from bench.cluster.api import Json
from bench.cluster.objects import endpoint_slice, plain_route
from bench.cluster.run import Run
from bench.processes import cpu_seconds

PAUSE = 0.2
"""Seconds from one change to the next: each is a pass of its own."""


def one_change(run: Run, changes: int) -> dict[str, float]:
    """Edit so many routes, then so many slices, which have one endpoint and two by turns."""
    for index in range(run.slices):  # as churn may have left it: now each change below is one
        if index in run.doubled:
            run.api.apply(endpoint_slice(index, run.backends[:1]))
    run.doubled.clear()
    run.until_quiet()
    route = cost(run, changes, lambda turn: plain_route(turn * 7 % run.routes, next(run.turns)))
    slices = cost(run, changes, lambda turn: endpoint_slice(turn // 2 * 7 % run.slices, run.backends[: 2 - turn % 2]))
    return {"route_cpu_ms": route, "slice_cpu_ms": slices}


def cost(run: Run, changes: int, change: Callable[[int], Json]) -> float:
    """CPU milliseconds of the control plane for each of so many changes; what follows them, and rest, included.

    What it is still at after the last one counts, too.
    """
    pid = run.control_plane()
    before = cpu_seconds(pid)
    for turn in range(changes):
        run.api.apply(change(turn))
        time.sleep(PAUSE)
    run.until_quiet()
    return round((cpu_seconds(pid) - before) / changes * 1000, 2)
