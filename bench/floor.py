"""The floor of F1: a local Envoy fed ready bytes for a new route; no cluster, no graph, no translation.

    python bench/floor.py [--routes 1000] [--changes 100]

The snapshots are made before the clock starts: what is left is the protocol, Envoy's own work, and the 5 ms between two
probes, as in F1. One JSON object a size is printed. Runs in a network namespace of its own.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))  # for the package lab

from flow.latest import Latest
from gateway_api.graph.types import Settings
from k8s_apply.local.binary import find_envoy
from lychgate.pipeline import Pipeline
from pipeline import EG, add, world
from standalone import serving_backend, status_of
from xds_server.bootstrap.local import local_bootstrap
from xds_server.serve.fleet import Fleet
from xds_server.serve.server import XdsServer
from xds_server.snapshot.cache import SnapshotCache
from xds_server.snapshot.resource import Snapshot

PORT = 10080
"""The Gateway's port 80, as a proxy without root listens on it."""
BACKEND_PORT = 3000
"""Of every endpoint in `pipeline.world`."""
PAUSE = 0.005
PATIENCE = 60.0


def snapshots(routes: int, changes: int) -> list[Snapshot]:
    """A world of so many routes, and what becomes of it with one more, two more, and so on."""
    pipeline, cluster = Pipeline(Settings()), world(routes)
    made = [pipeline.update(cluster).gateways[EG].snapshot]
    for turn in range(changes):
        cluster = add(cluster, 0, turn)
        made.append(pipeline.update(cluster).gateways[EG].snapshot)
    return made


async def measure(routes: int, changes: int) -> dict[str, float]:
    """Milliseconds from the publication of each snapshot to the first 200 for what is new in it."""
    first, *rest = snapshots(routes, changes)
    cache, times = SnapshotCache(), []
    cache.publish(EG, first)
    with tempfile.TemporaryDirectory() as folder, serving_backend(BACKEND_PORT):
        async with _envoy(cache, Path(folder)):
            await _until_200(routes - 1)
            for index, snapshot in enumerate(rest, start=routes):
                await asyncio.sleep(0.05)
                start = time.perf_counter()
                cache.publish(EG, snapshot)
                await _until_200(index)
                times.append((time.perf_counter() - start) * 1000)
    return {
        "routes": routes,
        "mean_ms": round(statistics.fmean(times), 2),
        "median_ms": round(statistics.median(times), 2),
    }


async def _until_200(index: int) -> None:
    end = time.perf_counter() + PATIENCE
    while await asyncio.to_thread(status_of, PORT, f"{index}.example.com") != 200:
        if time.perf_counter() > end:
            raise TimeoutError(f"route {index} never answered 200")
        await asyncio.sleep(PAUSE)


@asynccontextmanager
async def _envoy(cache: SnapshotCache, folder: Path) -> AsyncIterator[None]:
    """An Envoy that takes what the cache holds, by way of our server."""
    address = f"unix:{folder / 'xds'}"
    server = XdsServer(cache, Fleet(cache), ready=Latest(initial=True))
    bootstrap = local_bootstrap(gateway=EG, node_id="floor", xds=address, admin_socket=str(folder / "admin"))
    command = [str(find_envoy()), "--config-yaml", bootstrap, "--concurrency", "1", "--base-id", "77"]
    with _process(command):
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(server.serve(address=address, tls=None))
            yield
            serving.cancel()


@contextmanager
def _process(command: list[str]) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Parse arguments, measure, print a line a size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--routes", type=int, nargs="+", default=[1000])
    parser.add_argument("--changes", type=int, default=100)
    parser.add_argument("--system", choices=["lychgate"], default="lychgate", help="there is only one floor")
    options = parser.parse_args()
    os.unshare(os.CLONE_NEWNET)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for routes in options.routes:
        print(json.dumps(asyncio.run(measure(routes, options.changes))), flush=True)


if __name__ == "__main__":
    main()
