"""`--backend svc=127.0.0.1:3000`."""

import pytest

from flow.clock import SystemClock
from k8s_watch.files import FileSource, Override, OverrideError, parse_override
from k8s_watch.keys import ObjectKey
from k8s_watch.snapshot import ClusterSnapshot
from tests.k8s_watch.files.world import World

SVC = ObjectKey("default", "svc")
ROUTES = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: a}
spec: {rules: [{backendRefs: [{name: svc, port: 3000}, {name: svc, port: 80}, {name: other, port: 1}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {name: b, namespace: far}
spec: {rules: [{backendRefs: [{name: svc, namespace: default, port: 5432}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: UDPRoute
metadata: {name: c}
spec: {rules: [{backendRefs: [{name: svc, port: 80}]}]}
"""
SERVICE = """
---
apiVersion: v1
kind: Service
metadata: {name: svc, labels: {mine: kept}}
spec: {clusterIP: None, ports: [{name: http, port: 3000, targetPort: 80}, {name: admin, port: 9}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: svc-1, labels: {kubernetes.io/service-name: svc}}
addressType: IPv4
endpoints: [{addresses: [10.0.0.1]}]
ports: [{name: http, port: 80}]
"""


async def overridden(world: World, text: str, *overrides: str) -> ClusterSnapshot:
    world.write("all.yaml", text)
    parsed = [parse_override(each) for each in overrides or ("svc=127.0.0.1:4000",)]
    world.source = FileSource([world.folder], clock=SystemClock(), overrides=parsed)
    return await world.read()


@pytest.mark.parametrize(
    ("text", "override"),
    [
        ("svc=127.0.0.1:3000", Override(SVC, "127.0.0.1", 3000)),
        ("svc=localhost:3000", Override(SVC, "127.0.0.1", 3000)),
        ("far/svc=10.1.2.3:80", Override(ObjectKey("far", "svc"), "10.1.2.3", 80)),
        ("svc=[::1]:3000", Override(SVC, "::1", 3000)),
    ],
)
def test_an_override_names_a_service_and_an_address(text: str, override: Override) -> None:
    assert parse_override(text) == override


@pytest.mark.parametrize(
    "text", ["svc", "svc=3000", "svc=127.0.0.1", "=1.1.1.1:1", "a/b/c=1.1.1.1:1", "svc=1.1.1.1:0", "svc=1.1.1.1:70000"]
)
def test_anything_else_is_told_how_to_write_one(text: str) -> None:
    with pytest.raises(OverrideError, match="SERVICE=HOST:PORT, for example"):
        parse_override(text)


def test_a_name_is_refused_because_nobody_would_look_it_up() -> None:
    with pytest.raises(OverrideError, match=r"example\.com is not an IP address"):
        parse_override("svc=example.com:80")


async def test_a_service_that_nobody_defined_has_the_ports_that_routes_ask_for(world: World) -> None:
    snapshot = await overridden(world, ROUTES)
    assert [port.port for port in snapshot.services[SVC].spec.ports] == [80, 80, 3000, 5432]
    (endpoints,) = snapshot.slices_by_service[SVC]
    assert endpoints.endpoints[0].addresses == ("127.0.0.1",)
    assert [(port.name, port.port, port.protocol) for port in endpoints.ports] == [
        ("tcp-80", 4000, "TCP"),
        ("udp-80", 4000, "UDP"),
        ("tcp-3000", 4000, "TCP"),
        ("tcp-5432", 4000, "TCP"),
    ]


async def test_grpc_routes_mirrors_and_authorizers_ask_for_ports_too(world: World) -> None:
    asked = ("requestMirror", "backendRef", 81), ("externalAuth", "protocol: HTTP, http: {}, backendRef", 82)
    first, second = (
        f"{{type: {name[0].upper()}{name[1:]}, {name}: {{{field}: {{name: svc, port: {port}}}}}}}"
        for name, field, port in asked
    )
    snapshot = await overridden(
        world,
        f"""
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {{name: a}}
spec: {{rules: [{{backendRefs: [{{name: svc, port: 50051}}]}}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: b}}
spec: {{rules: [{{filters: [{first}], backendRefs: [{{name: other, port: 1, filters: [{second}]}}]}}]}}
""",
    )
    assert [port.port for port in snapshot.services[SVC].spec.ports] == [81, 82, 50051]


async def test_a_service_that_is_there_keeps_its_ports_and_loses_its_endpoints(world: World) -> None:
    snapshot = await overridden(world, ROUTES + SERVICE)
    service = snapshot.services[SVC]
    assert service.metadata.labels == {"mine": "kept"}
    assert [(port.name, port.port) for port in service.spec.ports] == [("http", 3000), ("admin", 9)]
    (endpoints,) = snapshot.slices_by_service[SVC]
    assert [(port.name, port.port) for port in endpoints.ports] == [("http", 4000), ("admin", 4000)]
    assert endpoints.endpoints[0].addresses == ("127.0.0.1",)


async def test_several_overrides_of_a_service_are_all_there(world: World) -> None:
    overrides = "svc=127.0.0.1:4000", "svc=[::1]:4001", "svc=127.0.0.1:4000"
    slices = (await overridden(world, ROUTES + SERVICE, *overrides)).slices_by_service[SVC]
    assert [(of.address_type, of.endpoints[0].addresses, [port.port for port in of.ports]) for of in slices] == [
        ("IPv4", ("127.0.0.1",), [4000, 4000]),
        ("IPv6", ("::1",), [4001, 4001]),
    ]


async def test_an_override_keeps_its_identity_while_nobody_asks_for_other_ports(world: World) -> None:
    before = await overridden(world, ROUTES)
    world.write("all.yaml", ROUTES.replace("name: other", "name: another"))
    after = await world.read()
    assert after.services is before.services
    assert after.slices_by_service is before.slices_by_service
