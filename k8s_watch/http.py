"""The `KubeReader` of a real API server: LIST and WATCH over HTTP, objects handed on undecoded."""

from collections.abc import AsyncGenerator, AsyncIterator

import msgspec

from flow.clock import Clock
from k8s_watch.api import ApiError, NotServed, Page
from k8s_watch.connection import JSON, Connection
from k8s_watch.keys import AnyKind
from k8s_watch.paths import collection_path, group_path

METADATA_ALONE = f"{JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""Spec: Kubernetes API concepts, "Metadata-only fetches" """
LIST_SECONDS = 60.0
"""Deadline of one page."""
WATCH_SLACK = 10.0
"""Seconds that a server may take longer than asked to end a watch, before we end it."""
DISCOVERY_SECONDS = 0.5
"""For how long an answer of the discovery is good for other kinds of its group."""
DISCOVERY_TIMEOUT = 10.0
"""Deadline of one question to the discovery."""
LINE_MOST = 32 << 20
"""Bytes of one watch line, at most. etcd keeps objects below 1.5 MiB; as JSON they may be a few times larger."""


class _ListMeta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""
    continue_token: str = msgspec.field(name="continue", default="")


class _List(msgspec.Struct, frozen=True):
    metadata: _ListMeta = _ListMeta()
    items: tuple[msgspec.Raw, ...] | None = None


class _Resource(msgspec.Struct, frozen=True):
    name: str = ""


class _ResourceList(msgspec.Struct, frozen=True):
    """Spec: Kubernetes meta/v1 APIResourceList."""

    resources: list[_Resource] | None = None


_LIST = msgspec.json.Decoder(_List)
_RESOURCE_LIST = msgspec.json.Decoder(_ResourceList)


class HttpReader:
    """Reads collections over a connection that stays its maker's to close.

    `idle` is how many seconds of silence end a watch: its server may be gone without a word, behind a load balancer
    that keeps our connection. Servers send a bookmark every minute; one that has none to send costs a new request for
    each `idle` seconds.
    """

    def __init__(self, connection: Connection, *, clock: Clock, idle: float = 90.0) -> None:
        self._connection = connection
        self._clock = clock
        self._idle = idle
        self._discovered: dict[str, tuple[float, frozenset[str]]] = {}

    async def served_version(self, kind: AnyKind, /) -> str:
        """Return the first of the kind's versions that the server has. Asks only where the answer can differ."""
        if not kind.optional and len(kind.versions) == 1:
            return kind.versions[0]
        for version in kind.versions:
            if kind.plural in await self._resources(group_path(kind, version)):
                return version
        raise NotServed(404, f"no CRD serves {kind.plural}.{kind.group} as {' or '.join(kind.versions)}")

    async def list_page(self, kind: AnyKind, version: str, /, *, limit: int, continue_token: str) -> Page:
        """Read one page. Without a resourceVersion: as fresh as etcd, never a lagging cache."""
        wanted = {"limit": str(limit) if limit else "", "continue": continue_token} | _selectors(kind)
        path = collection_path(kind, version)
        params = {name: value for name, value in wanted.items() if value}
        try:
            accept = METADATA_ALONE if kind.metadata_alone else JSON
            body = await self._connection.request("GET", path, params=params, accept=accept, timeout=LIST_SECONDS)
        except ApiError as error:
            raise _as_read(error, kind) from error
        try:
            page = _LIST.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConnectionError(f"{path} answered with something that is no list: {error}") from error
        return Page(page.items or (), page.metadata.resource_version, page.metadata.continue_token)

    async def watch(
        self,
        kind: AnyKind,
        version: str,
        /,
        *,
        resource_version: str,
        timeout: float,  # noqa: ASYNC109 (asked of the server first)
    ) -> AsyncGenerator[bytes, None]:
        """Yield an empty line once the watch is open, then the server's lines.

        Silence, which may be a peer that is gone without a word, ends the watch like a close: whether the server is
        still there shows when we connect again.
        """
        params = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(int(timeout)),
        } | _selectors(kind)
        is_open = False
        try:
            async with self._connection.stream(
                collection_path(kind, version), params=params, at_most=timeout + WATCH_SLACK, idle=self._idle
            ) as chunks:
                is_open = True
                yield b""
                async for line in split_lines(chunks):
                    yield line
        except ApiError as error:
            raise _as_read(error, kind) from error
        except TimeoutError:
            if not is_open:
                raise

    async def _resources(self, path: str) -> frozenset[str]:
        """Return the plural names that a group version serves; nothing when the server does not know it."""
        good_until, found = self._discovered.get(path, (0.0, frozenset[str]()))
        if self._clock.monotonic() < good_until:
            return found
        try:
            body = await self._connection.request("GET", path, timeout=DISCOVERY_TIMEOUT)
            found = frozenset(resource.name for resource in _RESOURCE_LIST.decode(body).resources or ())
        except ApiError as error:
            if error.code != 404:
                raise
            found = frozenset()
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConnectionError(f"{path} answered with something that is no discovery: {error}") from error
        self._discovered[path] = (self._clock.monotonic() + DISCOVERY_SECONDS, found)
        return found


async def split_lines(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Yield the lines of a stream of chunks of any size, without their ends. Work and memory grow with the line only.

    A last line without an end was cut and is dropped. Raises `ConnectionError` for a line over `LINE_MOST`.
    """
    rest = bytearray()
    async for chunk in chunks:
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            rest += chunk[start:end]
            if rest:
                yield bytes(rest)
                rest.clear()
            start = end + 1
        rest += chunk[start:]
        if len(rest) > LINE_MOST:
            raise ConnectionError(f"a watch line of more than {LINE_MOST} bytes")


def _selectors(kind: AnyKind) -> dict[str, str]:
    wanted = {"labelSelector": kind.selector, "fieldSelector": kind.field_selector}
    return {name: value for name, value in wanted.items() if value}


def _as_read(error: ApiError, kind: AnyKind) -> ApiError:
    """On a collection, 404 says that nothing serves it."""
    return NotServed(404, f"{kind.plural}: {error.message}") if error.code == 404 else error
