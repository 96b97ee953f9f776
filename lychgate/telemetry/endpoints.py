"""/healthz, /readyz and /metrics over HTTP."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry, exposition

type Readiness = Callable[[], str | None]
"""None when ready; else what is still missing, in words."""


@asynccontextmanager
async def serving(
    *,
    readiness: Readiness,
    registry: CollectorRegistry,
    health: tuple[str, int] | None,
    metrics: tuple[str, int] | None,
) -> AsyncIterator[None]:
    """Serve health and metrics at these (host, port) pairs until the block ends; None turns one off.

    Raises OSError when a port is taken.
    """
    async with AsyncExitStack() as stack:
        if health:
            await _listen(stack, _health(readiness), *health)
        if metrics:
            await _listen(stack, _metrics(registry), *metrics)
        yield


def _health(readiness: Readiness) -> web.Application:
    async def healthz(_: web.Request) -> web.Response:
        # The loop that answers this is the loop that does the work: an answer is the proof.
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        missing = readiness()
        return web.Response(status=503, text=missing + "\n") if missing else web.Response(text="ok\n")

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz)])
    return app


def _metrics(registry: CollectorRegistry) -> web.Application:
    async def metrics(_: web.Request) -> web.Response:
        return web.Response(
            body=exposition.generate_latest(registry), headers={"Content-Type": exposition.CONTENT_TYPE_LATEST}
        )

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics)])
    return app


async def _listen(stack: AsyncExitStack, app: web.Application, host: str, port: int) -> None:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, host, port).start()
