"""Changes while a real Envoy serves: connections that are not concerned stay, and no request is lost."""

import asyncio
import contextlib
import http.client
import re
import socket
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from flow.latest import Latest
from gateway_api.ir import xds as ir
from k8s_watch.keys import ObjectKey
from xds_server.bootstrap.local import local_bootstrap
from xds_server.serve.fleet import Fleet
from xds_server.serve.server import ServeSettings, XdsServer
from xds_server.snapshot.cache import SnapshotCache
from xds_server.translate.assemble import assemble

pytestmark = pytest.mark.envoy

KEY = ObjectKey("default", "eg")
EVERYTHING = ir.Match(path=ir.PathMatch(kind="prefix", value="/"))


def cluster_name(backend: str) -> ir.ClusterName:
    return ir.ClusterName(f"service/default/{backend}/80")


def table(name: str, *hosts: tuple[str, str]) -> ir.RouteTable:
    """Hostnames, each with the backend of all its requests."""
    return ir.RouteTable(
        name=name,
        virtual_hosts=tuple(
            ir.VirtualHost(
                hostname=hostname,
                routes=(
                    ir.Route(
                        name=hostname,
                        source=KEY,
                        match=EVERYTHING,
                        action=ir.Forward(destinations=(ir.Destination(cluster=cluster_name(backend), weight=1),)),
                    ),
                ),
            )
            for hostname, backend in hosts
        ),
    )


class World:
    """A control plane, an Envoy of its own, and what it should serve: hosts and the backends behind them."""

    def __init__(self, cache: SnapshotCache, port: int, places: dict[str, int], admin: Path) -> None:
        self.cache, self.port, self.places, self.admin = cache, port, places, admin

    def publish(
        self, *hosts: tuple[str, str], chains: tuple[str, ...] = (), budget: ir.RetryBudget | None = None
    ) -> None:
        """`chains` are names of filter chains beside the plain one, each for the server name `<name>.test`."""
        backends = sorted({backend for _, backend in hosts})
        plain = ir.FilterChain(name="http", handler=ir.HttpChain(route_table="http"))
        named = (
            ir.FilterChain(name=n, handler=ir.HttpChain(route_table="http"), server_names=(f"{n}.test",))
            for n in chains
        )
        gateway = ir.GatewayIR(
            gateway=KEY,
            listeners=(
                ir.Listener(
                    name="tcp-80",
                    port=80,
                    bind_port=self.port,
                    bind_address="127.0.0.1",
                    filter_chains=(plain, *named),
                ),
            ),
            route_tables=(table("http", *hosts),),
            clusters=tuple(
                ir.Cluster(name=cluster_name(b), backend=KEY, port=80, retry_budget=budget) for b in backends
            ),
        )
        endpoints = (
            ir.Endpoints(cluster=cluster_name(b), endpoints=(ir.Endpoint(address="127.0.0.1", port=self.places[b]),))
            for b in backends
        )
        self.cache.publish(KEY, assemble(gateway, endpoints))

    def request(self, client: http.client.HTTPConnection, host: str) -> tuple[int, str | None]:
        """The status, and the backend that answered."""
        client.request("GET", "/", headers={"Host": host})
        answer = client.getresponse()
        answer.read()
        return answer.status, answer.headers["X-Backend"]

    async def until_served(self, client: http.client.HTTPConnection, host: str, backend: str) -> None:
        """Ask, again and again, until the new configuration answers."""
        while await asyncio.to_thread(self.request, client, host) != (200, backend):
            pass

    def statistic(self, name: str) -> int:
        """A counter of the Envoy."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.admin))
            connection.sendall(f"GET /stats?filter=^{name}$ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
            [value] = re.findall(rf"{name}: (\d+)", connection.makefile().read())
            return int(value)

    def client(self) -> contextlib.closing[http.client.HTTPConnection]:
        return contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10))


@pytest.fixture
async def world(backends, free_port: Callable[[], int], start_envoy, tmp_path: Path) -> AsyncIterator[World]:
    cache, ready = SnapshotCache(), Latest[bool](True)
    fleet = Fleet(cache)
    server = XdsServer(cache, fleet, ready=ready, settings=ServeSettings(drain=0.1))
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(server.serve(address="127.0.0.1:0", tls=None))
        _, xds_port = await server.port.newer_than(0)
        admin = tmp_path / "admin.sock"
        bootstrap = local_bootstrap(gateway=KEY, node_id="one", xds=f"127.0.0.1:{xds_port}", admin_socket=str(admin))
        (tmp_path / "bootstrap.json").write_text(bootstrap)
        world = World(cache, free_port(), backends.http, admin)
        world.publish(("a.test", "a"), chains=("one",))
        proxy = start_envoy("--config-path", tmp_path / "bootstrap.json")
        await asyncio.to_thread(proxy.wait_until_serving, world.port)
        yield world
        serving.cancel()


@contextlib.asynccontextmanager
async def load(world: World) -> AsyncIterator[Counter[tuple[int, str | None]]]:
    """Requests for a.test one after the other, a new connection for every twenty; the answers, by status and body."""
    answers: Counter[tuple[int, str | None]] = Counter()
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            with world.client() as client:
                answers.update(world.request(client, "a.test") for _ in range(20))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(asyncio.to_thread(run))
        try:
            yield answers
        finally:
            over.set()


async def test_a_connection_survives_changes_that_do_not_concern_it(world: World) -> None:
    with world.client() as client, world.client() as other:
        assert await asyncio.to_thread(world.request, client, "a.test") == (200, "a")
        connection = client.sock
        world.publish(("a.test", "a"), ("b.test", "b"), chains=("one", "two"))
        await world.until_served(other, "b.test", "b")
        assert await asyncio.to_thread(world.request, client, "b.test") == (200, "b")
        assert client.sock is connection
    assert world.statistic("listener_manager.listener_in_place_updated") == 1


async def test_no_request_is_lost_while_a_retry_budget_changes(world: World) -> None:
    """It has no part in the cluster's name: the cluster is replaced in its place."""
    modified = world.statistic("cluster_manager.cluster_modified")
    async with load(world) as answers:
        for turn in range(1, 31):
            world.publish(("a.test", "a"), chains=("one",), budget=ir.RetryBudget(percent=turn, at_least=3))
            while await asyncio.to_thread(world.statistic, "cluster_manager.cluster_modified") < modified + turn:
                pass
    assert set(answers) == {(200, "a")}, answers


async def test_no_request_is_lost_while_backends_change(world: World) -> None:
    async with load(world) as answers:
        with world.client() as client:
            for turn in range(1, 31):
                world.publish(("a.test", "ab"[turn % 2]), chains=("one",))
                await world.until_served(client, "a.test", "ab"[turn % 2])
    assert set(answers) == {(200, "a"), (200, "b")}, answers
