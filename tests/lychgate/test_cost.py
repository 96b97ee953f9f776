"""What a change costs, from the cluster's snapshot to the last acknowledgement of a proxy: no more in a big world."""

from collections.abc import Callable
from typing import Any, Literal

import msgspec
import pytest

import gateway_api
import k8s_apply
import lychgate
import xds_server
from gateway_api.graph.types import GraphSettings
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.core import Deployment, EndpointSlice, Namespace, Service
from k8s_watch.objects.gateway import Gateway, GatewayClass
from k8s_watch.objects.meta import Object
from k8s_watch.objects.routes import HTTPRoute
from k8s_watch.snapshot import ClusterSnapshot
from lychgate.pipeline import Pipeline
from tests.gateway_api.conftest import KINDS
from tests.gateway_api.worlds import changed
from tests.k8s_apply.gateways import infra, objects
from tests.lines import bytes_made, lines_run
from tests.lychgate.following import Follower
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
    spec = {"parentRefs": [{"name": "eg", "sectionName": "http"}], "hostnames": [f"h{n:03}.test"], "rules": [rule]}
    return msgspec.convert({"metadata": meta(f"r{n}"), "spec": spec}, HTTPRoute)


def slices(n: int, address: str) -> tuple[EndpointSlice, ...]:
    ports = [{"name": "", "port": 3000}]
    endpoints = [{"addresses": [address]}]
    document = {"metadata": meta(f"s{n}"), "addressType": "IPv4", "ports": ports, "endpoints": endpoints}
    return (msgspec.convert(document, EndpointSlice),)


def gateway(*ports: int) -> Gateway:
    """The Gateway with a listener for each; the first is called http."""
    names = ("http", "more")
    listeners = [{"name": name, "port": port, "protocol": "HTTP"} for name, port in zip(names, ports, strict=False)]
    return msgspec.convert(
        {"metadata": meta("eg"), "spec": {"gatewayClassName": "eg", "listeners": listeners}}, Gateway
    )


def of_kind(kind: str, **body: Any) -> tuple[str, ObjectKey, Object]:
    """An object called p."""
    made = msgspec.convert({"metadata": meta("p"), **body}, KINDS[kind].type)
    return kind, made.key, made


def namespace(labels: dict[str, str]) -> Namespace:
    return msgspec.convert({"metadata": {"name": "default", "labels": labels}}, Namespace)


def policy(kind: str, **says: Any) -> tuple[str, ObjectKey, Object]:
    """What one says of the backend s5."""
    return of_kind(kind, spec={"targetRefs": [{"group": "", "kind": "Service", "name": "s5"}], **says})


def world(routes: int) -> ClusterSnapshot:
    """That many routes, each with a hostname and a backend of its own, and one backend more."""
    gateway_class = {"controllerName": GraphSettings().controller_name}
    services = [
        msgspec.convert({"metadata": meta(f"s{n}"), "spec": {"ports": [{"port": 80}]}}, Service)
        for n in range(routes + 1)
    ]
    return ClusterSnapshot(
        revision=1,
        gateway_classes={
            ObjectKey("", "eg"): msgspec.convert({"metadata": {"name": "eg"}, "spec": gateway_class}, GatewayClass)
        },
        gateways={EG: gateway(80)},
        services={service.key: service for service in services},
        slices_by_service={ObjectKey("default", f"s{n}"): slices(n, "10.0.0.1") for n in range(routes + 1)},
        http_routes={ObjectKey("default", f"r{n}"): route(n) for n in range(routes)},
    )


KEY = ObjectKey("default", "r5")
BY_SYSTEM = {"hostname": "a.test", "wellKnownCACertificates": "System"}
FROM = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "default"}
OUTSIDE = {"type": "ExternalHostname", "port": {"port": 443}, "externalHostname": {"hostname": "a.test"}}
CHANGES: dict[str, Callable[[int], Any]] = {
    "a route's path": lambda _: ("HTTPRoute", KEY, route(5, path="/new")),
    "a route's backend": lambda _: ("HTTPRoute", KEY, route(5, backend=6)),
    "a route's backend, to a new one": lambda size: ("HTTPRoute", KEY, route(5, backend=size)),
    "a route added": lambda size: ("HTTPRoute", ObjectKey("default", f"r{size}"), route(size)),
    "a route deleted": lambda _: ("HTTPRoute", KEY, None),
    "a backend's slices": lambda _: (ObjectKey("default", "s5"), slices(5, "10.0.0.2")),
    "a backend deleted": lambda _: ("Service", ObjectKey("default", "s5"), None),
    "a backend's policy": lambda _: policy("XBackendTrafficPolicy", retryConstraint={"budget": {"percent": 20}}),
    "a backend behind TLS": lambda _: policy("BackendTLSPolicy", validation=BY_SYSTEM),
    "a listener that no route names": lambda _: ("Gateway", EG, gateway(80, 81)),
    "a grant": lambda _: of_kind("ReferenceGrant", spec={"from": [FROM], "to": [{"group": "", "kind": "Service"}]}),
    "a Secret": lambda _: of_kind("Secret", data={"tls.crt": ""}),
    "a ConfigMap": lambda _: of_kind("ConfigMap", data={"ca.crt": ""}),
    "a Service": lambda _: of_kind("Service", spec={"ports": [{"port": 80}]}),
    "an XBackend": lambda _: of_kind("XBackend", spec=OUTSIDE),
    "labels of the namespace": lambda _: ("Namespace", (of := namespace({"team": "blue"})).key, of),
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
        made[name] = bytes_made(lambda after=after: pipeline.update(after))
        cluster = msgspec.structs.replace(cluster, revision=after.revision + 1, changed=None)
        pipeline.update(cluster)
    return made


@pytest.mark.parametrize("scoping", ["never", "always"])
def test_a_change_copies_no_more_in_a_big_world(scoping: Literal["never", "always"]) -> None:
    settings = GraphSettings(route_scoping=scoping)
    small, big = bytes_of_changes(400, settings), bytes_of_changes(1600, settings)
    assert {name: grown for name in CHANGES if (grown := big[name] - small[name]) > 1200 * POINTERS} == {}


def test_a_new_retry_budget_is_sent_as_one_cluster() -> None:
    """And not as another version of all routes to it."""
    run, cluster = Run(GraphSettings(route_scoping="always")), world(10)
    budgets = (policy("XBackendTrafficPolicy", retryConstraint={"budget": {"percent": n}}) for n in (20, 21))
    before = run.pipeline.update(changed(cluster, [next(budgets)]))
    after = run.pipeline.update(changed(before.cluster, [next(budgets)]))
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
    keys = {ObjectKey("default", f"eg{n}"): n for n in range(gateways)}
    eg = cluster.gateways[EG]

    return msgspec.structs.replace(
        cluster,
        gateways={
            key: msgspec.structs.replace(eg, metadata=msgspec.structs.replace(eg.metadata, name=key.name))
            for key in keys
        },
        http_routes={ObjectKey("default", f"r{n}"): moved_to(route(n, backend=0), f"eg{n}") for n in keys.values()},
        slices_by_service={ObjectKey("default", "s0"): pods_of(pods)},
    )


def moved_to(made: HTTPRoute, gateway: str) -> HTTPRoute:
    """The route as one of that Gateway."""
    parent = msgspec.structs.replace(made.spec.parent_refs[0], name=gateway)
    return msgspec.structs.replace(made, spec=msgspec.structs.replace(made.spec, parent_refs=(parent,)))


def assignments(cluster: ClusterSnapshot) -> list[Resource]:
    """The endpoints of that Service as each Gateway's proxies get them."""
    gateways = Pipeline(GraphSettings()).update(cluster).gateways.values()
    return [of for step in gateways for of in step.snapshot.of(ResourceType.ENDPOINT).by_name.values()]


def of_proxies(kind: type[Object], name: str = "eg5") -> Object:
    """One of the objects that are made for a Gateway."""
    made = objects(infra(ObjectKey("default", name)))[kind.__name__]
    return msgspec.convert(made, kind)


OF_ONE: dict[str, Callable[[], Any]] = {
    "a route's path": lambda: ("HTTPRoute", KEY, moved_to(route(5, path="/new", backend=0), "eg5")),
    "a Service's slices": lambda: (ObjectKey("default", "s5"), slices(5, "10.0.0.2")),
    "a Service that no route names": lambda: of_kind("Service", spec={"ports": [{"port": 80}]}),
    "a Secret that no listener names": lambda: of_kind("Secret"),
    "a ConfigMap that nobody names": lambda: of_kind("ConfigMap"),
    "a Service of ours": lambda: ("Service", (of := of_proxies(Service)).key, of),
    "a class's status": lambda: ("GatewayClass", ObjectKey("", "eg"), reported_class()),
}


def reported_class() -> GatewayClass:
    source = world(0).gateway_classes["", "eg"]
    return msgspec.structs.replace(source, metadata=msgspec.structs.replace(source.metadata, resource_version="2"))


@pytest.mark.parametrize("change", OF_ONE)
def test_a_change_costs_no_look_at_gateways_that_it_does_not_concern(change: str) -> None:
    few, many = (lines_to_follow(shared_service(gateways, 1), OF_ONE[change]()) for gateways in (10, 100))
    assert 0 < many <= few + 60


def test_what_is_seen_of_one_gateways_proxies_is_compared_with_the_report_before_and_costs_no_more() -> None:
    """Two lines for each Gateway, 0.2 µs; of several reports in a row only what they come to is compared."""
    deployment = of_proxies(Deployment)
    change = "Deployment", deployment.key, deployment
    few, many = (lines_to_follow(shared_service(gateways, 1), change) for gateways in (10, 100))
    assert few < many <= few + 2 * 90 + 60


def test_a_gateway_of_others_costs_no_look_at_each_gateway() -> None:
    """Whose it is, is asked when a Gateway or a class differs."""

    def lines(gateways: int) -> int:
        cluster = shared_service(gateways, 1)
        theirs = msgspec.structs.replace(gateway(80).spec, gateway_class_name="theirs")
        other = {ObjectKey("theirs", "eg"): msgspec.structs.replace(gateway(80), spec=theirs)}
        cluster = msgspec.structs.replace(cluster, gateways={**cluster.gateways, **other})
        return lines_to_follow(cluster, OF_ONE["a Service's slices"]())

    assert 0 < lines(100) <= lines(10) + 60


def test_statuses_of_several_changes_at_once_cost_no_look_at_all_routes() -> None:
    """In a world that does not rest they are said now and then, for all that changed meanwhile."""

    def lines(routes: int) -> int:
        cluster = world(routes)
        with Follower(cluster) as follower:
            for turn in range(20):  # more than what is said at once
                n = turn % 3
                cluster = changed(cluster, [("HTTPRoute", ObjectKey("default", f"r{n}"), route(n, path=f"/{turn}"))])
                follower.hear(cluster)
            return lines_run(follower.rest, gateway_api, k8s_apply, lychgate)

    assert 0 < lines(100) <= lines(25) + 10


def lines_to_follow(cluster: ClusterSnapshot, change: Any) -> int:
    after = changed(cluster, [change])
    with Follower(cluster) as follower:
        return lines_run(lambda: follower.follow(after), gateway_api, k8s_apply, lychgate, xds_server)
