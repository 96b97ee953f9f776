"""F1, F2: a new route, asked for every 5 ms until it answers 200; every other answer than 404 is an error."""

import statistics
import time
from collections import Counter
from collections.abc import Callable

from bench.cluster.churn import Churn
from bench.cluster.objects import NAMESPACE, probe_route
from bench.cluster.run import Client, Run
from bench.cluster.systems import LYCHGATE

PAUSE = 0.005
PATIENCE = 60.0

PROBES = 300
"""Of F1: more than the credit of our hold-off, which some 110 to 270 of them use up (ADR 14)."""

THEIRS = 100
"""Of F1 with Envoy Gateway in a world of `LARGE` routes, where each takes two seconds: it has no credit."""

LARGE = 5000


def probe(run: Run, count: int) -> dict[str, float]:
    """Probe `count` new routes, one after the other, in a world at rest."""
    if run.system is not LYCHGATE and run.routes >= LARGE:
        count = min(count, THEIRS)
    before = run.cpu()
    values = _probe(run, count)
    cost = run.cpu() - before
    _remove(run, count)
    return values | {
        "control_plane_cpu_ms": round(cost.control_plane / count * 1000, 1),
        "envoy_cpu_ms": round(cost.envoy / count * 1000, 1),
    }


def probe_under_churn(run: Run, count: int) -> dict[str, float]:
    """As `probe`, while twenty slices and two routes change every second."""
    with Churn(run, slices=20, routes=2):
        time.sleep(2)
        values = _probe(run, count)
    _remove(run, count)
    return values


def _remove(run: Run, count: int) -> None:
    for index in range(count):
        run.api.delete("HTTPRoute", f"probe-{index}", namespace=NAMESPACE)
    run.until_quiet()


def _probe(run: Run, count: int) -> dict[str, float]:
    return asked(run.client(), count, lambda index: run.api.create(probe_route(index)))


def asked(client: Client, count: int, create: Callable[[int], object]) -> dict[str, float]:
    """Make each route exist by `create`, and ask for it until it answers. The floor (F0) is taken by this, too."""
    times, with_write, answers = [], [], Counter[int]()
    for index in range(count):
        start = time.perf_counter()
        create(index)
        written = time.perf_counter()
        while (status := client.status(f"probe-{index}.example.com", f"/{index}")) != 200:
            answers[status] += 1
            if time.perf_counter() - written > PATIENCE:
                raise TimeoutError(f"probe {index} still answers {status}")
            time.sleep(PAUSE)
        times.append((time.perf_counter() - written) * 1000)
        with_write.append((time.perf_counter() - start) * 1000)
    return {
        "probes": count,
        "mean_ms": round(statistics.fmean(times), 2),
        "last_third_mean_ms": round(statistics.fmean(times[count * 2 // 3 :]), 2),
        "median_ms": round(statistics.median(times), 2),
        "slowest_ms": round(max(times), 2),
        "mean_with_write_ms": round(statistics.fmean(with_write), 2),
        "errors": sum(number for status, number in answers.items() if status != 404),
        "answers_404": answers[404],
    }
