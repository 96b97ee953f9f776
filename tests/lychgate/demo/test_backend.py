"""The demo backend, over real connections."""

import asyncio
import json
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest
import structlog
from click.testing import CliRunner

from flow.clock import SystemClock
from flow.latest import Latest
from gateway_api.graph.types import GraphSettings
from k8s_watch.files import FileSource
from k8s_watch.snapshot import ClusterSnapshot
from lychgate.cli.main import app
from lychgate.demo.backend import Backend
from lychgate.demo.quickstart import demo_backends, run_demo_backends
from lychgate.pipeline import Pipeline, Step
from tests.k8s_apply.running import running, turns_until

QUICKSTART = Path(__file__).parents[3] / "examples" / "quickstart"


@pytest.fixture
def backend(free_port: Callable[[], int]) -> Backend:
    return Backend(name="pod-1", namespace="shop", host="127.0.0.1", port=free_port())


def url(backend: Backend, path: str) -> str:
    return f"http://127.0.0.1:{backend.port}{path}"


async def test_the_answer_describes_the_request(backend: Backend) -> None:
    async with backend.serving(), aiohttp.ClientSession() as client:
        headers = [("Host", "www.example.com"), ("x-request-id", "7"), ("x-a", "1"), ("x-a", "2")]
        async with client.post(url(backend, "/a/b?c=d"), headers=headers, data=b"body") as response:
            assert response.content_type == "application/json"
            answer = await response.json()
    assert {name: answer[name] for name in ("path", "host", "method", "proto", "namespace", "pod")} == {
        "path": "/a/b?c=d",
        "host": "www.example.com",
        "method": "POST",
        "proto": "HTTP/1.1",
        "namespace": "shop",
        "pod": "pod-1",
    }
    assert (answer["headers"]["X-Request-Id"], answer["headers"]["X-A"]) == (["7"], ["1", "2"])


async def test_the_health_check_is_no_echo(backend: Backend) -> None:
    async with backend.serving(), aiohttp.ClientSession() as client, client.get(url(backend, "/healthz")) as response:
        assert (response.status, await response.text()) == (200, "ok\n")


async def test_an_answer_may_take_its_time(backend: Backend) -> None:
    async with backend.serving(), aiohttp.ClientSession() as client:
        loop = asyncio.get_running_loop()
        for asked, least in (("0.05", 0.05), ("soon", 0.0), ("-1", 0.0)):
            began = loop.time()
            async with client.get(url(backend, f"/?delay={asked}")) as response:
                assert response.status == 200
            assert loop.time() - began >= least


async def test_a_connection_serves_request_after_request_with_bodies(backend: Backend) -> None:
    body = b"x" * 300_000
    request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with backend.serving():
        reader, writer = await asyncio.open_connection("127.0.0.1", backend.port)
        for _ in range(2):
            writer.write(request + body)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            assert json.loads(await reader.readexactly(length))["method"] == "POST"
        writer.close()
        await writer.wait_closed()


async def test_a_request_under_way_is_finished_after_sigterm(backend: Backend) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lychgate", "demo-backend", "--host", "127.0.0.1", "--port", str(backend.port)),
        cwd=QUICKSTART.parents[1],
    )
    try:
        reader, writer = await connected(backend.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
        await answered(backend.port)  # so the request above has been taken up, too
        process.send_signal(signal.SIGTERM)
        await refused(backend.port)
        writer.write(b"cd")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    while True:
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0)


async def answered(port: int) -> None:
    reader, writer = await connected(port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    await reader.read()
    writer.close()
    await writer.wait_closed()


async def refused(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return
        writer.close()


async def quickstart() -> ClusterSnapshot:
    source = FileSource([QUICKSTART], clock=SystemClock())
    await source.reload()
    return source.snapshot()


async def test_the_quickstart_is_without_fault() -> None:
    snapshot = await quickstart()
    assert snapshot.rejected == ()
    assert [key.name for key in snapshot.http_routes] == ["backend"]


async def test_the_quickstart_asks_for_both_backends_where_its_slices_point() -> None:
    found = demo_backends(await quickstart())
    assert [(one.name, one.host, one.port) for one in found] == [
        ("svc-backend", "127.0.0.1", 3000),
        ("svc-backend2", "127.0.0.1", 3001),
    ]


async def test_a_name_in_place_of_an_address_asks_for_nothing(tmp_path: Path) -> None:
    text = (QUICKSTART / "svc-backend.yaml").read_text()
    (tmp_path / "all.yaml").write_text(text.replace("IPv4", "FQDN").replace("127.0.0.1", "db.example.com"))
    source = FileSource([tmp_path], clock=SystemClock())
    await source.reload()
    assert len(source.snapshot().slices_by_service) == 1
    assert demo_backends(source.snapshot()) == ()


class Files:
    """A folder, and the passes over it."""

    def __init__(self, folder: Path) -> None:
        self.steps: Latest[Step | None] = Latest(None)
        self._folder = folder
        self._source = FileSource([folder], clock=SystemClock())
        self._pipeline = Pipeline(GraphSettings())

    async def write(self, name: str, text: str) -> Step:
        (self._folder / name).write_text(text)
        await self._source.reload()
        return self._pipeline.update(self._source.snapshot())

    async def ask_for(self, port: int) -> Step:
        """Write a Service that asks for a backend there."""
        return await self.write("svc.yaml", (QUICKSTART / "svc-backend.yaml").read_text().replace("3000", str(port)))


async def test_a_taken_port_is_left_to_whoever_has_it(backend: Backend, tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.steps.publish(await files.ask_for(backend.port))
    with structlog.testing.capture_logs() as said:
        async with backend.serving(), running(run_demo_backends(files.steps, frozenset())):
            await turns_until(lambda: bool(said))
    assert [line["port"] for line in said] == [backend.port]


async def test_backends_follow_the_files_also_where_a_pass_was_not_seen(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    files, port = Files(tmp_path), free_port()
    files.steps.publish(await files.write("a.yaml", "{apiVersion: v1, kind: Namespace, metadata: {name: a}}"))
    async with running(run_demo_backends(files.steps, frozenset())):
        asked = await files.ask_for(port)
        later = await files.write("b.yaml", "{apiVersion: v1, kind: Namespace, metadata: {name: b}}")
        files.steps.publish(asked)
        files.steps.publish(later)
        await answered(port)


def test_what_cannot_be_listened_on_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = CliRunner().invoke(app, ["demo-backend", "--host", "127.0.0.1", "--port", port])
    assert done.exit_code == 1
    assert done.stderr.startswith(f"lychgate demo-backend: cannot listen on 127.0.0.1:{port}: ")
    assert CliRunner().invoke(app, ["demo-backend", "--port", "99999"]).exit_code == 2
