"""A replica that alone is cut off from the API server sends its proxies to those that are not."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from flow.latest import Latest
from k8s_watch import kinds
from k8s_watch.slices import SERVICE_LABEL
from lychgate.in_cluster import giving_way, outage
from lychgate.in_cluster.giving_way import GRACE, LOOKS, ROUNDS, give_way, is_one_current
from lychgate.settings import Settings
from lychgate.telemetry.endpoints import Readiness, serving
from lychgate.telemetry.sockets import Sockets
from tests.flow.virtual_clock import VirtualClock
from tests.lychgate.replicas import begin, one_route, replica


class Site:
    """One replica's view: whether it is behind, and what it would hear of another."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.behind = Latest(initial=False)
        self.giving_way = Latest(initial=False)
        self.another_is_current = True
        self.questions = 0
        self.rounds = 0

    async def ask(self) -> bool:
        self.questions += 1
        return self.another_is_current

    def send_away(self) -> None:
        self.rounds += 1


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    task = asyncio.ensure_future(  # noqa: TID251 (ended below)
        give_way(
            made.giving_way,
            behind=made.behind,
            is_another_current=made.ask,
            send_away=made.send_away,
            clock=made.clock,
        )
    )
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_who_is_not_cut_off_for_long_does_nothing(site: Site) -> None:
    await site.clock.advance(600)
    assert site.questions == 0
    site.behind.publish(True)
    await site.clock.advance(GRACE / 2)
    site.behind.publish(False)
    await site.clock.advance(600)
    assert (site.rounds, site.giving_way.version) == (0, 0)


async def test_who_reads_again_a_little_later_than_the_other_does_nothing(site: Site) -> None:
    """However long both were cut off."""
    site.another_is_current = False
    site.behind.publish(True)
    await site.clock.advance(3600)
    site.another_is_current = True
    await site.clock.advance(GRACE / 2)
    site.behind.publish(False)
    await site.clock.advance(600)
    assert (site.rounds, site.giving_way.version) == (0, 0)


async def test_who_alone_is_cut_off_sends_its_proxies_away_and_whoever_comes_back(site: Site) -> None:
    site.behind.publish(True)
    await site.clock.advance(GRACE)
    assert (site.giving_way.value, site.rounds) == (True, 0)  # first the Service has to lead elsewhere
    await site.clock.advance(ROUNDS)
    assert site.rounds == 1
    await site.clock.advance(ROUNDS)
    assert site.rounds == 2
    site.behind.publish(False)
    await site.clock.advance(600)
    assert (site.giving_way.value, site.rounds) == (False, 2)


async def test_when_all_are_cut_off_or_there_is_no_other_nothing_is_done(site: Site) -> None:
    site.another_is_current = False
    site.behind.publish(True)
    await site.clock.advance(3600)
    assert (site.rounds, site.giving_way.version) == (0, 0)
    assert site.questions > 100


async def test_when_the_other_is_cut_off_too_we_stay(site: Site) -> None:
    site.behind.publish(True)
    await site.clock.advance(GRACE + LOOKS)
    assert site.giving_way.value
    site.another_is_current = False
    await site.clock.advance(600)
    assert (site.giving_way.value, site.rounds) == (False, 0)


@asynccontextmanager
async def another(readiness: Readiness, clock: VirtualClock) -> AsyncIterator[str]:
    """Where the health of another replica is served."""
    with socket.create_server(("127.0.0.1", 0)) as health:
        sockets = Sockets(health=health, metrics=None)
        async with serving(readiness=readiness, registry=CollectorRegistry(), sockets=sockets, clock=clock):
            yield f"127.0.0.1:{health.getsockname()[1]}"


@pytest.mark.parametrize(
    ("ready", "behind", "current"),
    [(True, False, True), (True, True, False), (False, False, False)],
    ids=["follows", "cut off", "begins"],
)
async def test_another_is_current_that_is_ready_and_not_cut_off(
    *, ready: bool, behind: bool, current: bool, free_port: Callable[[], int]
) -> None:
    readiness = Readiness(Latest(ready), str, behind=Latest(behind))
    async with another(readiness, VirtualClock()) as place:
        assert await is_one_current([f"127.0.0.1:{free_port()}", place]) is current


async def test_somebody_else_at_the_old_address_of_a_replica_is_not_believed() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="welcome\n")

    app = web.Application()
    app.router.add_get("/{anything:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        await web.SockSite(runner, listening).start()
        assert not await is_one_current([f"127.0.0.1:{listening.getsockname()[1]}"])
        await runner.cleanup()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes a minute takes a moment."""
    for module, names in ((outage, ("LOOKS", "TOLERATED", "CATCHING_UP")), (giving_way, ("GRACE", "LOOKS", "ROUNDS"))):
        for name in names:
            monkeypatch.setattr(module, name, 0.1)


@pytest.mark.usefixtures("impatient")
async def test_the_proxies_of_a_replica_that_alone_is_cut_off_choose_anew(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    """And once we read again, everything is as before."""
    server, settings = one_route(), Settings()
    async with another(Readiness(Latest(initial=True), str), VirtualClock()) as place:
        host, _, port = place.rpartition(":")
        ours: dict[str, Any] = {
            "metadata": {"labels": {SERVICE_LABEL: settings.service_name}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [host], "conditions": {"ready": True}}],
        }
        server.api.put(kinds.ENDPOINT_SLICE, "ours", settings.namespace, **ours)
        async with replica(server, tmp_path, free_port(), health_port=int(port)) as doors:
            await doors.until_answered("ok\n")
            async with grpc.aio.secure_channel(doors.xds, doors.credentials) as channel:
                stream = await begin(channel)
                server.api.stop()
                assert await stream.ending() is grpc.StatusCode.UNAVAILABLE
            assert await doors.readiness() == "cut off from the API server, which another replica is not\n"
            server.api.start()
            await doors.until_answered("ok\n")
