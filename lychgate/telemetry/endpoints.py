"""/healthz, /readyz, /current and /metrics over HTTP."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry, exposition

from flow.clock import Clock
from flow.latest import Latest
from flow.race import within
from lychgate.telemetry.sockets import Sockets

HELD = 5.0
"""Seconds that /readyz?wait waits for us to be ready. Who asks must have more patience than that."""

CURRENT, YES = "/current", b"current\n"
"""A path, and how it is answered, with 200, while we serve what the API server has."""

PARTING = 0.2
"""Seconds that answers under way have when we end: who is held at /readyz?wait must not hold us."""


def _false() -> Latest[bool]:
    return Latest(initial=False)


class Readiness(msgspec.Struct, frozen=True):
    """Whether we are ready and, while we are not, what is missing, in words."""

    ready: Latest[bool]
    """Whether we can serve; once it is true it stays."""
    missing: Callable[[], str]
    behind: Latest[bool] = msgspec.field(default_factory=_false)
    """Whether the world that we serve may be an old one: what /current is about, which other replicas ask."""
    giving_way: Latest[bool] = msgspec.field(default_factory=_false)
    """Whether it is, and another replica's is not: then we are not ready, and whoever comes is served all the same."""


@asynccontextmanager
async def serving(
    *,
    readiness: Readiness,
    registry: CollectorRegistry,
    sockets: Sockets,
    clock: Clock,
) -> AsyncIterator[None]:
    """Serve health and metrics on these sockets until the block ends.

    The answer to /readyz?wait is held until we are ready, for `HELD` seconds at most: to a kubelet, which asks once a
    second, the good news would else be half a second late.
    """
    async with AsyncExitStack() as stack:
        if sockets.health:
            await _serve(stack, _health(readiness, clock), sockets.health)
        if sockets.metrics:
            await _serve(stack, _metrics(registry), sockets.metrics)
        yield


def _health(readiness: Readiness, clock: Clock) -> web.Application:
    async def healthz(_: web.Request) -> web.Response:
        # The loop that answers this is the loop that does the work: an answer is the proof.
        return web.Response(text="ok\n")

    async def readyz(request: web.Request) -> web.Response:
        if "wait" in request.query:
            with suppress(TimeoutError):
                await within(HELD, readiness.ready.until(True), clock)
        if readiness.ready.value and not readiness.giving_way.value:
            return web.Response(text="ok\n")
        return web.Response(status=503, text=readiness.missing() + "\n")

    async def current(_: web.Request) -> web.Response:
        if readiness.ready.value and not readiness.behind.value:
            return web.Response(body=YES)
        return web.Response(status=503, text="what is served may be old\n")

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get(CURRENT, current)])
    return app


def _metrics(registry: CollectorRegistry) -> web.Application:
    async def metrics(_: web.Request) -> web.Response:
        return web.Response(
            body=exposition.generate_latest(registry), headers={"Content-Type": exposition.CONTENT_TYPE_LATEST}
        )

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics)])
    return app


async def _serve(stack: AsyncExitStack, app: web.Application, listening: socket.socket) -> None:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=PARTING)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.SockSite(runner, listening).start()
