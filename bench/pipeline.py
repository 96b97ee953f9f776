"""What one change costs: CPU from the changed object to the last ACK of one proxy, without I/O and its encodings.

python bench/pipeline.py [--routes 100 1000 5000 40000] [--changes 50]
"""

import argparse
import gc
import json
import statistics
import time

import msgspec
import yaml
from immutables import Map

from bench.proxy import Proxy
from bench.worlds import GATEWAY, backend, route
from gateway_api.graph.types import GraphSettings
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.core import EndpointSlice, Service
from k8s_watch.objects.gateway import Gateway, GatewayClass
from k8s_watch.objects.routes import HTTPRoute
from k8s_watch.snapshot import ClusterSnapshot
from lychgate.pipeline import Pipeline
from xds_server.snapshot.cache import SnapshotCache

EG = ObjectKey("default", "eg")
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
        services=Map(services),
        slices_by_service=Map(slices),
        http_routes=Map(http_routes),
    )


def edit(cluster: ClusterSnapshot, index: int, turn: int) -> ClusterSnapshot:
    """The same world with one route edited."""
    new = msgspec.convert(route(index, prefix=f"/edited-{turn}"), HTTPRoute)
    return msgspec.structs.replace(
        cluster,
        revision=cluster.revision + 1,
        changed={"HTTPRoute": frozenset({new.key})},
        http_routes=Map(cluster.http_routes.items()).set(new.key, new),
    )


def move_endpoint(cluster: ClusterSnapshot, index: int, turn: int) -> ClusterSnapshot:
    """The same world with one slice changed."""
    slice_ = msgspec.convert(backend(index, 3001 + turn)[1], EndpointSlice)
    key = ObjectKey("default", f"backend-{index}")
    return msgspec.structs.replace(
        cluster,
        revision=cluster.revision + 1,
        changed={"EndpointSlice": frozenset({slice_.key})},
        slices_by_service=Map(cluster.slices_by_service.items()).set(key, (slice_,)),
    )


def add(cluster: ClusterSnapshot, _index: int, _turn: int) -> ClusterSnapshot:
    """The same world with one route more, and a backend of its own."""
    index = len(cluster.http_routes)
    documents = backend(index, 3000)
    service, slice_ = msgspec.convert(documents[0], Service), msgspec.convert(documents[1], EndpointSlice)
    new = msgspec.convert(route(index), HTTPRoute)
    return msgspec.structs.replace(
        cluster,
        revision=cluster.revision + 1,
        changed={
            "HTTPRoute": frozenset({new.key}),
            "Service": frozenset({service.key}),
            "EndpointSlice": frozenset({service.key}),
        },
        http_routes=Map(cluster.http_routes.items()).set(new.key, new),
        services=Map(cluster.services.items()).set(service.key, service),
        slices_by_service=Map(cluster.slices_by_service.items()).set(service.key, (slice_,)),
    )


CHANGES = {"route": edit, "slice": move_endpoint, "new_route": add}


class Stopwatch:
    """A pipeline, a cache behind it and a proxy behind that, with their CPU in milliseconds."""

    def __init__(self) -> None:
        self.pipeline = Pipeline(GraphSettings())
        self.cache = SnapshotCache()
        self.proxy = Proxy()

    def publish(self, cluster: ClusterSnapshot) -> float:
        """From the cluster to what streams wait for."""
        start = time.process_time()
        for key, gateway in self.pipeline.update(cluster).gateways.items():
            self.cache.publish(key, gateway.snapshot)
        return (time.process_time() - start) * 1000

    def push(self) -> float:
        """From there to the proxy's last ACK."""
        start = time.process_time()
        if snapshot := self.cache.watch(EG).value:
            self.proxy.push(snapshot)
        return (time.process_time() - start) * 1000


def measure(routes: int, changes: int) -> dict[str, float]:
    """Cold, and the median of each kind of change."""
    cluster = world(routes)
    stopwatch = Stopwatch()
    figures = {"routes": routes, "cold_ms": stopwatch.publish(cluster), "cold_push_ms": stopwatch.push()}
    gc.collect()
    gc.freeze()  # as the controller does after its first step
    costs: dict[str, list[float]] = {f"{name}{step}_ms": [] for name in CHANGES for step in ("", "_push")}
    for turn in range(changes):
        for name, change in CHANGES.items():
            cluster = change(cluster, turn % routes, turn)
            costs[f"{name}_ms"].append(stopwatch.publish(cluster))
            costs[f"{name}_push_ms"].append(stopwatch.push())
    return {name: round(value, 3) for name, value in figures.items()} | {
        name: round(statistics.median(found), 3) for name, found in costs.items()
    }


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
