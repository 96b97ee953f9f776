"""What a ClusterSnapshot says and keeps."""

from typing import Any

import pytest

from k8s_watch import kinds
from k8s_watch.cluster import SLICES, STATUS_ONLY
from k8s_watch.keys import AnyKind, ObjectKey
from k8s_watch.kinds import DEPLOYMENT, ENDPOINT_SLICE, GATEWAY, HTTP_ROUTE, NAMESPACE, SERVICE
from k8s_watch.snapshot import FIELDS, ClusterSnapshot
from tests.k8s_watch.conftest import World
from tests.k8s_watch.fake_api import Json, labels_of

A, B = ObjectKey("default", "a"), ObjectKey("default", "b")


def slice_of(service: str | None) -> dict[str, Any]:
    labels = {"kubernetes.io/service-name": service} if service else {}
    return {"metadata": {"labels": labels}, "addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}]}


@pytest.fixture
def world() -> World:
    return World((NAMESPACE, SERVICE, ENDPOINT_SLICE, HTTP_ROUTE, GATEWAY))


def test_every_kind_has_its_place_in_the_snapshot() -> None:
    assert FIELDS.keys() | {SLICES} == {kind.name for kind in kinds.ALL}
    assert set(FIELDS.values()) <= set(ClusterSnapshot.__struct_fields__)


async def test_the_first_snapshot_says_that_everything_may_have_changed(world: World) -> None:
    world.api.put(SERVICE, "a")
    async with world.running():
        snapshot = world.cluster.snapshot()
    assert (snapshot.revision, snapshot.changed) == (1, None)


async def test_no_change_gives_the_same_snapshot(world: World) -> None:
    async with world.running():
        assert world.cluster.snapshot() is world.cluster.snapshot()


async def test_changes_add_up_between_two_snapshots(world: World) -> None:
    async with world.running():
        first = world.cluster.snapshot()
        for name in "ab":
            world.api.put(SERVICE, name)
            await world.clock.advance(1)
        world.api.put(HTTP_ROUTE, "a")
        await world.clock.advance(1)
        second = world.cluster.snapshot()
    assert second.revision == first.revision + 1
    assert second.changed == {"Service": {A, B}, "HTTPRoute": {A}}


async def test_only_mappings_of_kinds_that_changed_are_new(world: World) -> None:
    world.api.put(SERVICE, "a")
    world.api.put(HTTP_ROUTE, "a")
    async with world.running():
        before = world.cluster.snapshot()
        world.api.put(SERVICE, "b")
        await world.clock.advance(0)
        after = world.cluster.snapshot()
    assert after.http_routes is before.http_routes
    assert after.services is not before.services
    assert after.services[A] is before.services[A]
    assert set(before.services) == {A}


async def test_every_change_raises_the_revision(world: World) -> None:
    async with world.running():
        version, _ = await world.cluster.revision.newer_than(0)
        world.api.put(SERVICE, "a")
        version, _ = await world.cluster.revision.newer_than(version)
        world.api.delete(SERVICE, "a")
        assert await world.cluster.revision.newer_than(version) == (3, 3)


STATUS = {"parents": [{"controllerName": "example.com/ours", "parentRef": {"name": "eg"}}]}


async def test_a_change_of_a_status_alone_is_announced_later(world: World) -> None:
    route: Json = {"metadata": {"generation": 1}}
    world.api.put(HTTP_ROUTE, "a", **route)
    async with world.running():
        before = world.cluster.snapshot()
        revision = world.cluster.revision.value
        world.api.put(HTTP_ROUTE, "a", **route, status=STATUS)
        await world.clock.advance(STATUS_ONLY - 0.01)
        assert world.cluster.revision.value == revision
        assert world.cluster.get("HTTPRoute", A).status.parents
        await world.clock.advance(0.01)
        assert world.cluster.revision.value == revision + 1
        assert world.cluster.snapshot().http_routes[A] is not before.http_routes[A]


async def test_a_status_rides_along_with_the_next_change_that_is_urgent(world: World) -> None:
    route: Json = {"metadata": {"generation": 1}}
    world.api.put(HTTP_ROUTE, "a", **route)
    async with world.running():
        world.cluster.snapshot()
        revision = world.cluster.revision.value
        world.api.put(HTTP_ROUTE, "a", **route, status=STATUS)
        world.api.put(SERVICE, "b")
        await world.clock.advance(0)
        assert world.cluster.snapshot().changed == {"HTTPRoute": {A}, "Service": {B}}
        await world.clock.advance(10 * STATUS_ONLY)
        assert world.cluster.revision.value == revision + 1


async def test_the_next_status_has_its_own_wait(world: World) -> None:
    """What is written all the time is announced no sooner than what is written once."""
    route: Json = {"metadata": {"generation": 1}}
    world.api.put(HTTP_ROUTE, "a", **route)
    async with world.running():
        world.cluster.snapshot()
        world.api.put(HTTP_ROUTE, "a", **route, status=STATUS)
        await world.clock.advance(STATUS_ONLY - 0.02)
        world.api.put(SERVICE, "b")
        await world.clock.advance(0.01)
        world.cluster.snapshot()
        revision = world.cluster.revision.value
        world.api.put(HTTP_ROUTE, "a", **route)
        await world.clock.advance(STATUS_ONLY - 0.01)
        assert world.cluster.revision.value == revision
        await world.clock.advance(0.01)
        assert world.cluster.revision.value == revision + 1


async def test_what_others_report_of_a_deployment_is_urgent() -> None:
    world = World((SERVICE, DEPLOYMENT))
    metadata = {"generation": 1, "labels": labels_of(DEPLOYMENT)}
    world.api.put(DEPLOYMENT, "a", metadata=metadata)
    async with world.running():
        revision = world.cluster.revision.value
        world.api.put(DEPLOYMENT, "a", metadata=metadata, status={"readyReplicas": 1})
        await world.clock.advance(0)
        assert world.cluster.revision.value == revision + 1


async def test_a_deployment_that_loses_our_labels_is_gone() -> None:
    world = World((DEPLOYMENT,))
    world.api.put(DEPLOYMENT, "a", metadata={"labels": labels_of(DEPLOYMENT)})
    async with world.running():
        assert world.cluster.snapshot().deployments
        world.api.put(DEPLOYMENT, "a", metadata={"labels": {}})
        await world.clock.advance(0)
        assert not world.cluster.snapshot().deployments


async def test_slices_are_found_by_their_service(world: World) -> None:
    for name, service in (("a-2", "a"), ("a-1", "a"), ("b-1", "b"), ("stray", None)):
        world.api.put(ENDPOINT_SLICE, name, **slice_of(service))
    async with world.running():
        before = world.cluster.snapshot().slices_by_service
        assert [one.metadata.name for one in before[A]] == ["a-1", "a-2"]
        world.api.put(ENDPOINT_SLICE, "b-2", **slice_of("b"))
        await world.clock.advance(0)
        after = world.cluster.snapshot()
    assert after.changed == {"EndpointSlice": {B}}
    assert after.slices_by_service[A] is before[A]
    assert len(after.slices_by_service[B]) == 2


async def test_a_slice_that_changes_hands_changes_both_services(world: World) -> None:
    world.api.put(ENDPOINT_SLICE, "one", **slice_of("a"))
    async with world.running():
        world.cluster.snapshot()
        world.api.put(ENDPOINT_SLICE, "one", **slice_of("b"))
        await world.clock.advance(0)
        snapshot = world.cluster.snapshot()
    assert snapshot.changed == {"EndpointSlice": {A, B}}
    assert set(snapshot.slices_by_service) == {B}


async def test_a_slice_of_no_service_is_nobodys_news(world: World) -> None:
    async with world.running():
        before = world.cluster.snapshot()
        world.api.put(ENDPOINT_SLICE, "stray", **slice_of(None))
        await world.clock.advance(0)
        assert world.cluster.snapshot() is before


async def test_labels_of_a_namespace_that_change_are_a_change(world: World) -> None:
    """Selectors of listeners depend on them."""
    key = ObjectKey("", "team")
    world.api.put(NAMESPACE, "team", metadata={"labels": {"tier": "a"}})
    async with world.running():
        world.cluster.snapshot()
        world.api.put(NAMESPACE, "team", metadata={"labels": {"tier": "b"}})
        await world.clock.advance(0)
        snapshot = world.cluster.snapshot()
        assert (snapshot.changed, snapshot.namespaces[key].metadata.labels) == ({"Namespace": {key}}, {"tier": "b"})
        world.api.delete(NAMESPACE, "team")
        await world.clock.advance(0)
        assert world.cluster.snapshot().changed == {"Namespace": {key}}


LISTENER = {"name": "http", "port": "eighty", "protocol": "HTTP"}
BROKEN: Json = {"spec": {"gatewayClassName": "eg", "listeners": [LISTENER]}}
GOOD: Json = {"metadata": {"generation": 1}, "spec": {"gatewayClassName": "eg"}}


async def test_an_object_that_cannot_be_decoded_is_reported_and_blocks_nothing(world: World) -> None:
    """In a list, with the field and the place."""
    world.api.put(GATEWAY, "a", **BROKEN)
    world.api.put(GATEWAY, "b", **GOOD)
    async with world.running():
        snapshot = world.cluster.snapshot()
    assert set(snapshot.gateways) == {B}
    (rejected,) = snapshot.rejected
    assert (rejected.kind, rejected.key) == ("Gateway", A)
    assert rejected.where == "/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways/a"
    assert rejected.reason == "spec.listeners[0].port: expected int, got str"
    assert world.health(GATEWAY).rejected == 1


async def test_a_report_alone_is_a_new_snapshot_in_which_nothing_changed(world: World) -> None:
    """A change that cannot be decoded leaves the object as it was, until it is good again."""
    world.api.put(GATEWAY, "a", **GOOD)
    async with world.running():
        good = world.cluster.snapshot()
        world.api.put(GATEWAY, "a", **BROKEN)
        await world.clock.advance(0)
        broken = world.cluster.snapshot()
        assert (broken.changed, broken.gateways) == ({}, good.gateways)
        assert len(broken.rejected) == 1
        world.api.put(GATEWAY, "a", **GOOD)
        await world.clock.advance(0)
        healed = world.cluster.snapshot()
        assert (healed.changed, healed.rejected) == ({"Gateway": {A}}, ())


async def test_a_kind_outside_the_snapshot_is_watched_without_harm() -> None:
    world = World((SERVICE, kind_named("Widget")))
    async with world.running():
        before = world.cluster.snapshot()
        world.api.put(kind_named("Widget"), "a")
        await world.clock.advance(0)
        assert world.cluster.snapshot() is before


def kind_named(name: str) -> AnyKind:
    return SERVICE._replace(name=name, plural=name.lower() + "s")
