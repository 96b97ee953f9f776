"""The adapter against a real server on loopback."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import ClientConnectorError, web

from k8s_watch import http
from k8s_watch.api import ApiError, Gone, NotServed
from k8s_watch.cluster import Cluster
from k8s_watch.connection import Connection, connect
from k8s_watch.http import HttpReader, split_lines
from k8s_watch.keys import ObjectKey
from k8s_watch.kinds import CONFIG_MAP, DEPLOYMENT, HTTP_ROUTE, SECRET, SERVICE, TCP_ROUTE
from k8s_watch.snapshot import ClusterSnapshot
from tests.flow.virtual_clock import VirtualClock
from tests.k8s_watch.fake_api import FORBIDDEN
from tests.k8s_watch.http_server import ApiServer, QuickClock

A, B = ObjectKey("default", "a"), ObjectKey("default", "b")
WATCHED = (SERVICE, HTTP_ROUTE, TCP_ROUTE)


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    server = ApiServer()
    async with server.serving():
        yield server


@pytest.fixture
async def connection(server: ApiServer, tmp_path: Path) -> AsyncIterator[Connection]:
    async with await connect(server.kubeconfig(tmp_path)) as connection:
        yield connection


@pytest.fixture
def reader(connection: Connection) -> HttpReader:
    return HttpReader(connection, clock=QuickClock())


@contextlib.asynccontextmanager
async def watching(reader: HttpReader) -> AsyncIterator[Cluster]:
    cluster = Cluster(reader, clock=QuickClock(), kinds=WATCHED)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(cluster.run())
        await cluster.revision.newer_than(0)
        yield cluster
        running.cancel()


async def until(cluster: Cluster, holds: Callable[[ClusterSnapshot], bool]) -> ClusterSnapshot:
    version = cluster.revision.version
    while not holds(cluster.snapshot()):
        version, _ = await cluster.revision.newer_than(version)
    return cluster.snapshot()


async def test_objects_and_their_changes_arrive(server: ApiServer, reader: HttpReader) -> None:
    server.api.put(SERVICE, "a", spec={"ports": [{"port": 80}]})
    async with watching(reader) as cluster:
        assert cluster.snapshot().services[A].spec.ports[0].port == 80
        server.api.put(SERVICE, "b")
        server.api.delete(SERVICE, "a")
        await until(cluster, lambda now: set(now.services) == {B})


async def test_a_list_asks_for_the_newest_state_in_pages(server: ApiServer, reader: HttpReader) -> None:
    """No resourceVersion, which might be answered from a lagging cache; a limit."""
    async with watching(reader):
        assert server.seen(SERVICE, "list") == [{"limit": "500"}]


async def test_a_watch_asks_for_bookmarks_and_for_an_end(server: ApiServer, reader: HttpReader) -> None:
    """Five to ten minutes; no streaming list."""
    async with watching(reader):
        await server.until(lambda: bool(server.seen(SERVICE, "watch")))
        (query,) = server.seen(SERVICE, "watch")
    assert 300 <= int(query.pop("timeoutSeconds")) <= 600
    assert query == {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": "99"}


async def test_selectors_bound_what_is_read(server: ApiServer, reader: HttpReader) -> None:
    for kind in (SECRET, DEPLOYMENT):
        await reader.list_page(kind, "v1", limit=0, continue_token="")
    assert server.seen(SECRET, "list") == [{"fieldSelector": SECRET.field_selector}]
    assert server.seen(DEPLOYMENT, "list") == [{"labelSelector": DEPLOYMENT.selector}]


async def test_an_empty_list_may_be_null(reader: HttpReader) -> None:
    """As Go writes an empty slice."""
    page = await reader.list_page(SERVICE, "v1", limit=0, continue_token="")
    assert (page.items, page.resource_version) == ((), "99")


@pytest.mark.parametrize("as_event", [False, True], ids=["as an HTTP answer", "as an event"])
async def test_410_leads_to_a_new_list(server: ApiServer, reader: HttpReader, *, as_event: bool) -> None:
    """In both of its forms."""
    server.api.gone_as_event = as_event
    server.api.put(SERVICE, "a")
    server.api.put(SERVICE, "b")
    async with watching(reader) as cluster:
        before = cluster.snapshot()
        await server.until(lambda: bool(server.seen(SERVICE, "watch")))
        server.api.of(SERVICE).objects.pop(A)
        server.api.compact()
        server.api.cut(SERVICE)
        after = await until(cluster, lambda now: set(now.services) == {B})
        assert after.services[B] is before.services[B]


async def test_410_between_pages_is_told_from_other_errors(server: ApiServer, reader: HttpReader) -> None:
    """As `Gone`, with its reason."""
    for name in "abc":
        server.api.put(SERVICE, name)
    page = await reader.list_page(SERVICE, "v1", limit=2, continue_token="")
    assert len(page.items) == 2
    server.api.expired_tokens = 1000
    with pytest.raises(Gone) as caught:
        await reader.list_page(SERVICE, "v1", limit=2, continue_token=page.continue_token)
    assert caught.value.reason == "Expired"


async def test_a_silent_peer_is_given_up_and_the_watch_resumed(server: ApiServer, connection: Connection) -> None:
    """Half-open TCP. No list, no error; the next watch starts where the last one was."""
    server.silent = True
    async with watching(HttpReader(connection, clock=QuickClock(), idle=0.1)) as cluster:
        await server.until(lambda: bool(server.seen(SERVICE, "watch")))
        server.api.put(SERVICE, "a")
        server.silent = False
        await until(cluster, lambda now: set(now.services) == {A})
    assert len(server.seen(SERVICE, "list")) == 1
    first, second, *_ = server.seen(SERVICE, "watch")
    assert first["resourceVersion"] == second["resourceVersion"] == "99"


async def test_to_catch_up_over_http_asks_for_new_lists_and_watches(server: ApiServer, reader: HttpReader) -> None:
    """A watch of which nothing is heard is left behind, whatever its connection may think."""
    async with watching(reader) as cluster:
        await server.until(lambda: bool(server.api.of(SERVICE).watches))
        server.api.stall(SERVICE)
        server.api.put(SERVICE, "a")
        revision = await cluster.catch_up({kind.name for kind in WATCHED})
        assert revision == cluster.revision.value
        assert len(cluster.snapshot().services) == 1
        await server.until(lambda: bool(server.api.of(SERVICE).watches))
        server.api.put(SERVICE, "b")
        await until(cluster, lambda snapshot: len(snapshot.services) == 2)


async def test_a_server_that_never_answers_is_given_up(server: ApiServer, connection: Connection) -> None:
    """The deadline is ours."""
    server.hangs = True
    with pytest.raises(TimeoutError, match="GET /version: no whole answer within "):
        await connection.request("GET", "/version", timeout=0.05)


@pytest.mark.parametrize("chunk", [1, 7, 1 << 16])
async def test_lines_come_whole_however_they_are_cut(server: ApiServer, reader: HttpReader, chunk: int) -> None:
    server.chunk = chunk
    async with watching(reader) as cluster:
        for name in "abc":
            server.api.put(SERVICE, name)
        await until(cluster, lambda now: len(now.services) == 3)


async def test_a_line_of_several_mebibytes_is_read(server: ApiServer, reader: HttpReader) -> None:
    """And what we do not need of it is not kept."""
    async with watching(reader) as cluster:
        managed = [{"manager": "x" * 100, "fieldsV1": {"f": "y" * (6 << 20)}}]
        server.api.put(SERVICE, "a", metadata={"managedFields": managed})
        await until(cluster, lambda now: set(now.services) == {A})
        assert not cluster.health()[0].error


async def test_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory has a bound."""
    monkeypatch.setattr(http, "LINE_MOST", 10)

    async def chunks() -> AsyncIterator[bytes]:
        yield b"short\n"
        yield b"x" * 11

    lines = split_lines(chunks())
    assert await anext(lines) == b"short"
    with pytest.raises(ConnectionError, match="more than 10 bytes"):
        await anext(lines)


async def test_a_line_that_was_cut_is_dropped() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"one\r\n\ntwo\nthr"

    assert [line async for line in split_lines(chunks())] == [b"one\r", b"two"]


async def test_the_first_version_that_is_served_is_taken(server: ApiServer, reader: HttpReader) -> None:
    """Also on an older Gateway API."""
    server.versions["HTTPRoute"] = ("v1beta1",)
    assert await reader.served_version(HTTP_ROUTE) == "v1beta1"
    assert await reader.served_version(SERVICE) == "v1"


async def test_a_missing_crd_is_noticed_and_picked_up_when_it_comes(server: ApiServer, reader: HttpReader) -> None:
    """By discovery, without restart."""
    server.api.missing = {"TCPRoute"}
    with pytest.raises(NotServed, match=r"no CRD serves tcproutes.gateway.networking.k8s.io as v1 or v1alpha2"):
        await reader.served_version(TCP_ROUTE)
    async with watching(reader) as cluster:
        server.api.put(TCP_ROUTE, "a")
        server.api.missing.clear()
        await until(cluster, lambda now: set(now.tcp_routes) == {A})


async def test_a_crd_that_goes_ends_the_watch_with_not_served(server: ApiServer, reader: HttpReader) -> None:
    """Told from other errors."""
    server.api.missing = {"TCPRoute"}
    with pytest.raises(NotServed):
        await anext(reader.watch(TCP_ROUTE, "v1", resource_version="1", timeout=300))
    with pytest.raises(NotServed):
        await reader.list_page(TCP_ROUTE, "v1", limit=0, continue_token="")


async def test_discovery_is_asked_once_for_a_group(server: ApiServer, reader: HttpReader) -> None:
    """Kinds of one group share an answer that is fresh."""
    await reader.served_version(HTTP_ROUTE)
    await reader.served_version(TCP_ROUTE)
    assert server.count.value == 1


async def test_a_stale_answer_of_the_discovery_is_not_used(server: ApiServer, connection: Connection) -> None:
    clock = VirtualClock()
    reader = HttpReader(connection, clock=clock)
    await reader.served_version(HTTP_ROUTE)
    await clock.advance(http.DISCOVERY_SECONDS)
    await reader.served_version(TCP_ROUTE)
    assert server.count.value == 2


async def test_a_refusal_carries_the_servers_words(server: ApiServer, reader: HttpReader) -> None:
    """403."""
    server.api.refuse["ConfigMap"] = FORBIDDEN
    with pytest.raises(ApiError, match="is forbidden") as caught:
        await reader.list_page(CONFIG_MAP, "v1", limit=0, continue_token="")
    assert (caught.value.code, caught.value.reason) == (403, "Forbidden")


async def test_retry_after_is_read_from_the_answer(
    server: ApiServer, connection: Connection, reader: HttpReader
) -> None:
    """429, which is counted."""
    server.api.refuse["ConfigMap"] = ApiError(429, "too many requests", retry_after=17)
    with pytest.raises(ApiError) as caught:
        await reader.list_page(CONFIG_MAP, "v1", limit=0, continue_token="")
    assert caught.value.retry_after == 17
    assert connection.throttled == 1


@pytest.mark.parametrize("body", [b"<html>", b'{"items": 3}', b"", b'{"items": "caf\xe9"}'], ids=repr)
async def test_an_answer_of_something_else_is_an_outage(server: ApiServer, reader: HttpReader, body: bytes) -> None:
    """A proxy that answers in the server's place."""
    server.answers = [web.Response(body=body)]
    with pytest.raises(ConnectionError, match="is no list"):
        await reader.list_page(SERVICE, "v1", limit=0, continue_token="")


async def test_a_server_that_starts_late_is_found(tmp_path: Path) -> None:
    """Connecting needs no server, and neither does waiting."""
    server = ApiServer()
    async with server.serving():
        pass
    async with await connect(server.kubeconfig(tmp_path)) as connection:
        cluster = Cluster(HttpReader(connection, clock=QuickClock()), clock=QuickClock(), kinds=WATCHED)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(cluster.run())
            with pytest.raises(ClientConnectorError):
                await connection.request("GET", "/version")
            async with server.serving():
                await cluster.revision.newer_than(0)
                running.cancel()


async def test_a_server_that_restarts_is_found_again(tmp_path: Path) -> None:
    """What changed meanwhile arrives."""
    server = ApiServer()
    server.api.put(SERVICE, "a")
    async with contextlib.AsyncExitStack() as stack:
        async with server.serving():
            connection = await stack.enter_async_context(await connect(server.kubeconfig(tmp_path)))
            cluster = await stack.enter_async_context(watching(HttpReader(connection, clock=QuickClock())))
        server.api.delete(SERVICE, "a")
        assert set(cluster.snapshot().services) == {A}
        async with server.serving():
            await until(cluster, lambda now: not now.services)
            await stack.aclose()
