"""What a change costs, from the cluster's snapshot to the last acknowledgement of a proxy: no more in a big world."""

from collections.abc import Callable
from typing import Any, Literal

import msgspec
import pytest

import gateway_api
import lychgate
import xds_server
from gateway_api.graph.types import GraphSettings
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.core import EndpointSlice, Service
from k8s_watch.objects.gateway import Gateway, GatewayClass
from k8s_watch.objects.policies import XBackendTrafficPolicy
from k8s_watch.objects.routes import HTTPRoute
from k8s_watch.snapshot import ClusterSnapshot
from lychgate.pipeline import Pipeline
from tests.gateway_api.worlds import changed
from tests.lines import bytes_made, lines_run
from tests.xds_server.reference_client import DeltaClient, Link
from xds_server.protocol.messages import DeltaRequest
from xds_server.snapshot.cache import SnapshotCache
from xds_server.snapshot.diff import changed_names
from xds_server.snapshot.resource import Resource, ResourceType

EG = ObjectKey("default", "eg")
LOGARITHMS = 120
"""Lines that a world four times the size may cost more: looking things up by halves."""


def meta(name: str) -> dict[str, Any]:
    return {"name": name, "namespace": "default"}


def route(n: int, *, path: str = "/", backend: int | None = None) -> HTTPRoute:
    rule = {
        "matches": [{"path": {"value": path}}],
        "backendRefs": [{"name": f"s{n if backend is None else backend}", "port": 80}],
    }
    spec = {"parentRefs": [{"name": "eg"}], "hostnames": [f"h{n:03}.test"], "rules": [rule]}
    return msgspec.convert({"metadata": meta(f"r{n}"), "spec": spec}, HTTPRoute)


def slices(n: int, address: str) -> tuple[EndpointSlice, ...]:
    ports = [{"name": "", "port": 3000}]
    endpoints = [{"addresses": [address]}]
    document = {"metadata": meta(f"s{n}"), "addressType": "IPv4", "ports": ports, "endpoints": endpoints}
    return (msgspec.convert(document, EndpointSlice),)


def world(routes: int) -> ClusterSnapshot:
    """That many routes, each with a hostname and a backend of its own, and one backend more."""
    gateway_class = {"controllerName": GraphSettings().controller_name}
    spec = {"gatewayClassName": "eg", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}
    services = [
        msgspec.convert({"metadata": meta(f"s{n}"), "spec": {"ports": [{"port": 80}]}}, Service)
        for n in range(routes + 1)
    ]
    return ClusterSnapshot(
        revision=1,
        gateway_classes={
            ObjectKey("", "eg"): msgspec.convert({"metadata": {"name": "eg"}, "spec": gateway_class}, GatewayClass)
        },
        gateways={EG: msgspec.convert({"metadata": meta("eg"), "spec": spec}, Gateway)},
        services={service.key: service for service in services},
        slices_by_service={ObjectKey("default", f"s{n}"): slices(n, "10.0.0.1") for n in range(routes + 1)},
        http_routes={ObjectKey("default", f"r{n}"): route(n) for n in range(routes)},
    )


KEY = ObjectKey("default", "r5")
CHANGES: dict[str, Callable[[int], Any]] = {
    "a route's path": lambda _: ("HTTPRoute", KEY, route(5, path="/new")),
    "a route's backend": lambda _: ("HTTPRoute", KEY, route(5, backend=6)),
    "a route's backend, to a new one": lambda size: ("HTTPRoute", KEY, route(5, backend=size)),
    "a route added": lambda size: ("HTTPRoute", ObjectKey("default", f"r{size}"), route(size)),
    "a route deleted": lambda _: ("HTTPRoute", KEY, None),
    "a backend's slices": lambda _: (ObjectKey("default", "s5"), slices(5, "10.0.0.2")),
    "a backend deleted": lambda _: ("Service", ObjectKey("default", "s5"), None),
}


class Run:
    """The pipeline, the cache and one proxy, with lines counted."""

    def __init__(self, settings: GraphSettings) -> None:
        self.lines = 0
        self.pipeline, self.cache = Pipeline(settings), SnapshotCache()
        self.link = Link(DeltaClient())
        if settings.route_scoping == "always":
            self.link.client.outbox.append(DeltaRequest(type=ResourceType.SCOPED_ROUTE))

    def update(self, cluster: ClusterSnapshot) -> None:
        def step() -> None:
            snapshot = self.pipeline.update(cluster).gateways[EG].snapshot
            self.cache.publish(EG, snapshot)
            self.link.snapshot = snapshot
            self.link.speak()
            self.link.settle()

        self.lines += lines_run(step, gateway_api, lychgate, xds_server)
        self.link.now += 1.0


def cost(routes: int, change: Callable[[int], Any], settings: GraphSettings) -> int:
    run, cluster = Run(settings), world(routes)
    run.update(cluster)
    run.lines = 0
    run.update(changed(cluster, [change(routes)]))
    return run.lines


@pytest.mark.parametrize("scoping", ["never", "always"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_costs_no_more_in_a_big_world(change: str, scoping: Literal["never", "always"]) -> None:
    settings = GraphSettings(route_scoping=scoping)
    small, big = (cost(routes, CHANGES[change], settings) for routes in (25, 100))
    assert 0 < big <= small + LOGARITHMS


POINTERS = 4 * 8
"""Bytes that a change may make for each route of the world: there are new tuples of a table's routes, in their order,
and of what it names. The copy of a mapping with an entry for each route takes 46."""


def bytes_of_changes(routes: int, settings: GraphSettings) -> dict[str, int]:
    """What the pipeline makes for each change, of which every one is undone again."""
    pipeline, cluster = Pipeline(settings), world(routes)
    pipeline.update(cluster)
    made: dict[str, int] = {}
    for name, change in CHANGES.items():
        after = changed(cluster, [change(routes)])
        made[name] = bytes_made(lambda after=after: pipeline.update(after))  # type: ignore[misc]
        cluster = msgspec.structs.replace(cluster, revision=after.revision + 1, changed=None)
        pipeline.update(cluster)
    return made


@pytest.mark.parametrize("scoping", ["never", "always"])
def test_a_change_copies_no_more_in_a_big_world(scoping: Literal["never", "always"]) -> None:
    settings = GraphSettings(route_scoping=scoping)
    small, big = bytes_of_changes(400, settings), bytes_of_changes(1600, settings)
    assert {name: grown for name in CHANGES if (grown := big[name] - small[name]) > 1200 * POINTERS} == {}


def budget(percent: int) -> XBackendTrafficPolicy:
    target = {"group": "", "kind": "Service", "name": "s5"}
    spec = {"targetRefs": [target], "retryConstraint": {"budget": {"percent": percent}}}
    return msgspec.convert({"metadata": meta("p"), "spec": spec}, XBackendTrafficPolicy)


def test_a_new_retry_budget_is_sent_as_one_cluster() -> None:
    """And not as another version of all routes to it."""
    run, cluster = Run(GraphSettings(route_scoping="always")), world(10)
    before = run.pipeline.update(changed(cluster, [("XBackendTrafficPolicy", ObjectKey("default", "p"), budget(20))]))
    after = run.pipeline.update(
        changed(before.cluster, [("XBackendTrafficPolicy", ObjectKey("default", "p"), budget(21))])
    )
    old, new = before.gateways[EG].snapshot, after.gateways[EG].snapshot
    assert {type_: len(names) for type_ in ResourceType if (names := changed_names(old.of(type_), new.of(type_)))} == {
        ResourceType.CLUSTER: 1
    }


def test_gateways_that_share_a_service_share_its_endpoints() -> None:
    """A pod that comes costs each of them a look, and no list of all pods of its own."""

    def lines(gateways: int, pods: int) -> int:
        cluster = shared_service(gateways, pods)
        pipeline = Pipeline(GraphSettings())
        pipeline.update(cluster)
        more = changed(cluster, [(ObjectKey("default", "s0"), pods_of(pods + 1))])
        return lines_run(lambda: pipeline.update(more), gateway_api, lychgate, xds_server)

    many_pods = lines(10, 100) - lines(10, 10)
    assert 0 < many_pods < 1.1 * (lines(1, 100) - lines(1, 10))
    assert len({id(of) for of in assignments(shared_service(10, 10))}) == 1


def pods_of(count: int) -> tuple[EndpointSlice, ...]:
    (of,) = slices(0, "10.0.0.1")
    endpoints = tuple(msgspec.structs.replace(of.endpoints[0], addresses=(f"10.0.1.{n}",)) for n in range(count))
    return (msgspec.structs.replace(of, endpoints=endpoints),)


def shared_service(gateways: int, pods: int) -> ClusterSnapshot:
    """Gateways with a route each, all to one Service."""
    cluster = world(gateways)
    named = {ObjectKey("default", f"eg{n}"): n for n in range(gateways)}
    eg = cluster.gateways[EG]

    def of(n: int) -> HTTPRoute:
        made = route(n, backend=0)
        parent = msgspec.structs.replace(made.spec.parent_refs[0], name=f"eg{n}")
        return msgspec.structs.replace(made, spec=msgspec.structs.replace(made.spec, parent_refs=(parent,)))

    return msgspec.structs.replace(
        cluster,
        gateways={
            key: msgspec.structs.replace(eg, metadata=msgspec.structs.replace(eg.metadata, name=key.name))
            for key in named
        },
        http_routes={ObjectKey("default", f"r{n}"): of(n) for n in named.values()},
        slices_by_service={ObjectKey("default", "s0"): pods_of(pods)},
    )


def assignments(cluster: ClusterSnapshot) -> list[Resource]:
    """The endpoints of that Service as each Gateway's proxies get them."""
    gateways = Pipeline(GraphSettings()).update(cluster).gateways.values()
    return [of for step in gateways for of in step.snapshot.of(ResourceType.ENDPOINT).by_name.values()]


def test_a_service_that_no_gateway_uses_costs_no_look_at_each() -> None:
    def lines(gateways: int) -> int:
        cluster = shared_service(gateways, 1)
        pipeline = Pipeline(GraphSettings())
        pipeline.update(cluster)
        new = msgspec.convert({"metadata": meta("unused"), "spec": {"ports": [{"port": 80}]}}, Service)
        other = changed(cluster, [("Service", new.key, new)])
        return lines_run(lambda: pipeline.update(other), gateway_api, lychgate, xds_server)

    assert lines(100) - lines(10) <= 90
