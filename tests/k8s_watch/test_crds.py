"""CRDs that are missing, appear, and go."""

import pytest
import structlog

from k8s_watch.api import ApiError, NotServed
from k8s_watch.keys import AnyKind
from k8s_watch.kinds import GATEWAY, GATEWAY_CLASS, HTTP_ROUTE, SERVICE, TCP_ROUTE
from k8s_watch.trouble import FORBIDDEN_GRACE, NOT_SERVED_GRACE
from tests.k8s_watch.conftest import World
from tests.k8s_watch.fake_api import FORBIDDEN


async def test_a_missing_crd_is_an_empty_kind(world: World) -> None:
    """The others are served within two seconds, and the report says what is missing."""
    world.api.missing.add("TCPRoute")
    world.api.put(SERVICE, "a")
    async with world.running():
        took = await world.clock.until(lambda: world.cluster.revision.value > 0)
        assert took < 2
        assert len(world.cluster.snapshot().services) == 1
        assert world.health(TCP_ROUTE).not_served
        assert world.health(TCP_ROUTE).synced


async def test_a_crd_is_missing_only_when_a_second_look_agrees(world: World) -> None:
    """A server that starts up answers 404 before it has read its CRDs."""
    world.api.put(TCP_ROUTE, "a")
    world.api.refuse["TCPRoute"] = NotServed(404, "page not found")
    async with world.running():
        await world.clock.advance(0.5)
        assert world.cluster.revision.value == 0
        del world.api.refuse["TCPRoute"]
        await world.clock.until(lambda: world.cluster.revision.value > 0)
        assert len(world.cluster.snapshot().tcp_routes) == 1


@pytest.mark.parametrize(
    ("error", "seconds"),
    [(NotServed(404, "no CRD"), 1.5), (FORBIDDEN, FORBIDDEN_GRACE + 1.5)],
    ids=["no CRDs", "no permissions"],
)
async def test_what_a_server_that_starts_up_kept_from_us_is_in_the_first_world(
    world: World, error: ApiError, seconds: float
) -> None:
    """Also the kinds that count as empty by then: proxies that have their routes would lose them."""
    world.clock.chance = None  # each kind is looked at in its own time
    world.api.refuse = {kind.name: error for kind in (GATEWAY, HTTP_ROUTE, TCP_ROUTE)}
    world.api.put(TCP_ROUTE, "a", spec={"rules": []})
    async with world.running():
        await world.clock.advance(seconds)
        assert world.health(TCP_ROUTE).conceded
        world.api.refuse.clear()
        await world.clock.until(lambda: world.cluster.revision.value > 0)
        assert len(world.cluster.snapshot().tcp_routes) == 1


async def test_a_built_in_kind_is_never_missing(world: World) -> None:
    """404 on Services is a server in trouble, not an empty world."""
    world.api.refuse["Service"] = NotServed(404, "page not found")
    async with world.running():
        await world.clock.advance(600)
        assert world.cluster.revision.value == 0


async def test_a_crd_that_appears_is_picked_up_without_restart(world: World) -> None:
    """Within ten seconds."""
    world.api.missing.add("TCPRoute")
    async with world.running():
        await world.clock.advance(3600)
        assert world.cluster.snapshot().tcp_routes == {}
        world.api.missing.clear()
        world.api.put(TCP_ROUTE, "a")
        took = await world.clock.until(lambda: len(world.cluster.snapshot().tcp_routes) == 1)
        assert took < 10
        assert not world.health(TCP_ROUTE).not_served


async def test_looking_for_a_crd_is_cheap(world: World) -> None:
    """Fewer than one call in two seconds."""
    world.api.missing.add("TCPRoute")
    async with world.running():
        await world.clock.advance(60)
        world.api.calls.clear()
        await world.clock.advance(60)
    assert len(world.api.seen("discover", TCP_ROUTE)) <= 30


async def test_a_crd_that_is_made_again_loses_no_object(world: World) -> None:
    """An upgrade that deletes and creates the CRD does not show."""
    world.api.put(HTTP_ROUTE, "a")
    async with world.running():
        before = world.cluster.snapshot()
        world.api.drop_crd(HTTP_ROUTE)
        await world.clock.advance(NOT_SERVED_GRACE - 6)
        assert world.cluster.snapshot() is before
        world.api.missing.clear()
        await world.clock.advance(10)
        assert world.cluster.snapshot() is before
        assert not world.health(HTTP_ROUTE).not_served


async def test_a_crd_that_stays_away_takes_its_objects_along(world: World) -> None:
    """After the grace, and not before."""
    world.api.put(HTTP_ROUTE, "a")
    async with world.running():
        world.api.drop_crd(HTTP_ROUTE)
        took = await world.clock.until(lambda: not world.cluster.snapshot().http_routes)
        assert took == pytest.approx(NOT_SERVED_GRACE, abs=0.5)


async def test_an_outage_does_not_count_towards_the_grace(world: World) -> None:
    """Only a server that answers can say that a CRD is gone."""
    world.api.put(HTTP_ROUTE, "a")
    async with world.running():
        world.api.drop_crd(HTTP_ROUTE)
        await world.clock.advance(10)
        world.api.stop()
        await world.clock.advance(600)
        world.api.start()
        await world.clock.advance(15)
        assert len(world.cluster.snapshot().http_routes) == 1


async def test_a_crd_that_was_never_there_is_one_line_and_no_warning(world: World) -> None:
    world.api.missing.add("TCPRoute")
    with structlog.testing.capture_logs() as said:
        async with world.running():
            await world.clock.advance(600)
            assert [(line["log_level"], line["kind"]) for line in said] == [("info", "TCPRoute")]
            assert world.health(TCP_ROUTE).failures == 0
            world.api.stop()
            await world.clock.advance(600)
            world.api.start()
            await world.clock.advance(600)
    assert [line["event"] for line in said if line["kind"] == "TCPRoute" and line["log_level"] == "info"] == [
        "kind is not served, it counts as empty"
    ]


async def test_a_crd_that_goes_is_a_warning(world: World) -> None:
    async with world.running():
        with structlog.testing.capture_logs() as said:
            world.api.drop_crd(HTTP_ROUTE)
            await world.clock.advance(600)
    assert ("warning", "not served") in [(line["log_level"], line.get("sort")) for line in said]


@pytest.mark.parametrize("kind", [GATEWAY_CLASS, GATEWAY], ids=lambda kind: kind.name)
async def test_gateways_and_their_classes_are_never_missing(kind: AnyKind) -> None:
    """A server without their CRD does not say that they were deleted: then it would tell so of each."""
    world = World((kind, SERVICE))
    async with world.running():
        world.api.put(kind, "a", spec={"controllerName": "c", "gatewayClassName": "c", "listeners": []})
        await world.clock.advance(1)
        before = world.cluster.snapshot()
        world.api.drop_crd(kind)
        await world.clock.advance(3600)
        assert world.cluster.snapshot() is before
    successor = World((kind, SERVICE))
    successor.api.missing.add(kind.name)
    async with successor.running():
        await successor.clock.advance(3600)
        assert successor.cluster.revision.value == 0
        successor.api.missing.clear()
        await successor.clock.until(lambda: successor.cluster.revision.value > 0, at_most=10)


async def test_a_crd_that_is_removed_has_its_gateways_deleted_first(world: World) -> None:
    world.api.put(GATEWAY, "a", spec={"gatewayClassName": "c", "listeners": []})
    async with world.running():
        world.api.delete(GATEWAY, "a")
        world.api.drop_crd(GATEWAY)
        await world.clock.advance(1)
        assert not world.cluster.snapshot().gateways
