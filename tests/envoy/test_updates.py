"""Changes while a real Envoy serves: connections that are not concerned stay, and no request is lost."""

import asyncio
import contextlib
import http.client
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from gateway_api.ir import xds as ir
from tests.envoy.gateways import KEY, PLAIN, clusters, endpoints, forward, host, http_gateway, route
from tests.xds_server.serve.conftest import serving
from xds_server.snapshot.cache import SnapshotCache
from xds_server.translate.assemble import assemble

pytestmark = pytest.mark.envoy


def cluster_name(backend: str) -> ir.ClusterName:
    return ir.ClusterName(f"service/default/{backend}/80")


class World:
    """A control plane, an Envoy of its own, and what it should serve: hosts and the backends behind them."""

    def __init__(self, cache: SnapshotCache, port: int, places: dict[str, int]) -> None:
        self.cache, self.port, self.places = cache, port, places
        self.proxy: Any = None

    def publish(
        self, *hosts: tuple[str, str], chains: tuple[str, ...] = (), budget: ir.RetryBudget | None = None
    ) -> None:
        """Hostnames, each with the backend of all its requests.

        `chains` are names of filter chains beside the plain one, each for the server name `<name>.test`.
        """
        names = {backend: cluster_name(backend) for _, backend in hosts}
        handler = ir.HttpChain(route_table="http")
        gateway = http_gateway(
            self.port,
            *(host(hostname, route("/", forward(names[backend]))) for hostname, backend in hosts),
            chains=(*PLAIN, *(ir.FilterChain(name=n, handler=handler, server_names=(f"{n}.test",)) for n in chains)),
            clusters=clusters(*names.values(), retry_budget=budget),
        )
        places = [endpoints(name, self.places[backend]) for backend, name in names.items()]
        self.cache.publish(KEY, assemble(gateway, places))

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

    def client(self) -> contextlib.closing[http.client.HTTPConnection]:
        return contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10))


@pytest.fixture
async def world(backends, free_port: Callable[[], int], local_envoy) -> AsyncIterator[World]:
    async with serving() as running:
        _, xds = await running.server.port.newer_than(0)
        world = World(running.cache, free_port(), backends.http)
        world.publish(("a.test", "a"), chains=("one",))
        with local_envoy(xds) as world.proxy:
            await asyncio.to_thread(world.proxy.wait_until_serving, world.port)
            yield world


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
    assert world.proxy.statistic("listener_manager.listener_in_place_updated") == 1


async def test_no_request_is_lost_while_a_retry_budget_changes(world: World) -> None:
    """It has no part in the cluster's name: the cluster is replaced in its place."""
    modified = world.proxy.statistic("cluster_manager.cluster_modified")
    async with load(world) as answers:
        for turn in range(1, 31):
            world.publish(("a.test", "a"), chains=("one",), budget=ir.RetryBudget(percent=turn, at_least=3))
            while await asyncio.to_thread(world.proxy.statistic, "cluster_manager.cluster_modified") < modified + turn:
                pass
    assert set(answers) == {(200, "a")}, answers


async def test_no_request_is_lost_while_backends_change(world: World) -> None:
    async with load(world) as answers:
        with world.client() as client:
            for turn in range(1, 31):
                world.publish(("a.test", "ab"[turn % 2]), chains=("one",))
                await world.until_served(client, "a.test", "ab"[turn % 2])
    assert set(answers) == {(200, "a"), (200, "b")}, answers
