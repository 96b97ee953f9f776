"""What an operator's tools read of us: metrics that count, health that tells the truth."""

import asyncio
import socket

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from flow.clock import SystemClock
from flow.latest import Latest
from k8s_apply.status_writer import StatusWriter
from k8s_watch.informer import KindHealth
from lychgate.telemetry.edge_collector import EdgeCollector
from lychgate.telemetry.endpoints import Readiness, serving
from lychgate.telemetry.fleet_meter import FleetMeter
from tests.k8s_apply.fake_writer import FakeWriter
from xds_server.snapshot.resource import ResourceType


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


async def fetch(port: int, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status, await answer.text()


async def test_readiness_says_what_is_missing_and_health_does_not_care() -> None:
    readiness = Readiness(Latest(initial=False), lambda: "not listed yet: Gateway")
    health, metrics = ("127.0.0.1", free_port()), ("127.0.0.1", free_port())
    async with serving(readiness=readiness, registry=CollectorRegistry(), health=health, metrics=metrics):
        assert await fetch(health[1], "/readyz") == (503, "not listed yet: Gateway\n")
        assert (await fetch(health[1], "/healthz"))[0] == 200
        readiness.ready.publish(True)
        assert (await fetch(health[1], "/readyz"))[0] == 200
        assert (await fetch(metrics[1], "/metrics"))[0] == 200


async def test_who_asks_whether_we_started_is_answered_when_we_have() -> None:
    readiness = Readiness(Latest(initial=False), lambda: "not listed yet: Gateway")
    health = ("127.0.0.1", free_port())
    async with (
        serving(readiness=readiness, registry=CollectorRegistry(), health=health, metrics=None, held=60),
        asyncio.TaskGroup() as tasks,
    ):
        asked = tasks.create_task(fetch(health[1], "/startupz"))
        assert (await fetch(health[1], "/readyz"))[0] == 503
        assert not asked.done()
        readiness.ready.publish(True)
        assert await asked == (200, "ok\n")


async def test_a_start_that_takes_long_says_what_is_missing() -> None:
    readiness = Readiness(Latest(initial=False), lambda: "not listed yet: Gateway")
    health = ("127.0.0.1", free_port())
    async with serving(readiness=readiness, registry=CollectorRegistry(), health=health, metrics=None, held=0):
        assert await fetch(health[1], "/startupz") == (503, "not listed yet: Gateway\n")


async def test_a_port_that_is_taken_is_an_error_and_not_a_silence() -> None:
    readiness = Readiness(Latest(initial=True), lambda: "")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = ("127.0.0.1", taken.getsockname()[1])
        endpoints = serving(readiness=readiness, registry=CollectorRegistry(), health=address, metrics=None)
        with pytest.raises(OSError, match="in use"):
            await endpoints.__aenter__()


def test_the_fleets_counts_carry_the_type_and_nothing_unbounded() -> None:
    registry = CollectorRegistry()
    meter = FleetMeter(registry)
    meter.sent(ResourceType.CLUSTER, 3, 100)
    meter.nacked(ResourceType.ROUTE)
    meter.turned_away("PERMISSION_DENIED")
    assert registry.get_sample_value("lychgate_xds_resources_total", {"type": "cluster"}) == 3
    assert registry.get_sample_value("lychgate_xds_nacks_total", {"type": "route"}) == 1
    assert registry.get_sample_value("lychgate_xds_streams_ended_total", {"code": "PERMISSION_DENIED"}) == 1


async def test_the_edges_are_read_when_somebody_asks() -> None:
    registry = CollectorRegistry()
    clock = SystemClock()
    writer = StatusWriter(FakeWriter(clock), leading=Latest(initial=True), clock=clock)
    kind = KindHealth(kind="Gateway", synced=True, state="Watching", objects=7, rejected=0, failures=2, error="down")
    registry.register(EdgeCollector(lambda: (kind,), writer))
    assert registry.get_sample_value("lychgate_watch_objects", {"kind": "Gateway"}) == 7
    assert registry.get_sample_value("lychgate_watch_failing", {"kind": "Gateway"}) == 1
    writer.writes += 1
    assert registry.get_sample_value("lychgate_status_updates_total", {"result": "written"}) == 1
    assert b"lychgate_watch_failures_total" in generate_latest(registry)
