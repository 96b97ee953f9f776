"""The floor of F1: a local Envoy fed ready bytes for a new route; no cluster, no graph, no translation.

    python bench/floor.py [--routes 1000] [--changes 300]

The snapshots are made before the clock starts: what is left is the protocol, Envoy's own work, and the 5 ms between two
probes. The new route has the shape of F1's, with a backend that others have too, Envoy has as many threads as in a
proxy's pod, and who asks is F1's own client, in a process beside that of the server. Its clock starts when publishing
is asked for, by a word in a pipe; F1's when the API server has answered, which is when we may have heard of the route
already: F1 may be a little below its floor. One JSON object a size is printed. Runs in a network namespace of its own.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
from immutables import Map

from bench.cluster.objects import probe_route
from bench.cluster.probe import PROBES, asked
from bench.cluster.run import Client
from bench.pipeline import EG, world
from bench.standalone import serving_backend, status_of, until
from flow.clock import SystemClock
from flow.latest import Latest
from gateway_api.graph.types import GraphSettings
from k8s_apply.local.binary import find_envoy
from k8s_watch.objects.routes import HTTPRoute
from k8s_watch.snapshot import ClusterSnapshot
from lychgate.pipeline import Pipeline
from xds_server.bootstrap.local import local_bootstrap
from xds_server.serve.fleet import Fleet
from xds_server.serve.server import XdsServer
from xds_server.snapshot.cache import SnapshotCache
from xds_server.snapshot.resource import Snapshot

PORT = 10080
"""The Gateway's port 80, as a proxy without root listens on it."""
BACKEND_PORT = 3000
"""Of every endpoint in `pipeline.world`."""


def snapshots(routes: int, changes: int) -> list[Snapshot]:
    """A world of so many routes, and what becomes of it with one probe more, two more, and so on."""
    pipeline, cluster = Pipeline(GraphSettings()), world(routes)
    made = [pipeline.update(cluster).gateways[EG].snapshot]
    for index in range(changes):
        cluster = with_probe(cluster, index)
        made.append(pipeline.update(cluster).gateways[EG].snapshot)
    return made


def with_probe(cluster: ClusterSnapshot, index: int) -> ClusterSnapshot:
    """The same world with F1's route number `index`, which leads to a backend of the world."""
    document = probe_route(index)
    document["metadata"]["namespace"] = EG.namespace
    document["spec"]["parentRefs"] = [{"name": EG.name}]
    document["spec"]["rules"][0]["backendRefs"][0] = {"name": "backend-0", "port": 3000}
    new = msgspec.convert(document, HTTPRoute)
    return msgspec.structs.replace(
        cluster,
        revision=cluster.revision + 1,
        changed={"HTTPRoute": frozenset({new.key})},
        http_routes=Map(cluster.http_routes.items()).set(new.key, new),
    )


def measure(routes: int, changes: int) -> dict[str, float]:
    """Milliseconds from the publication of each snapshot to the first 200 for what is new in it."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    with tempfile.TemporaryDirectory() as folder, serving_backend(BACKEND_PORT):
        address = f"unix:{folder}/xds"
        server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs, address, routes, changes))
        server.start()
        try:
            ours.recv()  # all is made
            with _envoy(address, Path(folder)):
                until(lambda: status_of(PORT, f"{routes - 1}.example.com") == 200)
                return {"routes": routes} | asked(Client("127.0.0.1", PORT), changes, ours.send)
        finally:
            server.kill()
            server.join()


def serve(words: Connection, address: str, routes: int, changes: int) -> None:
    """Make the snapshots, say so, and serve the first; each number that comes publishes the one after it."""
    first, *rest = snapshots(routes, changes)
    cache = SnapshotCache()
    cache.publish(EG, first)

    async def run() -> None:
        asyncio.get_running_loop().add_reader(words.fileno(), lambda: cache.publish(EG, rest[words.recv()]))
        words.send("made")
        clock = SystemClock()
        server = XdsServer(cache, Fleet(cache, clock=clock), ready=Latest(initial=True), clock=clock)
        await server.serve(address=address, tls=None)

    asyncio.run(run())


@contextmanager
def _envoy(xds: str, folder: Path) -> Iterator[None]:
    """An Envoy that takes what is served there, as it starts in a pod: a thread a core."""
    bootstrap = local_bootstrap(gateway=EG, node_id="floor", xds=xds, admin_socket=str(folder / "admin"))
    command = [str(find_envoy()), "--config-yaml", bootstrap, "--base-id", "77"]
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
    parser.add_argument("--changes", type=int, default=PROBES)
    parser.add_argument("--system", choices=["lychgate"], default="lychgate", help="there is only one floor")
    options = parser.parse_args()
    os.unshare(os.CLONE_NEWNET)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for routes in options.routes:
        print(json.dumps(measure(routes, options.changes)), flush=True)


if __name__ == "__main__":
    main()
