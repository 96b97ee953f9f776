"""Service and EndpointSlices → Endpoints."""

import msgspec

from gateway_api.ir import xds as ir
from gateway_api.lowering.endpoints import lower_endpoints
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.core import (
    Endpoint,
    EndpointConditions,
    EndpointHints,
    EndpointPort,
    EndpointSlice,
    ForZone,
    Service,
    ServicePort,
    ServiceSpec,
)
from k8s_watch.objects.meta import Meta

CLUSTER = ir.Cluster(name=ir.ClusterName("service/default/web/80"), backend=ObjectKey("default", "web"), port=80)
SERVICE = Service(
    metadata=Meta(name="web", namespace="default"),
    spec=ServiceSpec(ports=(ServicePort(port=80, name="udp", protocol="UDP"), ServicePort(port=80, name="http"))),
)
READY, GONE = EndpointConditions(ready=True), EndpointConditions(ready=False)


def endpoint(address: str, conditions: EndpointConditions = READY, zone: str | None = None) -> Endpoint:
    return Endpoint(addresses=(address,), conditions=conditions, zone=zone)


def piece(*endpoints: Endpoint, ports: tuple[EndpointPort, ...] = (), address_type: str = "IPv4") -> EndpointSlice:
    return EndpointSlice(
        metadata=Meta(name="web-1", namespace="default"),
        address_type=address_type,
        endpoints=endpoints,
        ports=ports or (EndpointPort(port=8080, name="http"),),
    )


def lower(
    *slices: EndpointSlice, service: Service | None = SERVICE, cluster: ir.Cluster = CLUSTER
) -> list[tuple[str, int]]:
    return [(e.address, e.port) for e in lower_endpoints(cluster, service, slices).endpoints]


def test_addresses_are_sorted_and_listed_once() -> None:
    assert lower(piece(endpoint("10.0.0.2"), endpoint("10.0.0.1")), piece(endpoint("10.0.0.2"))) == [
        ("10.0.0.1", 8080),
        ("10.0.0.2", 8080),
    ]


def test_the_slice_port_is_found_by_the_name_of_the_service_port() -> None:
    ports = (
        EndpointPort(port=53, name="udp", protocol="UDP"),
        EndpointPort(port=9, name="http", protocol="UDP"),
        EndpointPort(port=9090, name="other"),
        EndpointPort(port=3000, name="http"),
    )
    assert lower(piece(endpoint("10.0.0.1"), ports=ports)) == [("10.0.0.1", 3000)]
    datagrams = msgspec.structs.replace(CLUSTER, protocol="udp")
    assert lower(piece(endpoint("10.0.0.1"), ports=ports), cluster=datagrams) == [("10.0.0.1", 53)]


def renamed(*ports: ServicePort, selector: bool = True) -> Service:
    return Service(
        metadata=SERVICE.metadata, spec=ServiceSpec(ports=ports, selector={"app": "web"} if selector else {})
    )


def test_the_addresses_of_a_port_that_has_another_name_stay_until_the_slices_follow() -> None:
    """A second port makes the first one have a name."""
    nameless = (EndpointPort(port=8080),)
    named = (EndpointPort(port=8080, name="http"), EndpointPort(port=9090, name="metrics"))
    service = renamed(
        ServicePort(port=80, name="http", target_port=8080), ServicePort(port=90, name="metrics", target_port=9090)
    )
    before, after = piece(endpoint("10.0.0.1"), ports=nameless), piece(endpoint("10.0.0.2"), ports=named)
    assert lower(before, service=service) == [("10.0.0.1", 8080)]
    assert lower(before, after, service=service) == [("10.0.0.1", 8080), ("10.0.0.2", 8080)]
    metrics = msgspec.structs.replace(CLUSTER, port=90)
    assert lower(before, after, service=service, cluster=metrics) == [("10.0.0.2", 9090)]
    # Services and slices are watched apart: the slices may be the first.
    assert lower(after, service=renamed(ServicePort(port=80, target_port=8080))) == [("10.0.0.2", 8080)]


def test_a_port_has_the_addresses_of_no_other() -> None:
    other = piece(endpoint("10.0.0.1"), ports=(EndpointPort(port=80, name="other"),))
    assert lower(other, service=renamed(ServicePort(port=80, name="http"))) == [("10.0.0.1", 80)]
    assert lower(other, service=renamed(ServicePort(port=80, name="http"), selector=False)) == []
    assert lower(other, service=renamed(ServicePort(port=80, name="http", target_port="web"))) == []
    both = renamed(ServicePort(port=80, name="http"), ServicePort(port=90, name="other", target_port=80))
    assert lower(other, service=both) == []


def test_a_port_that_is_none_is_left_out() -> None:
    """The API server lets any number pass, and an encoder would stop at it, for everybody behind the Gateway."""
    numbers = (-1, 0, 65536, 2**31 - 1, 65535)
    ports = tuple(EndpointPort(port=number, name="http") for number in numbers)
    assert lower(piece(endpoint("10.0.0.1"), ports=ports)) == [("10.0.0.1", 65535)]


def test_slices_may_map_one_port_to_several_numbers() -> None:
    other = piece(endpoint("10.0.0.1"), ports=(EndpointPort(port=9000, name="http"),))
    assert lower(piece(endpoint("10.0.0.1")), other) == [("10.0.0.1", 8080), ("10.0.0.1", 9000)]


def test_a_port_without_a_name_is_the_port_without_a_name() -> None:
    service = Service(metadata=SERVICE.metadata, spec=ServiceSpec(ports=(ServicePort(port=80),)))
    assert lower(piece(endpoint("::1"), ports=(EndpointPort(port=1),), address_type="IPv6"), service=service) == [
        ("::1", 1)
    ]


def test_hostnames_are_no_addresses() -> None:
    assert lower(piece(endpoint("example.com"), address_type="FQDN")) == []


def test_no_service_no_port_or_no_slices_is_empty() -> None:
    assert lower(piece(endpoint("10.0.0.1")), service=None) == []
    assert lower(piece(endpoint("10.0.0.1")), service=Service(metadata=SERVICE.metadata)) == []
    assert lower() == []


def test_conditions_decide_who_serves_and_who_drains() -> None:
    lowered = lower_endpoints(
        CLUSTER,
        SERVICE,
        (
            piece(
                endpoint("10.0.0.1", EndpointConditions()),
                endpoint("10.0.0.2", GONE),
                endpoint("10.0.0.3", EndpointConditions(ready=False, serving=True, terminating=True), zone="a"),
                endpoint("10.0.0.4", EndpointConditions(ready=False, serving=False, terminating=True)),
                endpoint("10.0.0.5", EndpointConditions(ready=False, serving=True)),
                endpoint("10.0.0.6", EndpointConditions(ready=True, serving=True, terminating=True)),
            ),
        ),
    )
    assert [(e.address, e.draining, e.zone) for e in lowered.endpoints] == [
        ("10.0.0.1", False, ""),
        ("10.0.0.3", True, "a"),
        ("10.0.0.6", False, ""),
    ]


def test_ready_in_one_slice_wins_over_draining_in_another() -> None:
    draining = EndpointConditions(ready=False, serving=True, terminating=True)
    for slices in (
        (piece(endpoint("10.0.0.1", draining)), piece(endpoint("10.0.0.1"))),
        (piece(endpoint("10.0.0.1")), piece(endpoint("10.0.0.1", draining))),
    ):
        assert [e.draining for e in lower_endpoints(CLUSTER, SERVICE, slices).endpoints] == [False]


def test_a_cluster_that_is_near_has_the_zones_that_its_addresses_are_for() -> None:
    near = msgspec.structs.replace(CLUSTER, near=True)
    draining = EndpointConditions(ready=False, serving=True, terminating=True)
    moved, both = hinted("10.0.0.1", "a", "b"), hinted("10.0.0.2", "b", "a", "b")
    unmeant, gone = endpoint("10.0.0.3", zone="c"), endpoint("10.0.0.3", draining, zone="c")

    def zones(*endpoints: Endpoint, of: ir.Cluster = near) -> list[str]:
        return [e.zone for e in lower_endpoints(of, SERVICE, (piece(*endpoints),)).endpoints]

    assert zones(moved, both) == ["b", "b"]
    assert zones(moved, both, gone) == ["b", "b", ""]
    assert zones(moved, both, unmeant) == ["", "", ""]
    assert zones(moved, both, unmeant, of=CLUSTER) == ["a", "b", "c"]


def hinted(address: str, zone: str, *zones: str) -> Endpoint:
    hints = EndpointHints(for_zones=tuple(ForZone(name=name) for name in zones))
    return msgspec.structs.replace(endpoint(address, zone=zone), hints=hints)
