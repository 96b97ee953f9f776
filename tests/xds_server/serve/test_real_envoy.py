"""The server and a real Envoy, in both dialects: backends change under load, and a bad route table comes and goes."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway_api.ir import xds as ir
from gateway_api.ir.fleet import GatewayFleet
from protos import matcher
from protos import route as pb
from protos.encode import encode
from tests.envoy.gateways import clusters, endpoints, forward, host, http_gateway, route
from tests.xds_server.serve.conftest import EG, Running, serving
from xds_server.bootstrap.local import local_bootstrap
from xds_server.snapshot.resource import ResourceType, Snapshot, make_resource, make_set
from xds_server.translate.assemble import assemble

pytestmark = pytest.mark.envoy

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Bench:
    """A backend, a server, and Envoys that it can start."""

    def __init__(self, running: Running, envoy: Path, folder: Path, port: int, backend: int) -> None:
        self.running = running
        self.port = port
        self._envoy = envoy
        self._folder = folder
        self._backend = backend

    def with_server(self, running: Running) -> "Bench":
        """The same with another server."""
        return Bench(running, self._envoy, self._folder, self.port, self._backend)

    def world(self, cluster: str) -> Snapshot:
        """Everything to one cluster of this name, always with the same backend behind it."""
        name = ir.ClusterName(cluster)
        everything = host("*", route("/", forward(name)))
        gateway = http_gateway(self.port, everything, clusters=clusters(name))
        return assemble(gateway, [endpoints(name, self._backend)])

    async def publish(self, snapshot: Snapshot) -> None:
        """Publish, and wait until every Envoy has acknowledged all of it."""
        self.running.cache.publish(EG, snapshot)
        await self.until(lambda: self.gateway.connected == self.gateway.acked > 0 and self.in_sync_with(snapshot))

    def in_sync_with(self, snapshot: Snapshot) -> bool:
        return all(acknowledged is snapshot for acknowledged in self.running.fleet.streams.values())

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something in the fleet's report."""
        report = self.running.fleet.report
        version = report.version
        while not (EG in report.value.gateways and condition()):
            version, _ = await report.newer_than(version)

    @property
    def gateway(self) -> GatewayFleet:
        """What the fleet says of our Gateway."""
        return self.running.fleet.report.value.gateways[EG]

    @asynccontextmanager
    async def envoy(self, name: str, dialect: str, *, port: int = 0) -> AsyncIterator[None]:
        """A running Envoy, which finds the server at its own port or at another."""
        admin = self._folder / f"{name}.sock"
        xds = f"127.0.0.1:{port or self.running.server.port.value}"
        text = local_bootstrap(gateway=EG, node_id=name, xds=xds, admin_socket=str(admin))
        file = self._folder / f"{name}.json"
        file.write_text(text.replace('"DELTA_GRPC"', f'"{dialect}"'))
        options = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "off"]
        quiet = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(
            self._envoy, "--config-path", file, *options, stdout=quiet, stderr=quiet
        )
        try:
            yield
        finally:
            process.terminate()
            await process.wait()

    async def ask(self) -> str:
        """One request on a connection of its own; its status."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            return await _ask(reader, writer)
        finally:
            writer.close()

    async def load(self, over: asyncio.Event, answers: Counter[str]) -> None:
        """Ask one request after the other on one connection, and count the answers."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        while not over.is_set():
            answers[await _ask(reader, writer)] += 1
        writer.close()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    writer.write(b"GET / HTTP/1.1\r\nhost: a.test\r\n\r\n")
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0] or 0))
    return head.split()[1]


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(ANSWER)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


@pytest.fixture
async def bench(envoy_binary: Path, free_port: Callable[[], int], tmp_path: Path) -> AsyncIterator[Bench]:
    backend = await asyncio.start_server(_answer, "127.0.0.1", 0)
    async with serving() as running:
        await running.server.port.newer_than(0)
        yield Bench(running, envoy_binary, tmp_path, free_port(), backend.sockets[0].getsockname()[1])
    backend.close()


@pytest.mark.parametrize("dialect", ["DELTA_GRPC", "GRPC"])
async def test_twenty_swaps_of_the_backend_lose_no_request(bench: Bench, dialect: str) -> None:
    """Cases 15, 17 to 20: a real Envoy, a closed loop of clients, and not one answer that is no 200."""
    bench.running.cache.publish(EG, bench.world("backend-0"))
    async with bench.envoy("one", dialect):
        await bench.publish(bench.world("backend-1"))
        while await _is_refused(bench):
            pass
        over, answers = asyncio.Event(), Counter[str]()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(4):
                tasks.create_task(bench.load(over, answers))
            for i in range(2, 22):
                await bench.publish(bench.world(f"backend-{i}"))
            over.set()
    assert answers.keys() == {"200"}
    assert answers["200"] > 20


async def _is_refused(bench: Bench) -> bool:
    """Whether the listener is not open yet: Envoy acknowledges it some moments before."""
    try:
        await bench.ask()
    except ConnectionError:
        return True
    return False


def poisoned(snapshot: Snapshot) -> Snapshot:
    """The same, with a regex in the route table that no Envoy takes."""
    of = snapshot.of(ResourceType.ROUTE).by_name["http"]
    table = pb.RouteConfiguration.FromString(of.body)
    table.virtual_hosts[0].routes[0].match.CopyFrom(pb.RouteMatch(safe_regex=matcher.RegexMatcher(regex="(unbalanced")))
    bad = make_resource("http", encode(table), of.depends_on)
    return Snapshot({**snapshot.by_type, ResourceType.ROUTE: make_set([bad])})


@pytest.mark.parametrize("dialect", ["DELTA_GRPC", "GRPC"])
async def test_a_poisoned_table_harms_nobody_and_its_fix_goes_live(bench: Bench, dialect: str) -> None:
    """Cases 2 and 3: the old table serves on, an Envoy that starts gets it too, the fix needs no restart."""
    good = bench.world("backend-1")
    bench.running.cache.publish(EG, good)
    async with bench.envoy("one", dialect):
        await bench.publish(good)
        bench.running.cache.publish(EG, poisoned(good))
        await bench.until(lambda: bool(bench.gateway.nacks))
        (nack,) = bench.gateway.nacks
        assert nack.resources == ("http",)
        assert "missing )" in nack.message
        while await _is_refused(bench):
            pass
        assert await bench.ask() == "200"
        await bench.publish(bench.world("backend-2"))
        assert not bench.gateway.nacks
        assert await bench.ask() == "200"


async def test_an_envoy_that_starts_into_a_poisoned_world_serves(bench: Bench) -> None:
    """Case 2: it gets what the others took last."""
    good = bench.world("backend-1")
    bench.running.cache.publish(EG, good)
    async with bench.envoy("old", "DELTA_GRPC"):
        await bench.publish(good)
        bench.running.cache.publish(EG, poisoned(good))
        await bench.until(lambda: bool(bench.gateway.nacks))
    async with bench.envoy("new", "DELTA_GRPC"):
        await bench.until(lambda: bench.gateway.connected == 1)
        while await _is_refused(bench):
            pass
        assert await bench.ask() == "200"


class Service:
    """Leads each new connection to one of the servers, and keeps those that there are where they are."""

    def __init__(self, leads_to: int) -> None:
        self.leads_to = leads_to
        """A port of this machine."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        """The port of the Service, while the block lasts."""
        server = await asyncio.start_server(self._lead, "127.0.0.1", 0)
        yield server.sockets[0].getsockname()[1]
        server.close()

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.leads_to)
        except ConnectionError:
            writer.close()
            return
        await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer), return_exceptions=True)


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    finally:
        sink.close()


async def test_who_is_sent_away_goes_where_the_service_leads_and_loses_no_request(bench: Bench) -> None:
    """Case 32a: an Envoy whose stream alone is ended would open the next one on the same connection."""
    world, newer = bench.world("backend-1"), bench.world("backend-2")
    bench.running.cache.publish(EG, world)
    async with serving() as other:
        other.cache.publish(EG, newer)
        await other.server.port.newer_than(0)
        service = Service(bench.running.server.port.value)
        async with service.open() as port, bench.envoy("one", "DELTA_GRPC", port=port):
            await bench.publish(world)
            while await _is_refused(bench):
                pass
            over, answers = asyncio.Event(), Counter[str]()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(bench.load(over, answers))
                service.leads_to = other.server.port.value
                bench.running.server.send_away()
                moved = bench.with_server(other)
                await moved.until(lambda: moved.gateway.acked == 1 and moved.in_sync_with(newer))
                over.set()
            assert not bench.running.fleet.streams
            assert answers.keys() == {"200"}
