"""F5, F7: routes with Services and slices, created at a steady pace; what absorbing them costs."""

from collections.abc import Iterator

from bench.cluster.api import Json
from bench.cluster.objects import BACKENDS, endpoint_slice, plain_route, service
from bench.cluster.run import Run
from bench.processes import memory_mib

RATE = 50
"""Routes a second, each with its Service and its slice."""


def world(run: Run, routes: int) -> Iterator[Json]:
    """The objects of a world, a route after its Service and slice."""
    for index in range(routes):
        if index < BACKENDS:
            yield service(index)
            yield endpoint_slice(index, run.backends[:1])
        yield plain_route(index)


def ramp(run: Run, routes: int) -> dict[str, float]:
    """Create the world and wait until Envoy serves all of it and the control plane rests."""
    before = run.cpu()
    run.api.create_all(world(run, routes), rate=3 * RATE)
    run.routes = routes
    behind = run.until_all_answer()
    run.until_quiet()
    cost, pid = run.cpu() - before, run.control_plane()
    return {
        "control_plane_cpu_s": round(cost.control_plane, 2),
        "envoy_cpu_s": round(cost.envoy, 2),
        "behind_s": round(behind, 2),
        "peak_mib": round(memory_mib(pid, "VmHWM"), 1),
        "rss_mib": round(memory_mib(pid), 1),
        "envoy_rss_mib": round(memory_mib(run.envoy()), 1),
    }
