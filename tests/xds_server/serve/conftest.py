"""A running server, certificates, and gRPC clients that speak to it in bytes."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import grpc.aio
import pytest
from cryptography import x509

from flow.clock import SystemClock
from flow.latest import Latest
from gateway_api.ir.fleet import GatewayFleet
from k8s_watch.keys import ObjectKey
from protos import core, type_urls
from protos.discovery import DeltaDiscoveryRequest, DeltaDiscoveryResponse
from tests.authority import Authority, Pem
from tests.xds_server.world import CLUSTER, world
from xds_server.serve.credentials import TlsFiles
from xds_server.serve.fleet import Fleet, Proxy
from xds_server.serve.server import ServeSettings, XdsServer
from xds_server.snapshot.cache import SnapshotCache
from xds_server.snapshot.resource import Snapshot, make_resource, make_set

EG = ObjectKey("default", "eg")
OTHER = ObjectKey("default", "other")
ADS = f"/{type_urls.AGGREGATED_SERVICE}/DeltaAggregatedResources"
STATE_OF_THE_WORLD = f"/{type_urls.AGGREGATED_SERVICE}/StreamAggregatedResources"
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
SERVER_NAMES = (x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
NODE = core.Node(id="proxy-1", cluster="default/eg")
AB = world(clusters="a b")
BIG = Snapshot({CLUSTER: make_set(make_resource(f"c{i}", bytes(512 * 1024)) for i in range(16))})


class Stream:
    """One stream of a client, in the delta dialect unless it sends bytes of its own."""

    def __init__(self, call: grpc.aio.StreamStreamCall[bytes, bytes]) -> None:
        self._call = call

    async def send(self, data: bytes) -> None:
        """Send anything."""
        await self._call.write(data)

    async def say(self, type_url: str = type_urls.CLUSTER, **fields: Any) -> None:
        """Send a DeltaDiscoveryRequest; `node` is that of a proxy of EG unless given."""
        await self.send(DeltaDiscoveryRequest(**{"node": NODE, "type_url": type_url, **fields}).SerializeToString())

    async def read(self) -> bytes:
        """The next response, as it came."""
        data = await self._call.read()
        assert isinstance(data, bytes), "the stream ended"
        return data

    async def next(self) -> DeltaDiscoveryResponse:
        """The next response."""
        return DeltaDiscoveryResponse.FromString(await self.read())

    async def names(self) -> list[str]:
        """The names in the next response."""
        return [r.name for r in (await self.next()).resources]

    async def ack(self, response: DeltaDiscoveryResponse) -> None:
        """Take a response."""
        await self.say(response.type_url, response_nonce=response.nonce)

    async def ending(self) -> grpc.StatusCode:
        """How the server ended the stream."""
        return await self._call.code()

    def close(self) -> None:
        """Leave without a word."""
        self._call.cancel()


class WatchedFleet(Fleet):
    """Says of each stream what its proxy has acknowledged all of."""

    def __init__(self, cache: SnapshotCache) -> None:
        super().__init__(cache, clock=SystemClock(), renew_after=0.0)
        self.streams: dict[Proxy, Snapshot | None] = {}

    def connect(self, group: ObjectKey, node_id: str) -> Proxy:
        proxy = super().connect(group, node_id)
        self.streams[proxy] = None
        return proxy

    def disconnect(self, proxy: Proxy) -> None:
        super().disconnect(proxy)
        del self.streams[proxy]

    def caught_up(self, proxy: Proxy, snapshot: Snapshot) -> None:
        super().caught_up(proxy, snapshot)
        self.streams[proxy] = snapshot

    def fell_behind(self, proxy: Proxy) -> None:
        super().fell_behind(proxy)
        self.streams[proxy] = None


class Running(NamedTuple):
    """A server that serves, and what it serves from."""

    server: XdsServer
    cache: SnapshotCache
    fleet: WatchedFleet
    ready: Latest[bool]
    behind: Latest[bool]
    stack: AsyncExitStack

    async def channel(self, credentials: grpc.ChannelCredentials | None = None) -> grpc.aio.Channel:
        """A connection of its own."""
        await self.server.port.newer_than(0)
        address = f"127.0.0.1:{self.server.port.value}"
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        channel = (
            grpc.aio.secure_channel(address, credentials, options=options)
            if credentials
            else grpc.aio.insecure_channel(address, options=options)
        )
        return await self.stack.enter_async_context(channel)

    async def open(self, credentials: grpc.ChannelCredentials | None = None, method: str = ADS) -> Stream:
        """A stream on a connection of its own."""
        channel = await self.channel(credentials)
        return Stream(channel.stream_stream(method)())

    async def until(self, holds: Callable[[GatewayFleet], bool]) -> None:
        """Wait until it holds for what is reported of EG's proxies."""
        report = self.fleet.report
        while not holds(report.value.of(EG)):
            await report.newer_than(report.version)


Serve = Callable[..., AbstractAsyncContextManager[Running]]


@asynccontextmanager
async def serving(
    *, settings: ServeSettings | None = None, tls: TlsFiles | None = None, ready: bool = True
) -> AsyncIterator[Running]:
    """A server on a free port, for as long as the block takes."""
    cache = SnapshotCache()
    fleet, is_ready, behind = WatchedFleet(cache), Latest(ready), Latest(initial=False)
    quick = settings or ServeSettings(drain=0.0)
    server = XdsServer(cache, fleet, ready=is_ready, behind=behind, clock=SystemClock(), settings=quick)
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        task = tasks.create_task(server.serve(address="127.0.0.1:0", tls=tls))
        try:
            yield Running(server, cache, fleet, is_ready, behind, stack)
        finally:
            task.cancel()


@pytest.fixture
def serve() -> Serve:
    return serving


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority("ours")


@pytest.fixture(scope="session")
def server_pem(authority: Authority) -> Pem:
    return authority.issue(*SERVER_NAMES)


@pytest.fixture
def tls(tmp_path: Path, authority: Authority, server_pem: Pem) -> TlsFiles:
    """The server's files."""
    files = TlsFiles(tmp_path / "ca.crt", tmp_path / "tls.crt", tmp_path / "tls.key")
    files.ca.write_bytes(authority.certificate)
    files.certificate.write_bytes(server_pem.certificate)
    files.key.write_bytes(server_pem.key)
    return files
