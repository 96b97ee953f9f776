"""F16: what a request costs Envoy with the configuration that each system gives it."""

import time

from bench.cluster.load import under_load
from bench.cluster.objects import host
from bench.cluster.run import Run
from bench.processes import cpu_seconds

RATE = 1000
"""Requests a second, all to one hostname in the middle of the world."""


def serving(run: Run, seconds: int) -> dict[str, float]:
    """Send requests for so long; what Envoy takes at rest, for half as long, is not theirs."""
    run.until_quiet()
    envoy = run.envoy()
    before = cpu_seconds(envoy)
    time.sleep(seconds / 2)
    idle = (cpu_seconds(envoy) - before) / (seconds / 2)
    before, start = cpu_seconds(envoy), time.perf_counter()
    with under_load(run.address, host(run.routes // 2), ["/"], RATE) as load:
        time.sleep(seconds)
    cost = cpu_seconds(envoy) - before - idle * (time.perf_counter() - start)
    count = sum(load["answers"].values())
    return {
        "envoy_cpu_us": round(cost / count * 1e6, 1),
        "envoy_idle_cores": round(idle, 4),
        "requests": count,
        "lost": count - load["answers"].get("200", 0),
        "slowest_ms": round(load["slowest_ms"], 1),
    }
