"""What one change costs in the pipeline alone: CPU from the changed object to a published snapshot, without I/O.

python bench/pipeline.py [--routes 100 1000 5000 40000] [--changes 50]
"""

import argparse
import gc
import json
import statistics
import time

import msgspec
import yaml

from gateway_api.graph.types import Settings
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.core import EndpointSlice, Service
from k8s_watch.objects.gateway import Gateway, GatewayClass
from k8s_watch.objects.routes import HTTPRoute
from k8s_watch.snapshot import ClusterSnapshot
from lychgate.pipeline import Pipeline
from worlds import GATEWAY, backend, route
from xds_server.snapshot.cache import SnapshotCache

SHAPES = {"GatewayClass": GatewayClass, "Gateway": Gateway}


def world(routes: int) -> ClusterSnapshot:
    """A cluster with that many routes."""
    class_, gateway = (msgspec.convert(d, SHAPES[d["kind"]], strict=False) for d in yaml.safe_load_all(GATEWAY))
    gateway = msgspec.structs.replace(gateway, metadata=msgspec.structs.replace(gateway.metadata, namespace="default"))
    services, slices, http_routes = {}, {}, {}
    for index in range(routes):
        service, slice_ = backend(index, 3000)
        key = ObjectKey("default", f"backend-{index}")
        services[key] = msgspec.convert(service, Service)
        slices[key] = (msgspec.convert(slice_, EndpointSlice),)
        http_routes[ObjectKey("default", f"route-{index}")] = msgspec.convert(route(index), HTTPRoute)
    return ClusterSnapshot(
        revision=1,
        gateway_classes={class_.key: class_},
        gateways={gateway.key: gateway},
        services=services,
        slices_by_service=slices,
        http_routes=http_routes,
    )


def edit(cluster: ClusterSnapshot, index: int, turn: int) -> ClusterSnapshot:
    """The same world with one route edited."""
    new = msgspec.convert(route(index, prefix=f"/edited-{turn}"), HTTPRoute)
    return msgspec.structs.replace(
        cluster,
        revision=cluster.revision + 1,
        changed={"HTTPRoute": frozenset({new.key})},
        http_routes={**cluster.http_routes, new.key: new},
    )


def move_endpoint(cluster: ClusterSnapshot, index: int, turn: int) -> ClusterSnapshot:
    """The same world with one slice changed."""
    slice_ = msgspec.convert(backend(index, 3001 + turn)[1], EndpointSlice)
    key = ObjectKey("default", f"backend-{index}")
    return msgspec.structs.replace(
        cluster,
        revision=cluster.revision + 1,
        changed={"EndpointSlice": frozenset({slice_.key})},
        slices_by_service={**cluster.slices_by_service, key: (slice_,)},
    )


class Stopwatch:
    """A pipeline and a cache behind it, with their CPU."""

    def __init__(self) -> None:
        self.pipeline = Pipeline(Settings())
        self.cache = SnapshotCache()

    def cpu_ms(self, cluster: ClusterSnapshot) -> float:
        """Take the cluster through; return the CPU in milliseconds."""
        start = time.process_time()
        for key, gateway in self.pipeline.update(cluster).gateways.items():
            self.cache.publish(key, gateway.snapshot)
        return (time.process_time() - start) * 1000


def measure(routes: int, changes: int) -> dict[str, float]:
    """Cold, one route, one slice."""
    cluster = world(routes)
    stopwatch = Stopwatch()
    cold = stopwatch.cpu_ms(cluster)
    gc.collect()
    gc.freeze()  # as the controller does after its first step
    costs: dict[str, list[float]] = {"route_ms": [], "slice_ms": []}
    for turn in range(changes):
        for name, change in (("route_ms", edit), ("slice_ms", move_endpoint)):
            cluster = change(cluster, turn % routes, turn)
            costs[name].append(stopwatch.cpu_ms(cluster))
    return {"routes": routes, "cold_ms": round(cold, 1)} | {n: round(statistics.median(c), 3) for n, c in costs.items()}


def main() -> None:
    """Parse arguments, measure, print a line a size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--routes", type=int, nargs="+", default=[100, 1000, 5000, 40000])
    parser.add_argument("--changes", type=int, default=50)
    options = parser.parse_args()
    for routes in options.routes:
        print(json.dumps(measure(routes, options.changes)), flush=True)


if __name__ == "__main__":
    main()
