"""The API server of `fake_api.py` behind HTTP on loopback, with the faults that only a wire has."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import yaml
from aiohttp import web

from flow.clock import SystemClock
from flow.latest import Latest
from k8s_watch import kinds
from k8s_watch.api import ApiError
from k8s_watch.keys import AnyKind
from k8s_watch.paths import collection_path
from tests.k8s_watch.fake_api import FakeApi


class QuickClock(SystemClock):
    """Real time in which retries come fifty times as soon."""

    async def sleep(self, seconds: float, /) -> None:
        await asyncio.sleep(seconds / 50)


class ApiServer:
    """Answers like an API server, from `api`; `port` 0 takes any free one."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.api = FakeApi(SystemClock())
        self.requests: list[web.Request] = []
        self.count = Latest(0)
        """How many requests came."""
        self.token: str | None = None
        """What a client has to bring; None: nothing."""
        self.answers: list[web.Response] = []
        """What the next requests get, instead of what they asked for."""
        self.silent = False
        """Whether watches that are opened now stay without a word, like those of a host that lost power."""
        self.hangs = False
        """Whether requests are never answered."""
        self.chunk = 1 << 16
        """Bytes of a watch that are written at once."""
        self.versions: dict[str, tuple[str, ...]] = {}
        """Kind name → the versions served, when not all that we know."""
        self.port = port
        self._tls = tls

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Listen."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self._handle)
        runner = web.AppRunner(app, shutdown_timeout=0.05)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port, ssl_context=self._tls)
        await site.start()
        self.port = runner.addresses[0][1]
        try:
            yield
        finally:
            await runner.cleanup()

    def kubeconfig(self, folder: Path, *, token_file: Path | None = None) -> str:
        """Write a kubeconfig for this server and return its path."""
        entry = {"name": "it", "context": {"cluster": "it", "user": "it"}}
        config = {
            "current-context": "it",
            "contexts": [entry],
            "clusters": [{"name": "it", "cluster": {"server": self.url}}],
            "users": [{"name": "it", "user": {"tokenFile": str(token_file)} if token_file else {}}],
        }
        path = folder / "kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return str(path)

    def seen(self, kind: AnyKind, verb: str) -> list[dict[str, str]]:
        """The parameters of the kind's lists or watches."""
        found = [dict(one.query) for one in self.requests if one.path.endswith(f"/{kind.plural}")]
        return [query for query in found if ("watch" in query) == (verb == "watch")]

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait for requests until `happened`."""
        version = self.count.version
        while not happened():
            version, _ = await self.count.newer_than(version)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.count.publish(self.count.value + 1)
        if self.token is not None and request.headers.get("Authorization", "").split()[1:] != [self.token]:
            return _status(ApiError(401, "Unauthorized", reason="Unauthorized"))
        if self.hangs:
            await asyncio.Event().wait()
        if self.answers:
            return self.answers.pop(0)
        for kind in kinds.ALL:
            for version in self._versions(kind):
                if request.path == collection_path(kind, version):
                    return await self._collection(request, kind, version)
        return self._discovery(request.path)

    def _versions(self, kind: AnyKind) -> tuple[str, ...]:
        return () if kind.name in self.api.missing else self.versions.get(kind.name, kind.versions)

    def _discovery(self, path: str) -> web.Response:
        found = [
            {"name": kind.plural, "kind": kind.name}
            for kind in kinds.ALL
            for version in self._versions(kind)
            if path == f"/apis/{kind.group}/{version}"
        ]
        return web.json_response({"resources": found}) if found else web.Response(status=404, text="404 page not found")

    async def _collection(self, request: web.Request, kind: AnyKind, version: str) -> web.StreamResponse:
        query = request.query
        try:
            if "watch" in query:
                return await self._watch(request, kind, version)
            page = await self.api.list_page(
                kind, version, limit=int(query.get("limit", 0)), continue_token=query.get("continue", "")
            )
        except ApiError as error:
            return _status(error)
        metadata = {"resourceVersion": page.resource_version, "continue": page.continue_token}
        items = [json.loads(item) for item in page.items]
        return web.json_response({"metadata": metadata, "items": items or None})

    async def _watch(self, request: web.Request, kind: AnyKind, version: str) -> web.StreamResponse:
        lines = self.api.watch(kind, version, resource_version=request.query["resourceVersion"], timeout=float("inf"))
        first, silent = await anext(lines), self.silent
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            async for line in _after(first, lines):
                if line and not silent:
                    await self._write(response, line + b"\n")
        finally:
            await lines.aclose()
        return response

    async def _write(self, response: web.StreamResponse, data: bytes) -> None:
        for start in range(0, len(data), self.chunk):
            await response.write(data[start : start + self.chunk])


async def _after(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for one in rest:
        yield one


def _status(error: ApiError) -> web.Response:
    headers = {"Retry-After": f"{error.retry_after:.0f}"} if error.retry_after else {}
    body = {"kind": "Status", "code": error.code, "message": error.message, "reason": error.reason}
    return web.json_response(body, status=error.code, headers=headers)
