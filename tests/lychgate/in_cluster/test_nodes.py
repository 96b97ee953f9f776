"""Where Gateways are reached whose proxies have ports of the nodes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import structlog

from flow.latest import Latest
from k8s_apply.infra.names import MANAGED_BY, SYSTEM_NAMESPACE
from k8s_apply.infra.observed import Nodes
from k8s_apply.infra.settings import InfraSettings
from k8s_watch.keys import ObjectKey
from k8s_watch.kinds import NODE, PLACED_SLICE
from lychgate.in_cluster.nodes import PAUSE, SOON, look_at_nodes
from tests.flow.virtual_clock import VirtualClock
from tests.k8s_apply.gateways import SETTINGS
from tests.k8s_watch.fake_api import FORBIDDEN, UNAVAILABLE, FakeApi

CLUSTER = msgspec.structs.replace(SETTINGS, external_traffic_policy="Cluster")
LOCAL = msgspec.structs.replace(SETTINGS, external_traffic_policy="Local")


def status(ready: str, **addresses: str) -> dict[str, Any]:
    conditions = [{"type": "MemoryPressure", "status": "True"}, {"type": "Ready", "status": ready}]
    found = [{"type": kind, "address": address} for kind, address in addresses.items()]
    return {"addresses": found, "conditions": conditions}


class Looking:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.api = FakeApi(self.clock, page_size=2)
        self.found: Latest[Nodes | None] = Latest(None)
        self.looked = Latest(initial=False)

    @asynccontextmanager
    async def running(self, settings: InfraSettings) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(
                look_at_nodes(self.api, self.found, self.looked, settings=settings, clock=self.clock)
            )
            await self.clock.advance(1)
            yield
            task.cancel()


async def test_nodes_that_are_ready_have_their_external_addresses_else_their_internal_ones() -> None:
    world = Looking()
    world.api.put(NODE, "both", status=status("True", Hostname="both", InternalIP="10.0.0.1", ExternalIP="192.0.2.1"))
    world.api.put(NODE, "inside", status=status("True", InternalIP="10.0.0.2"))
    world.api.put(NODE, "lost", status=status("Unknown", InternalIP="10.0.0.3"))
    async with world.running(CLUSTER):
        assert world.found.value == Nodes({"both": ("192.0.2.1",), "inside": ("10.0.0.2",)}, None)
        assert world.looked.value
        world.api.put(NODE, "new", status=status("True", InternalIP="10.0.0.4"))
        await world.clock.advance(PAUSE)
        assert world.found.value is not None
        assert world.found.value.addresses["new"] == ("10.0.0.4",)


async def test_where_nodes_do_not_lead_to_others_those_with_a_ready_proxy_are_known() -> None:
    world = Looking()
    endpoints = [
        {"addresses": ["10.1.0.1"], "nodeName": "one", "conditions": {"ready": True}},
        {"addresses": ["10.1.0.2"], "nodeName": "two", "conditions": {"ready": False}},
        {"addresses": ["10.1.0.3"]},
    ]
    labels = {"kubernetes.io/service-name": "envoy-x", **MANAGED_BY, SYSTEM_NAMESPACE: LOCAL.system_namespace}
    world.api.put(PLACED_SLICE, "envoy-x-1", "system", metadata={"labels": labels}, endpoints=endpoints)
    theirs = {"kubernetes.io/service-name": "web"}
    world.api.put(PLACED_SLICE, "web-1", "system", metadata={"labels": theirs}, endpoints=endpoints)
    async with world.running(LOCAL):
        assert world.found.value == Nodes({}, {ObjectKey("system", "envoy-x"): {"one"}})


async def test_who_may_not_list_them_is_told_so_and_nobody_waits() -> None:
    world = Looking()
    world.api.refuse[NODE.name] = FORBIDDEN
    with structlog.testing.capture_logs() as lines:
        async with world.running(CLUSTER):
            assert not world.looked.value
            await world.clock.advance(SOON)
            await world.clock.advance(SOON)
            assert (world.found.value, world.looked.value) == (None, True)
            await world.clock.advance(3 * PAUSE)
    [line] = lines
    assert line["log_level"] == "warning"
    assert "docker/install.yaml" in line["remedy"]


async def test_through_an_outage_they_are_where_they_were() -> None:
    world = Looking()
    world.api.put(NODE, "inside", status=status("True", InternalIP="10.0.0.2"))
    async with world.running(CLUSTER):
        before = world.found.value
        world.api.refuse[NODE.name] = UNAVAILABLE
        await world.clock.advance(PAUSE)
        await world.clock.advance(3 * PAUSE)
        assert world.found.value == before


async def test_what_goes_on_standing_in_the_way_is_said_once_and_who_may_not_knows_nothing_then() -> None:
    world = Looking()
    world.api.put(NODE, "inside", status=status("True", InternalIP="10.0.0.2"))
    with structlog.testing.capture_logs() as lines:
        async with world.running(CLUSTER):
            world.api.refuse[NODE.name] = UNAVAILABLE
            await world.clock.advance(10 * PAUSE)
            world.api.refuse[NODE.name] = FORBIDDEN
            await world.clock.advance(10 * PAUSE)
            assert world.found.value is None
            world.api.refuse.clear()
            await world.clock.advance(PAUSE)
    assert [line["event"] for line in lines] == [
        "nodes cannot be listed, Gateways keep the addresses that they have",
        "no permission to list nodes, Gateways show ClusterIPs",
        "nodes are listed again",
    ]
