"""Route tables that a real Envoy is given in scopes: the same answers as from a whole table, and no request lost."""

import asyncio
import contextlib
import http.client
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from flow.clock import SystemClock
from flow.latest import Latest
from gateway_api.graph.types import RouteScoping
from gateway_api.ir import xds as ir
from gateway_api.lowering.scoping import MANY_WILDCARDS, scope_tables
from tests.envoy import gateways
from tests.envoy.gateways import KEY, endpoints, forward, http_chain, route
from tests.envoy.validation import validation_bootstrap
from xds_server.protocol.patience import Patience
from xds_server.serve.fleet import Fleet, Proxy
from xds_server.serve.server import ServeSettings, XdsServer
from xds_server.snapshot.cache import SnapshotCache
from xds_server.snapshot.resource import Snapshot
from xds_server.translate.assemble import assemble
from xds_server.translate.parts import divide
from xds_server.translate.scope import HEADER

pytestmark = pytest.mark.envoy

SETTINGS = ServeSettings(drain=0.1, patience=Patience(rest=0))
"""Nothing rests: what requests with odd hosts get five seconds late is to be the same, too."""

A = ir.ClusterName("service/default/a/80")
SWITCHED: tuple[RouteScoping, ...] = ("never", "always")

type Hosts = Collection[str]


def host(hostname: str, action: ir.Action | None = None) -> ir.VirtualHost:
    """Says its own name, so that it shows which host answered."""
    action = action or ir.Respond(status=200, body=hostname)
    return gateways.host(hostname, msgspec.structs.replace(route("/", action), name=hostname))


class WatchedFleet(Fleet):
    """Says which snapshot its one proxy has acknowledged."""

    def __init__(self, cache: SnapshotCache) -> None:
        super().__init__(cache, clock=SystemClock())
        self.acknowledged: Latest[Snapshot | None] = Latest(None)

    def caught_up(self, proxy: Proxy, snapshot: Snapshot) -> None:
        super().caught_up(proxy, snapshot)
        self.acknowledged.publish(snapshot)

    def fell_behind(self, proxy: Proxy) -> None:
        super().fell_behind(proxy)
        self.acknowledged.publish(None)


class Line:
    """Between a proxy and its control plane."""

    def __init__(self) -> None:
        self._ends: list[asyncio.StreamWriter] = []

    @contextlib.asynccontextmanager
    async def to(self, port: int) -> AsyncIterator[int]:
        """Pass on to this port, from the one that it gives."""

        async def pass_on(here: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
            there, on = await asyncio.open_connection("127.0.0.1", port)
            self._ends += [back, on]
            await asyncio.gather(_copy(here, on), _copy(there, back))

        async with await asyncio.start_server(pass_on, "127.0.0.1", 0) as server:
            try:
                yield server.sockets[0].getsockname()[1]
            finally:
                self.cut()

    def cut(self) -> None:
        """Break off, before the proxy hears what is published next. It comes back in a moment."""
        while self._ends:
            self._ends.pop().transport.abort()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(1 << 16):
            target.write(data)
            await target.drain()
    target.close()


class World:
    """A control plane and an Envoy. Two ports: what is published is in scopes on the one, as a whole on the other."""

    def __init__(self, ports: Sequence[int], backend: int) -> None:
        self.cache = SnapshotCache(divide)
        self.fleet = WatchedFleet(self.cache)
        self.ports, self.backend = ports, backend
        self.proxy: Any = None
        self.line = Line()

    def draining(self) -> bool:
        """Whether the proxy still has filter chains that were replaced."""
        return self.proxy.statistic("listener_manager.total_filter_chains_draining") > 0

    def snapshot(self, *hosts: ir.VirtualHost, modes: Sequence[RouteScoping] = ("always", "never")) -> Snapshot:
        parts = [
            scope_tables(
                ir.GatewayIR(
                    gateway=KEY,
                    listeners=(gateways.listener(f"http-{n}", port, http_chain(f"http-{n}")),),
                    route_tables=(ir.RouteTable(name=f"http-{n}", virtual_hosts=hosts),),
                ),
                mode,
                frozenset(),
            )
            for n, (port, mode) in enumerate(zip(self.ports, modes, strict=True))
        ]
        gateway = msgspec.structs.replace(
            parts[0],
            listeners=tuple(listener for part in parts for listener in part.listeners),
            route_tables=tuple(table for part in parts for table in part.route_tables),
            clusters=gateways.clusters(A),
        )
        return assemble(gateway, [endpoints(A, self.backend)])

    async def publish(self, *hosts: ir.VirtualHost, modes: Sequence[RouteScoping] = ("always", "never")) -> None:
        """Return when the proxy has acknowledged it all."""
        self.cache.publish(KEY, self.snapshot(*hosts, modes=modes))
        version, known = self.fleet.acknowledged.version, self.fleet.acknowledged.value
        while known is not self.cache.wanted(KEY):
            version, known = await self.fleet.acknowledged.newer_than(version)

    def ask(self, port: int, name: str, **headers: str) -> tuple[int, str]:
        """The status, and the text."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as client:
            client.request("GET", "/", headers={"Host": name, **headers})
            answer = client.getresponse()
            return answer.status, answer.read().decode()

    async def answers(self, *names: str) -> list[tuple[int, str]]:
        """What the scoped port says."""
        return await asyncio.to_thread(lambda: [self.ask(self.ports[0], name) for name in names])


@pytest.fixture
async def world(backends, free_port: Callable[[], int], local_envoy) -> AsyncIterator[World]:
    world = World((free_port(), free_port()), backends.http["a"])
    async with running(world, local_envoy):
        yield world


@contextlib.asynccontextmanager
async def running(
    world: World,
    local_envoy: Callable[..., contextlib.AbstractContextManager[Any]],
    *options: str,
    settings: ServeSettings = SETTINGS,
    modes: Sequence[RouteScoping] = ("always", "never"),
) -> AsyncIterator[None]:
    """A proxy that serves a.test."""
    world.cache.publish(KEY, world.snapshot(host("a.test"), modes=modes))
    server = XdsServer(world.cache, world.fleet, ready=Latest[bool](True), clock=SystemClock(), settings=settings)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(server.serve(address="127.0.0.1:0", tls=None))
        _, xds = await server.port.newer_than(0)
        async with world.line.to(xds) as line:
            with local_envoy(line, *options) as world.proxy:
                await asyncio.to_thread(world.proxy.wait_until_serving, *world.ports)
                yield
        task.cancel()


LABEL = st.sampled_from(["a", "b", "xn--a", "1"])
DOMAIN = st.lists(LABEL, min_size=1, max_size=3).map(".".join)
HOSTNAME = DOMAIN | DOMAIN.map("*.{}".format)
NOISE = st.sampled_from(["", ":80", ":", ".", ":80:80", "A", "]", ":x"])
ODD = st.sampled_from(["[::1]", "[::1]:80", "*", "~", "*.a", ".a", ":80", "a..b", "@a", "A", "a.B:1"])
HOST = ODD | st.builds("".join, st.tuples(st.sampled_from(["", "A", "b.", "."]), DOMAIN, NOISE))


@pytest.fixture
def same_answers(world: World) -> Callable[[Hosts, Hosts], None]:
    def check(table: Hosts, asked: Hosts) -> None:
        for name in {*asked, *table, *(hostname.replace("*", "q") for hostname in table)}:
            assert world.ask(world.ports[0], name) == world.ask(world.ports[1], name), (name, table)

    return check


async def test_a_scoped_table_answers_as_the_whole_one(world: World, same_answers) -> None:
    loop = asyncio.get_running_loop()

    @settings(max_examples=25, suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.generate))
    @given(st.sets(HOSTNAME, max_size=8), st.sets(HOST, min_size=10, max_size=30))
    def check(table: Hosts, asked: Hosts) -> None:
        asyncio.run_coroutine_threadsafe(world.publish(*map(host, sorted(table))), loop).result(20)
        same_answers(table, asked)

    await asyncio.to_thread(check)


async def test_long_wildcards_and_many_of_them_are_told_apart(world: World) -> None:
    long = ".".join(["w" * 60] * 4)
    many = [f"*.{n}.{long}" for n in range(MANY_WILDCARDS)]
    await world.publish(host("a.test"), *map(host, many))
    below = many[-1].replace("*", "q")
    assert await world.answers("a.test", below, f"{below}:8080") == [(200, "a.test"), *[(200, many[-1])] * 2]


async def test_how_a_scope_is_chosen_is_hidden_from_backends_and_cannot_be_forged(world: World) -> None:
    await world.publish(host("a.test", forward(A)), host("b.test"))
    status, text = await asyncio.to_thread(world.ask, world.ports[0], "a.test", **{HEADER: "http-0/b.test"})
    assert (status, HEADER in text) == (200, False)


async def test_a_bad_route_takes_no_other_with_it_in_scopes_and_in_a_table(world: World) -> None:
    bad = ir.Respond(status=200, body="x" * 5000)  # more than Envoy lets a direct response have
    names = [f"{n}.test" for n in "abcdefgh"]
    await world.publish(host("a.test"))
    world.cache.publish(KEY, world.snapshot(*(host(name, bad if name == "d.test" else None) for name in names)))
    expected = [(500, "") if name == "d.test" else (200, name) for name in names]
    for port in world.ports:
        while await asyncio.to_thread(lambda at=port: [world.ask(at, name) for name in names]) != expected:
            pass
    while not (report := world.fleet.report.value.of(KEY)).refused:
        await world.fleet.report.newer_than(world.fleet.report.version)
    assert ({(each.source, each.hostname) for each in report.refused}, report.nacks) == ({("d.test", "d.test")}, ())
    await world.publish(*map(host, names))
    assert await world.answers(*names) == [(200, name) for name in names]


async def test_a_trial_accepts_it_all(world: World, envoy_verdict: Callable[[str], str]) -> None:
    assert envoy_verdict(validation_bootstrap(world.snapshot(host("a.test"), host("*.b.test")))) == ""


class Load:
    """Asks a port without a pause, half of the time on new connections, and counts every answer."""

    def __init__(self, world: World, *names: str, at: int = 0) -> None:
        self.answers: Counter[tuple[str, object]] = Counter()
        self._world, self._names, self._port = world, names, world.ports[at]
        self._over = threading.Event()

    async def __aenter__(self) -> "Load":
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        self._over.set()
        await asyncio.to_thread(self._thread.join)

    @property
    def lost(self) -> dict[tuple[str, object], int]:
        return {key: count for key, count in self.answers.items() if key[1] != 200}

    def _run(self) -> None:
        kept = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        with contextlib.closing(kept):
            while not self._over.is_set():
                for name in self._names:
                    kept.request("GET", "/", headers={"Host": name})
                    answer = kept.getresponse()
                    answer.read()
                    self.answers[name, answer.status] += 1
                    self.answers[name, self._world.ask(self._port, name)[0]] += 1


async def test_switching_the_mode_loses_no_request(world: World) -> None:
    hosts = [host("a.test"), host("b.test", forward(A)), host("w.wild.test"), host("*.wild.test")]
    await world.publish(*hosts)
    async with Load(world, "a.test", "b.test", "w.wild.test", "q.wild.test", "A.test") as load:
        for mode in SWITCHED * 8:
            before = load.answers.total()
            await world.publish(*hosts, modes=(mode, "never"))
            while load.answers.total() < before + 30:
                await asyncio.to_thread(world.ask, world.ports[1], "a.test")
    assert not load.lost


async def test_a_table_is_scoped_again_after_all_its_scopes_have_gone(
    backends, free_port: Callable[[], int], local_envoy
) -> None:
    hosts = [host("a.test"), host("b.test"), host("c.test")]
    world = World((free_port(), free_port()), backends.http["a"])
    quick = msgspec.structs.replace(SETTINGS, patience=Patience(rest=0, linger=2))
    async with running(world, local_envoy, "--drain-time-s", "1", settings=quick):
        await world.publish(*hosts)
        await world.publish(*hosts, modes=("never", "never"))
        while await asyncio.to_thread(world.draining):
            pass
        await world.publish(*hosts)
        await world.publish(*hosts, host("d.test"))
        names = [f"{n}.test" for n in "abcd"]
        assert await world.answers(*names) == [(200, name) for name in names]


async def test_two_ports_that_are_scoped_at_once_lose_no_request(
    backends, free_port: Callable[[], int], local_envoy
) -> None:
    """Neither begins before the scopes are there, and those of thousands of hostnames take their time."""
    hosts = [host("a.test"), *(host(f"h{n}.test") for n in range(2000))]
    world = World((free_port(), free_port()), backends.http["a"])
    async with (
        running(world, local_envoy, modes=("never", "never")),
        Load(world, "a.test") as one,
        Load(world, "a.test", at=1) as other,
    ):
        await world.publish(*hosts, modes=("always", "always"))
        before = one.answers.total(), other.answers.total()
        while one.answers.total() < before[0] + 100 or other.answers.total() < before[1] + 100:
            await asyncio.to_thread(world.ask, world.ports[1], "a.test")
    assert not one.lost
    assert not other.lost


async def test_a_proxy_that_comes_back_to_another_mode_loses_no_request(world: World) -> None:
    """It asks for scopes before it asks for listeners, which would else choose among none."""
    hosts = [host("a.test"), host("b.test", forward(A))]
    await world.publish(*hosts)
    async with Load(world, "a.test", "b.test") as load:
        for n, mode in enumerate(SWITCHED * 5):
            world.line.cut()
            await world.publish(*hosts, host(f"{n}.test"), modes=(mode, "never"))
            while await world.answers(f"{n}.test") != [(200, f"{n}.test")]:
                pass
    assert not load.lost


async def test_hostnames_that_come_and_go_cost_the_others_nothing(world: World) -> None:
    await world.publish(host("a.test"), host("b.test", forward(A)))
    async with Load(world, "a.test", "b.test") as load:
        for n in range(100):
            edited = host("a.test", ir.Respond(status=200, body=str(n)))
            await world.publish(edited, host("b.test", forward(A)), host("n.test"))
            assert await world.answers("n.test", "a.test") == [(200, "n.test"), (200, str(n))]
            await world.publish(edited, host("b.test", forward(A)))
            assert await world.answers("n.test") == [(404, "")]
    assert not load.lost


async def test_a_wildcard_that_comes_and_goes_costs_the_hosts_below_it_nothing(world: World) -> None:
    await world.publish(host("a.test"), host("x.wild.test"))
    async with Load(world, "a.test", "x.wild.test") as load:
        for _ in range(15):
            await world.publish(host("a.test"), host("x.wild.test"), host("*.wild.test"))
            await world.publish(host("a.test"), host("x.wild.test"))
    assert not load.lost


async def test_a_host_that_passes_to_a_wildcard_and_back_loses_no_request(world: World) -> None:
    others = [host("a.test"), host("*.kept.test")]
    own, wildcard = host("x.wild.test", forward(A)), host("*.wild.test")
    await world.publish(*others, own)
    async with Load(world, "a.test", "x.wild.test") as load:
        for _ in range(10):
            await world.publish(*others, wildcard)
            await world.publish(*others, wildcard, own)
            await world.publish(*others, own)
            await world.publish(*others, host("*.test"))
            await world.publish(*others, wildcard)
            await world.publish(*others, own)
    assert not load.lost


async def test_a_request_with_a_body_waits_for_the_whole_table(world: World) -> None:
    await world.publish(*(host(f"h{n}.test", forward(A)) for n in range(500)))

    def post() -> int:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", world.ports[0], timeout=10)) as client:
            client.request("PUT", "/", body=b"x" * 200_000, headers={"Host": "H499.test"})
            return client.getresponse().status

    assert await asyncio.to_thread(post) == 200
