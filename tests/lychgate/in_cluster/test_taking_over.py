"""Two replicas of the controller in one cluster, and how the Lease goes from one to the other."""

import asyncio
from typing import Any

import pytest
import structlog

from k8s_watch import kinds
from k8s_watch.api import ApiError
from k8s_watch.kinds import GATEWAY, GATEWAY_CLASS, LISTENER_SET
from lychgate.in_cluster.taking_over import PATIENCE
from tests.k8s_watch.fake_api import FORBIDDEN, UNAVAILABLE
from tests.lychgate.in_cluster.two_replicas import CLASS, Site


@pytest.fixture
def site() -> Site:
    return Site()


def written(site: Site) -> list[tuple[str, str]]:
    return [(call.verb, call.kind) for call in site.writer.calls if call.verb not in ("get", "list")]


async def test_a_new_leader_writes_at_once_what_needs_no_catching_up(site: Site) -> None:
    """No time passes: nobody waits for a bookmark, or for silence."""
    async with site.running():
        site.gateway("new", 80)
        await site.hand_over()
        assert site.b.writing.value
        assert site.ports() == {"old": [80], "new": [80]}


async def test_a_new_leader_that_was_cut_off_undoes_nothing(site: Site) -> None:
    """Its watchers still pause when it gets the Lease, and it has not heard of what the last leader made."""
    async with site.running():
        site.b.api.stop()
        await site.clock.advance(1)
        site.gateway("new", 80)
        site.gateway("old", 80, 8080)
        await site.clock.advance(600)
        assert site.ports() == {"old": [80, 8080], "new": [80]}
        site.b.api.start()
        await site.hand_over()
        await site.clock.until(lambda: site.b.writing.value, at_most=1)
        await site.clock.advance(10)
        assert site.ports() == {"old": [80, 8080], "new": [80]}
        assert written(site) == []


async def test_a_new_leader_whose_watch_fell_silent_undoes_nothing(site: Site) -> None:
    """Nothing has failed, and would not for minutes."""
    async with site.running():
        site.b.api.stall(GATEWAY)
        site.gateway("new", 80)
        await site.clock.advance(1)
        await site.hand_over()
        await site.clock.until(lambda: site.b.writing.value, at_most=1)
        await site.clock.advance(10)
        assert site.ports() == {"old": [80], "new": [80]}
        assert written(site) == []


async def test_a_new_leader_that_cannot_read_gateways_writes_nothing(site: Site) -> None:
    async with site.running():
        site.b.api.stop()
        await site.clock.advance(1)
        site.server.delete(GATEWAY, "old")
        site.gateway("new", 80)
        await site.clock.advance(60)
        await site.hand_over()
        await site.clock.advance(600)
        assert not site.b.writing.value
        assert written(site) == []


@pytest.mark.parametrize(
    ("kind", "name", "spec"),
    [(GATEWAY, "old", {"gatewayClassName": "ours", "listeners": 7}), (GATEWAY_CLASS, "ours", {"controllerName": 7})],
)
async def test_what_a_new_leader_cannot_decode_costs_no_proxies(site: Site, kind: Any, name: str, spec: Any) -> None:
    """Of an API that is newer than we are, for example. The one before knew a version that it could read."""
    async with site.running():
        site.server.put(kind, name, metadata={"generation": 9}, spec=spec)
        await site.clock.advance(1)
        site.a.leading.publish(False)
        async with asyncio.TaskGroup() as tasks:
            successor = tasks.create_task(site.c.run())
            site.c.leading.publish(True)
            await site.clock.until(lambda: site.c.writing.value, at_most=1)
            await site.clock.advance(10)
            assert site.ports() == {"old": [80]}
            successor.cancel()


async def test_what_is_not_ours_any_more_is_removed_once_that_is_known(site: Site) -> None:
    """A Gateway that goes to another's class still exists, and leaves its objects to the new leader."""
    site.server.put(GATEWAY_CLASS, "x", spec={"controllerName": "example.com/another"})
    async with site.running():
        site.b.api.stop()
        await site.clock.advance(1)
        site.a.leading.publish(False)
        site.server.put(GATEWAY, "old", metadata={"generation": 9}, spec={"gatewayClassName": "x", "listeners": []})
        await site.clock.advance(60)
        site.b.api.start()
        await site.hand_over()
        await site.clock.until(lambda: site.ports() == {}, at_most=5)


async def test_a_gateway_keeps_its_proxies_until_its_class_is_known(site: Site) -> None:
    """It moves to a class that is made just before it, and each kind comes in its own time."""
    to = {"gatewayClassName": "renamed", "listeners": [{"name": "p80", "port": 80, "protocol": "HTTP"}]}
    async with site.running():
        pods = site.pods("old")
        site.writer.calls.clear()
        site.server.put(GATEWAY, "old", metadata={"generation": 9}, spec=to)
        await site.clock.advance(1)
        site.server.put(GATEWAY_CLASS, "renamed", spec=CLASS)
        await site.clock.advance(1)
        assert {verb for verb, _ in written(site)} == {"apply"}  # each bears the name of its class
        assert site.ports() == {"old": [80]}
        assert site.pods("old") == pods


async def test_who_loses_the_lease_does_not_write(site: Site) -> None:
    async with site.running():
        await site.hand_over()
        assert site.b.writing.value
        assert not site.a.writing.value
        site.b.leading.publish(False)
        await site.clock.advance(0)
        assert not site.b.writing.value


@pytest.mark.parametrize("seconds", [1.5, 600])
async def test_a_server_that_starts_without_crds_costs_no_proxies(site: Site, seconds: float) -> None:
    """It tells a replica that begins just then that there are no Gateways."""
    async with site.running():
        site.a.leading.publish(False)
        site.c.api.missing = {kind.name for kind in kinds.ALL if kind.group == GATEWAY.group}
        site.writer.calls.clear()
        async with asyncio.TaskGroup() as tasks:
            successor = tasks.create_task(site.c.run())
            site.c.leading.publish(True)
            await site.clock.advance(seconds)
            site.c.api.missing.clear()
            await site.clock.until(lambda: site.c.writing.value, at_most=60)
            await site.clock.advance(10)
            assert written(site) == []
            successor.cancel()


@pytest.mark.parametrize("error", [FORBIDDEN, UNAVAILABLE], ids=["not allowed", "a broken webhook"])
async def test_who_cannot_read_what_decides_leaves_the_lease_to_another(site: Site, error: ApiError) -> None:
    """For good, or it would take it again at once; and it says why."""
    async with site.running():
        site.b.api.refuse["ListenerSet"] = error
        site.b.api.cut(LISTENER_SET)
        with structlog.testing.capture_logs() as said:
            await site.hand_over()
            await site.clock.until(lambda: not site.b.eligible.value, at_most=PATIENCE)
            site.b.leading.publish(False)
            await site.clock.advance(600)
        (line,) = [line for line in said if line["log_level"] == "error" and "errors" in line]
        assert line["errors"] == {"ListenerSet": str(error)}
        assert not site.b.eligible.value
        assert written(site) == []
        site.b.api.refuse.clear()
        await site.clock.until(lambda: site.b.eligible.value, at_most=31)


async def test_a_kind_that_counts_as_empty_is_no_reason_to_give_the_lease_back(site: Site) -> None:
    async with site.running():
        site.b.api.drop_crd(LISTENER_SET)
        await site.clock.advance(60)
        site.b.api.refuse["list Gateway"] = UNAVAILABLE
        with structlog.testing.capture_logs() as said:
            await site.hand_over()
            await site.clock.until(lambda: not site.b.eligible.value, at_most=PATIENCE)
        (line,) = [line for line in said if "errors" in line]
        assert line["errors"].keys() == {"Gateway"}


async def test_a_leader_that_alone_is_cut_off_leaves_the_lease_to_another(site: Site) -> None:
    """It may be able to renew it: a server with too much to do refuses the large requests first."""
    async with site.running():
        site.a.api.stop()
        await site.clock.advance(120)
        assert site.a.eligible.value
        site.a.giving_way.publish(True)
        await site.clock.advance(0)
        assert not site.a.eligible.value
        site.a.giving_way.publish(False)  # for whatever reason: what it knows is no newer
        await site.clock.advance(120)
        assert not site.a.eligible.value
        site.a.api.start()
        await site.clock.until(lambda: site.a.eligible.value, at_most=31)


async def test_who_reads_again_before_the_lease_is_gone_writes(site: Site) -> None:
    """Where there is no other, or no Lease, nothing else would do."""
    async with site.running():
        site.b.api.refuse["list Gateway"] = UNAVAILABLE
        await site.hand_over()
        await site.clock.advance(600)
        assert not site.b.writing.value
        site.b.api.refuse.clear()
        await site.clock.until(lambda: site.b.writing.value, at_most=31)
        assert site.b.eligible.value
