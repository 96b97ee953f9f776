"""An HTTP server that answers every request with a description of it, with `?delay=0.5` half a second later."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec
from aiohttp import web

from lychgate.terminal import complain

PATIENCE = 20.0
"""Seconds that requests under way are given when the server ends."""


class Echo(msgspec.Struct, frozen=True, kw_only=True):
    """The answer. The field names are those of the Gateway API project's own echo server."""

    path: str
    """With the query, as the backend saw it."""
    host: str
    method: str
    proto: str
    """For example HTTP/1.1."""
    headers: dict[str, list[str]]
    """Names in the usual capitals (X-Request-Id); every value of a name, in order."""
    namespace: str
    pod: str


class Backend(msgspec.Struct, frozen=True, kw_only=True):
    """One demo backend: where it listens and what it calls itself."""

    name: str
    """Answered as `pod`."""
    namespace: str = "default"
    """Answered as `namespace`."""
    host: str = "0.0.0.0"
    port: int = 3000

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve for as long as the block lasts; leaving it finishes the requests under way. Raises OSError."""
        answering = _Answering(self)
        runner = web.ServerRunner(web.Server(answering, access_log=None), shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, self.host, self.port, backlog=1024)
        try:
            await site.start()
            yield
            await site.stop()
            await answering.last()
        finally:
            await runner.cleanup()


class _Answering:
    """Answers, and knows how many requests are under way: aiohttp's own end would not wait for their bodies."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._ending = False

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self._under_way += 1
        self._idle.clear()
        try:
            return await self._answer(request)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def last(self) -> None:
        """Wait until nothing is under way, for `PATIENCE` seconds at most; connections close as they fall idle."""
        self._ending = True
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._idle.wait()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/healthz":
            response = web.Response(text="ok\n")
        else:
            async for _ in request.content.iter_chunked(64 << 10):
                pass  # a body that nobody reads would end the connection
            await asyncio.sleep(_delay(request))
            body = msgspec.json.encode(_echo(request, self._backend)) + b"\n"  # for whoever reads it at a terminal
            response = web.Response(body=body, content_type="application/json")
        if self._ending:
            response.force_close()
        return response


def _delay(request: web.BaseRequest) -> float:
    """Seconds that the query's `delay` asks for, an hour at most; none for what is no such number."""
    asked = request.query.get("delay", "")
    return min(float(asked), 3600.0) if re.fullmatch(r"\d+(\.\d+)?", asked) else 0.0


def main(backend: Backend) -> int:
    """Serve until SIGTERM or Ctrl-C; return the exit code: 0, or 1 when its port cannot be had."""
    try:
        asyncio.run(_serve(backend))
    except OSError as error:
        complain(f"lychgate demo-backend: cannot listen on {backend.host}:{backend.port}: {error.strerror or error}")
        return 1
    return 0


async def _serve(backend: Backend) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with backend.serving():
        await ended.wait()


def _echo(request: web.BaseRequest, backend: Backend) -> Echo:
    headers: dict[str, list[str]] = {}
    for name, value in request.headers.items():
        if name.lower() != "host":
            headers.setdefault(_usual_capitals(name), []).append(value)
    return Echo(
        path=request.raw_path,
        host=request.host,
        method=request.method,
        proto=f"HTTP/{request.version.major}.{request.version.minor}",
        headers=headers,
        namespace=backend.namespace,
        pod=backend.name,
    )


def _usual_capitals(name: str) -> str:
    """`x-request-id` → `X-Request-Id`: HTTP does not care, the tutorial's reader does."""
    return "-".join(word[:1].upper() + word[1:].lower() for word in name.split("-"))
