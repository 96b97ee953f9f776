"""What a change of each kind costs, from the snapshot to the wishes, in a world of one Gateway and of many.

python bench/kinds.py [--routes 500 5000] [--changes 9]

Each line: so many routes on so many Gateways, and the median CPU in milliseconds of each kind of change: the pipeline,
publishing, what was observed, what infrastructure looks at, and the statuses; without I/O, and without proxies. What it
costs when nothing changes is in each.
"""

import argparse
import gc
import json
import statistics
import time
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from immutables import Map

from bench.worlds import backend, route
from gateway_api.graph.types import GraphSettings
from k8s_apply.infra.names import GATEWAY_NAME, GATEWAY_NAMESPACE, MANAGED_BY, infra_key
from k8s_watch.keys import ObjectKey
from k8s_watch.kinds import ALL
from k8s_watch.snapshot import FIELDS, ClusterSnapshot
from tests.k8s_apply.gateways import SETTINGS
from tests.lychgate.following import Follower

KINDS = {kind.name: kind for kind in ALL}

type Edit = tuple[str, ObjectKey, Any]


def made(kind: str, name: str, namespace: str = "default", **body: Any) -> Edit:
    """An object; `metadata` adds to its own."""
    meta = {"name": name, "namespace": namespace, "generation": 1} | body.pop("metadata", {})
    found = msgspec.convert({"metadata": meta, **body}, KINDS[kind].type)
    return kind, found.key, found


def gateway(number: int, *more: str) -> Edit:
    """The Gateway of that number; `more` names listeners beside the one that its routes name."""
    ports = enumerate(("http", *more), 80)
    listeners = [{"name": name, "port": port, "protocol": "HTTP"} for port, name in ports]
    return made("Gateway", f"eg-{number}", spec={"gatewayClassName": "eg", "listeners": listeners})


def gateway_class(**status: Any) -> Edit:
    """The class of all, with this said of it."""
    return made("GatewayClass", "eg", "", spec={"controllerName": GraphSettings().controller_name}, status=status)


def route_of(number: int, gateways: int, prefix: str = "/") -> Edit:
    """The route of that number, at a listener that it names."""
    document = route(number, prefix=prefix)
    document["spec"]["parentRefs"] = [{"name": f"eg-{number % gateways}", "sectionName": "http"}]  # type: ignore[index]
    found = msgspec.convert(document, KINDS["HTTPRoute"].type)
    return "HTTPRoute", found.key, found


def slice_of(number: int, port: int = 3000) -> Edit:
    """The slice of the Service of that number."""
    found = msgspec.convert(backend(number, port)[1], KINDS["EndpointSlice"].type)
    return "EndpointSlice", found.key, (found,)


def proxies(number: int, ready: int = 1) -> Iterable[Edit]:
    """What is there of the proxies of a Gateway."""
    of = ObjectKey("default", f"eg-{number}")
    namespace, name = infra_key(of, SETTINGS)
    labels = {"labels": MANAGED_BY | {GATEWAY_NAME: of.name, GATEWAY_NAMESPACE: of.namespace}}
    address = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
    yield made("Deployment", name, namespace, metadata=labels, status={"readyReplicas": ready})
    yield made("Service", name, namespace, metadata=labels, spec={"type": "LoadBalancer"}, status=address)


def put(cluster: ClusterSnapshot, edits: Iterable[Edit]) -> ClusterSnapshot:
    """The next snapshot."""
    fields: dict[str, Any] = {}
    changed: dict[str, set[ObjectKey]] = {}
    for kind, key, found in edits:
        field = FIELDS.get(kind, "slices_by_service")
        objects = fields.setdefault(field, Map(getattr(cluster, field)))
        fields[field] = objects.set(key, found)
        changed.setdefault(kind, set()).add(key)
    news = {kind: frozenset(keys) for kind, keys in changed.items()}
    return msgspec.structs.replace(cluster, revision=cluster.revision + 1, changed=news, **fields)


def world(routes: int, gateways: int) -> ClusterSnapshot:
    """That many routes, each with its own hostname and Service, spread over the Gateways."""
    services = (msgspec.convert(backend(n, 3000)[0], KINDS["Service"].type) for n in range(routes))
    edits = [
        gateway_class(),
        *map(gateway, range(gateways)),
        *(each for n in range(gateways) for each in proxies(n)),
        *(("Service", service.key, service) for service in services),
        *map(slice_of, range(routes)),
        *(route_of(n, gateways) for n in range(routes)),
    ]
    return msgspec.structs.replace(put(ClusterSnapshot(revision=0), edits), changed=None)


def changes(gateways: int, turn: int) -> Mapping[str, Iterable[Edit]]:
    """Each kind of change, another one each turn."""
    rule = {"percent": 20 + turn}
    target = [{"group": "", "kind": "Service", "name": "backend-7"}]
    return {
        "nothing": [],
        "route": [route_of(7, gateways, f"/{turn}")],
        "slice": [slice_of(7, 3001 + turn)],
        "policy": [
            made("XBackendTrafficPolicy", "p", spec={"targetRefs": target, "retryConstraint": {"budget": rule}})
        ],
        "listener": [gateway(0, f"more-{turn}")],
        "class_status": [gateway_class(supportedFeatures=[{"name": f"f{turn}"}])],
        "gateway": [gateway(gateways + turn)],
        "proxies": [*proxies(0, turn % 2)][:1],
        "service_of_nobody": [made("Service", "nobody", spec={"ports": [{"port": 1 + turn}]})],
        "secret_of_nobody": [made("Secret", "nobody", data={"tls.crt": str(turn)})],
        "config_map_of_nobody": [made("ConfigMap", "nobody", data={"ca.crt": str(turn)})],
    }


def cost(follower: Follower, cluster: ClusterSnapshot) -> float:
    """Take the snapshot through; return the CPU in milliseconds."""
    start = time.process_time()
    follower.hear(cluster)
    took = time.process_time() - start
    follower.rest()
    return took * 1000


def measure(routes: int, gateways: int, turns: int) -> dict[str, float]:
    """The median of each kind of change."""
    cluster = world(routes, gateways)
    costs: dict[str, list[float]] = {}
    with Follower(cluster) as follower:
        gc.collect()
        gc.freeze()
        for turn in range(turns):
            for name, edits in changes(gateways, turn).items():
                cluster = put(cluster, edits)
                costs.setdefault(name, []).append(cost(follower, cluster))
    medians = {name: round(statistics.median(found), 2) for name, found in costs.items()}
    return {"routes": routes, "gateways": gateways} | medians


def main() -> None:
    """Parse arguments, measure, print a line a world."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--routes", type=int, nargs="+", default=[500, 5000])
    parser.add_argument("--changes", type=int, default=9)
    options = parser.parse_args()
    for routes in options.routes:
        for gateways in (1, routes // 5):
            print(json.dumps(measure(routes, gateways, options.changes)), flush=True)


if __name__ == "__main__":
    main()
