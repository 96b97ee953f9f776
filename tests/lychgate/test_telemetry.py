"""What an operator's tools read of us: metrics that count, health that tells the truth."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import aiohttp
from click.testing import CliRunner
from prometheus_client import CollectorRegistry, generate_latest

from flow.latest import Latest
from gateway_api.ir.fleet import FleetReport, GatewayFleet, Nack, RefusedRoute
from k8s_apply.certificates import AUTHORITY_LIFE, make_authority
from k8s_watch.informer import KindHealth
from k8s_watch.keys import ObjectKey
from k8s_watch.kinds import HTTP_ROUTE
from lychgate.cli.main import app
from lychgate.telemetry.certificate_collector import CertificateCollector
from lychgate.telemetry.edge_collector import EdgeCollector
from lychgate.telemetry.endpoints import HELD, Readiness, serving
from lychgate.telemetry.fleet_collector import FleetCollector
from lychgate.telemetry.fleet_meter import FleetMeter
from lychgate.telemetry.metrics import Metrics
from lychgate.telemetry.sockets import listening
from tests.flow.virtual_clock import VirtualClock, settle
from tests.ipv6 import needs_ipv6
from tests.k8s_apply.fake_writer import FakeWriter, refusals
from tests.k8s_apply.gateways import infra
from tests.k8s_apply.running import running
from tests.k8s_apply.site import Site
from tests.k8s_apply.statuses import key, wish
from tests.lychgate.writers import writers_of
from tests.xds_server.serve.conftest import EG
from tests.xds_server.world import world
from xds_server.serve.fleet import Fleet
from xds_server.snapshot.cache import SnapshotCache
from xds_server.snapshot.resource import ResourceType

HERE = "127.0.0.1"


async def fetch(port: int, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://{HERE}:{port}{path}") as answer:
        return answer.status, await answer.text()


async def test_readiness_says_what_is_missing_and_health_does_not_care(free_port: Callable[[], int]) -> None:
    readiness = Readiness(Latest(initial=False), lambda: "not listed yet: Gateway")
    health, metrics = free_port(), free_port()
    with listening(health=(HERE, health), metrics=(HERE, metrics)) as sockets:
        async with serving(readiness=readiness, registry=CollectorRegistry(), sockets=sockets, clock=VirtualClock()):
            assert await fetch(health, "/readyz") == (503, "not listed yet: Gateway\n")
            assert (await fetch(health, "/healthz"))[0] == 200
            readiness.ready.publish(True)
            assert (await fetch(health, "/readyz"))[0] == 200
            assert (await fetch(metrics, "/metrics"))[0] == 200


async def test_who_asks_before_anything_serves_is_answered_in_the_moment_in_which_we_are_ready(
    free_port: Callable[[], int],
) -> None:
    readiness = Readiness(Latest(initial=False), lambda: "not listed yet: Gateway")
    port = free_port()
    with listening(health=(HERE, port), metrics=(HERE, 0)) as sockets:
        reader, writer = await asyncio.open_connection(HERE, port)
        writer.write(b"GET /readyz?wait HTTP/1.0\r\n\r\n")
        async with serving(readiness=readiness, registry=CollectorRegistry(), sockets=sockets, clock=VirtualClock()):
            assert (await fetch(port, "/readyz"))[0] == 503
            readiness.ready.publish(True)
            assert (await reader.readline()).split()[1] == b"200"
        writer.close()


async def test_a_start_that_takes_long_says_what_is_missing(free_port: Callable[[], int]) -> None:
    readiness = Readiness(Latest(initial=False), lambda: "not listed yet: Gateway")
    port, clock = free_port(), VirtualClock()
    with listening(health=(HERE, port), metrics=(HERE, 0)) as sockets:
        async with (
            serving(readiness=readiness, registry=CollectorRegistry(), sockets=sockets, clock=clock),
            asyncio.TaskGroup() as tasks,
        ):
            asking = tasks.create_task(fetch(port, "/readyz?wait"))
            while not asking.done():
                await clock.advance(HELD)
        assert asking.result() == (503, "not listed yet: Gateway\n")


async def test_who_is_held_does_not_hold_our_end(free_port: Callable[[], int]) -> None:
    readiness = Readiness(Latest(initial=False), lambda: "not listed yet: Gateway")
    port = free_port()
    with listening(health=(HERE, port), metrics=(HERE, 0)) as sockets:
        reader, writer = await asyncio.open_connection(HERE, port)
        async with (
            asyncio.timeout(30),  # half of the patience that the library has by itself
            serving(readiness=readiness, registry=CollectorRegistry(), sockets=sockets, clock=VirtualClock()),
        ):
            writer.write(b"GET /readyz?wait HTTP/1.0\r\n\r\n")
            assert (await fetch(port, "/healthz"))[0] == 200  # the one who waits was heard before
        assert await reader.read() == b""
        writer.close()


@needs_ipv6
def test_any_address_of_ipv6_is_any_of_both_families(free_port: Callable[[], int]) -> None:
    port = free_port()
    with listening(health=("::", port), metrics=(HERE, 0)):
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, port), timeout=5).close()


def test_a_port_that_is_none_is_an_error_that_names_it() -> None:
    result = CliRunner().invoke(app, ["serve", "--health-port", "70000"])
    assert result.exit_code == 2
    assert "--health-port" in result.output


def test_a_port_that_is_taken_is_an_error_that_names_it() -> None:
    with socket.create_server((HERE, 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(app, ["serve", "--health-port", str(port)])
    assert result.exit_code == 2
    assert f"cannot listen on 0.0.0.0:{port}: Address already in use" in result.output


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
    clock = VirtualClock()
    api = FakeWriter(clock)
    writers = writers_of(Site(clock, api))
    kind = KindHealth(kind="Gateway", synced=True, state="Watching", objects=7, rejected=0, failures=2, error="down")
    missing = KindHealth(
        kind="TCPRoute", synced=True, state="Empty", objects=0, rejected=0, failures=9, error="no CRD", not_served=True
    )
    registry.register(EdgeCollector(lambda: (kind, missing), writers, lambda: 5))
    assert registry.get_sample_value("lychgate_watch_objects", {"kind": "Gateway"}) == 7
    assert registry.get_sample_value("lychgate_watch_failing", {"kind": "Gateway"}) == 1
    assert registry.get_sample_value("lychgate_watch_failing", {"kind": "TCPRoute"}) == 0
    writers.leadership.failures += 1
    assert registry.get_sample_value("lychgate_lease_failures_total") == 1
    api.put(HTTP_ROUTE, key("r").key)
    async with running(writers.statuses.run()):
        writers.statuses.want({key("r"): wish()})
        await settle()
    assert registry.get_sample_value("lychgate_status_updates_total", {"result": "written"}) == 1
    assert registry.get_sample_value("lychgate_api_throttled_total") == 5
    assert b"lychgate_watch_failures_total" in generate_latest(registry)


async def test_gateways_whose_infrastructure_is_not_as_wished_are_counted_until_it_is() -> None:
    clock, registry = VirtualClock(), CollectorRegistry()
    api = FakeWriter(clock)
    site = Site(clock, api)
    registry.register(EdgeCollector(tuple, writers_of(site), lambda: 0))
    api.refuse = refusals(403, "apply")
    async with running(site.reconciler.run()):
        await site.want(infra())
        assert registry.get_sample_value("lychgate_infra_gateways_failing") == 1
        assert registry.get_sample_value("lychgate_infra_failures_total") == 1
        api.refuse = {}
        await clock.advance(60)
        assert registry.get_sample_value("lychgate_infra_gateways_failing") == 0


async def test_a_gateway_has_its_series_for_as_long_as_it_is_there() -> None:
    clock, registry = VirtualClock(), CollectorRegistry()
    cache = SnapshotCache()
    fleet = Fleet(cache, FleetMeter(registry), clock=clock, renew_after=0.0)
    registry.register(FleetCollector(fleet, cache, Latest(initial=False)))

    def values() -> list[float | None]:
        names = ("lychgate_gateway_proxies", "lychgate_gateway_proxies_in_sync", "lychgate_gateway_sync_lag_seconds")
        return [registry.get_sample_value(name, {"namespace": "default", "name": "eg"}) for name in names]

    old = world(listeners={"l": "r"}, routes={"r": ""})
    new = world(listeners={"l": "r"}, routes={"r": ""}, revisions={"route r": "new"})
    cache.publish(EG, old)
    assert values() == [0, 0, 0]
    one, two = fleet.connect(EG, "one"), fleet.connect(EG, "two")
    fleet.caught_up(one, old)
    fleet.caught_up(two, old)
    await settle()
    assert values() == [2, 2, 0]
    cache.publish(EG, new)
    for proxy in (one, two):
        fleet.fell_behind(proxy)
    await clock.advance(3)
    fleet.caught_up(one, new)
    cache.publish(EG, old)  # whoever lacks something, lacks it since the first of what it has not taken
    fleet.fell_behind(one)
    await clock.advance(4)
    assert values() == [2, 0, 7]
    fleet.caught_up(one, old)
    fleet.caught_up(two, old)
    await settle()
    assert values() == [2, 2, 0]
    assert registry.get_sample_value("lychgate_xds_sync_seconds_count") == 3
    assert registry.get_sample_value("lychgate_xds_sync_seconds_sum") == 3 + 4 + 7
    cache.withdraw(EG)
    assert values() == [None, None, None]


async def test_of_all_proxies_together_is_said_how_many_there_are_and_what_they_refuse() -> None:
    cache, registry = SnapshotCache(), CollectorRegistry()
    fleet = Fleet(cache, clock=VirtualClock())
    registry.register(FleetCollector(fleet, cache, Latest(initial=False)))
    names = ("proxies", "proxies_in_sync", "refused_resources", "refused_routes")

    def values() -> list[float | None]:
        return [registry.get_sample_value(f"lychgate_xds_{name}") for name in names]

    assert values() == [0, 0, 0, 0]
    nack = Nack(node_id="a", type_url="t", resources=("l",), message="no")
    routes = tuple(RefusedRoute(source="httproute/a/b", hostname=name, message="no") for name in ("x.test", "y.test"))
    eg, other = GatewayFleet(connected=3, acked=1, nacks=(nack,)), GatewayFleet(connected=2, acked=2, refused=routes)
    fleet.report.publish(FleetReport({EG: eg, ObjectKey("default", "other"): other}))
    assert values() == [5, 3, 1, 2]


async def test_that_we_are_cut_off_can_be_read() -> None:
    cache, behind, registry = SnapshotCache(), Latest(initial=False), CollectorRegistry()
    registry.register(FleetCollector(Fleet(cache, clock=VirtualClock()), cache, behind))
    assert registry.get_sample_value("lychgate_cut_off") == 0
    behind.publish(True)
    assert registry.get_sample_value("lychgate_cut_off") == 1


def test_the_end_of_each_certificate_can_be_read_and_none_that_cannot_be_is_in_the_way() -> None:
    registry, name = CollectorRegistry(), "lychgate_certificate_expiry_timestamp_seconds"
    certificate = make_authority(1_700_000_000.0).certificate
    unreadable = Path("nowhere").read_bytes
    registry.register(CertificateCollector({"authority": lambda: certificate, "xds_server": unreadable}))
    ten_years = AUTHORITY_LIFE.total_seconds()
    assert registry.get_sample_value(name, {"certificate": "authority"}) == 1_700_000_000.0 + ten_years
    assert registry.get_sample_value(name, {"certificate": "xds_server"}) is None


def test_what_an_alert_waits_for_begins_with_0() -> None:
    """Of a series that begins with 1, `increase` sees nothing: the first failure would wake nobody."""
    metrics = Metrics()
    FleetMeter(metrics.registry)
    text = generate_latest(metrics.registry).decode()
    stages = [f'pipeline_failures_total{{stage="{stage}"}}' for stage in ("graph", "gateway", "publish", "statuses")]
    for series in (*stages, 'xds_streams_ended_total{code="PERMISSION_DENIED"}'):
        assert f"lychgate_{series} 0.0" in text.splitlines()


def test_a_line_of_the_log_says_which_part_of_us_or_which_library_speaks() -> None:
    program = (
        "import logging, structlog\n"
        "from lychgate.telemetry.logging import configure_logging\n"
        "configure_logging('info', 'json')\n"
        "structlog.get_logger('k8s_apply.lease').info('leading', lease='a/b')\n"
        "logging.getLogger('aiohttp.client').error('lost')\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stderr
    lines = [json.loads(line) for line in said.splitlines()]
    assert [(line["logger"], line["event"]) for line in lines] == [
        ("k8s_apply.lease", "leading"),
        ("aiohttp.client", "lost"),
    ]
