"""What one change costs in the graph and the statuses alone: CPU from a snapshot to the graph after it.

python bench/graph.py [--routes 1000 5000 40000] [--changes 50]

Each line: a size, then for each sort of change the median CPU in milliseconds of the graph and of the statuses.
"""

import argparse
import base64
import gc
import json
import statistics
import time
from collections.abc import Callable, Iterator

import msgspec
from cryptography import x509

from bench.worlds import backend, route
from gateway_api.graph.build import build_graph
from gateway_api.graph.incremental.keeper import GraphKeeper
from gateway_api.graph.types import GraphSettings
from gateway_api.ir.fleet import FleetReport
from gateway_api.ir.infra import InfraReport
from gateway_api.status.keeper import StatusKeeper
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.core import Secret, Service
from k8s_watch.objects.gateway import Gateway, GatewayClass, ReferenceGrant
from k8s_watch.objects.routes import HTTPRoute
from k8s_watch.snapshot import FIELDS, ClusterSnapshot
from tests.authority import Authority

OURS = "gateway.envoyproxy.io/gatewayclass-controller"
GROUP = "gateway.networking.k8s.io"

type Change = Callable[[ClusterSnapshot, int], ClusterSnapshot]


def world(routes: int) -> ClusterSnapshot:
    """A cluster with that many routes; one in a hundred refers to a Service in another namespace."""
    gateway_class = msgspec.convert({"metadata": {"name": "eg"}, "spec": {"controllerName": OURS}}, GatewayClass)
    cluster = ClusterSnapshot(revision=0, gateway_classes={gateway_class.key: gateway_class})
    services, http_routes = {}, {}
    for index in range(routes):
        service = msgspec.convert(backend(index, 3000)[0], Service)
        services[service.key] = service
        http_routes[ObjectKey("default", f"route-{index}")] = http_route(index)
    cluster = msgspec.structs.replace(cluster, services=services, http_routes=http_routes)
    for change in (renew, listen, status_of_gateway, permit):
        cluster = change(cluster, 0)
    return msgspec.structs.replace(cluster, changed=None)


def http_route(index: int, prefix: str = "/") -> HTTPRoute:
    """Route number `index`."""
    document = route(index, prefix=prefix)
    if index % 100 == 0:
        document["spec"]["rules"][0]["backendRefs"][0]["namespace"] = "elsewhere"  # type: ignore[index]
    return msgspec.convert(document, HTTPRoute)


def put(
    cluster: ClusterSnapshot, kind: str, found: Gateway | HTTPRoute | ReferenceGrant | Secret | Service
) -> ClusterSnapshot:
    """The next snapshot, with one object changed."""
    field = FIELDS[kind]
    objects = getattr(cluster, field) | {found.key: found}
    changed = {kind: frozenset({found.key})}
    return msgspec.structs.replace(cluster, revision=cluster.revision + 1, changed=changed, **{field: objects})


def edit(cluster: ClusterSnapshot, turn: int) -> ClusterSnapshot:
    """A route's path."""
    return put(cluster, "HTTPRoute", http_route(turn % len(cluster.http_routes), f"/edited-{turn}"))


def add(cluster: ClusterSnapshot, turn: int) -> ClusterSnapshot:
    """A route that was not there."""
    return put(cluster, "HTTPRoute", http_route(1_000_001 + turn))


def status_of_route(cluster: ClusterSnapshot, turn: int) -> ClusterSnapshot:
    """A route's status as we wrote it, watched."""
    found = cluster.http_routes["default", f"route-{turn % len(cluster.http_routes)}"]  # type: ignore[index]
    metadata = msgspec.structs.replace(found.metadata, resource_version=f"status-{turn}")
    return put(cluster, "HTTPRoute", msgspec.structs.replace(found, metadata=metadata))


def service(cluster: ClusterSnapshot, turn: int) -> ClusterSnapshot:
    """The ports of a Service that one route names."""
    document = backend(turn % len(cluster.http_routes), 3000)[0]
    ports = [{"port": 3000}, {"port": 9000 + turn}]
    return put(cluster, "Service", msgspec.convert(document | {"spec": {"ports": ports}}, Service))


def permit(cluster: ClusterSnapshot, turn: int) -> ClusterSnapshot:
    """A grant for what one in a hundred routes refers to."""
    from_ = [{"group": GROUP, "kind": "HTTPRoute" if turn % 2 else "TCPRoute", "namespace": "default"}]
    spec = {"from": from_, "to": [{"group": "", "kind": "Service"}]}
    document = {"metadata": {"name": "grant", "namespace": "elsewhere"}, "spec": spec}
    return put(cluster, "ReferenceGrant", msgspec.convert(document, ReferenceGrant))


def renew(cluster: ClusterSnapshot, _turn: int) -> ClusterSnapshot:
    """A certificate of a listener."""
    pem = Authority().issue(x509.DNSName("a.example.com"))
    files = {"tls.crt": pem.certificate, "tls.key": pem.key}
    data = {name: base64.b64encode(content).decode() for name, content in files.items()}
    document = {"metadata": {"name": "cert", "namespace": "default"}, "data": data}
    return put(cluster, "Secret", msgspec.convert(document, Secret))


def listen(cluster: ClusterSnapshot, turn: int) -> ClusterSnapshot:
    """A Gateway's listeners: every route is attached anew."""
    listeners = [
        {"name": "http", "port": 80, "protocol": "HTTP"},
        {"name": "https", "port": 443, "protocol": "HTTPS", "tls": {"certificateRefs": [{"name": "cert"}]}},
        {"name": "other", "port": 1024 + turn, "protocol": "TCP"},
    ]
    spec = {"gatewayClassName": "eg", "listeners": listeners}
    return put(
        cluster, "Gateway", msgspec.convert({"metadata": {"name": "eg", "namespace": "default"}, "spec": spec}, Gateway)
    )


def status_of_gateway(cluster: ClusterSnapshot, turn: int) -> ClusterSnapshot:
    """A Gateway's status as we wrote it, watched."""
    found = cluster.gateways["default", "eg"]  # type: ignore[index]
    metadata = msgspec.structs.replace(found.metadata, resource_version=f"status-{turn}")
    return put(cluster, "Gateway", msgspec.structs.replace(found, metadata=metadata))


CHANGES: dict[str, Change] = {
    "route_edited": edit,
    "route_added": add,
    "route_status": status_of_route,
    "service": service,
    "grant": permit,
    "secret": renew,
    "gateway_status": status_of_gateway,
    "gateway_listeners": listen,
}


def measure(routes: int, changes: int) -> Iterator[tuple[str, object]]:
    """Yield the size, the cost of both first builds, and that of each sort of change."""
    cluster, graphs, statuses = world(routes), GraphKeeper(GraphSettings()), StatusKeeper()
    fleet, infra = FleetReport(), InfraReport()
    yield "routes", routes
    yield "build", _ms(lambda: build_graph(cluster, GraphSettings()))[1]
    (graph, change), cost = _ms(lambda: graphs.update(cluster))
    yield "first", [cost, _ms(lambda: statuses.update(graph, change, fleet, infra))[1]]
    gc.collect()
    gc.freeze()
    for name, mutate in CHANGES.items():
        costs = []
        for turn in range(1, 1 + (changes if name != "gateway_listeners" else max(3, changes // 10))):
            cluster = mutate(cluster, turn)
            (graph, change), cost = _ms(lambda: graphs.update(cluster))  # noqa: B023
            costs.append((cost, _ms(lambda: statuses.update(graph, change, fleet, infra))[1]))  # noqa: B023
        yield name, [round(statistics.median(column), 3) for column in zip(*costs, strict=True)]


def _ms[T](work: Callable[[], T]) -> tuple[T, float]:
    start = time.process_time()
    done = work()
    return done, round((time.process_time() - start) * 1000, 3)


def main() -> None:
    """Parse arguments, measure, print a line a size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--routes", type=int, nargs="+", default=[1000, 5000, 40000])
    parser.add_argument("--changes", type=int, default=50)
    options = parser.parse_args()
    for routes in options.routes:
        print(json.dumps(dict(measure(routes, options.changes))), flush=True)


if __name__ == "__main__":
    main()
