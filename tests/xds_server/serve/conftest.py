"""A running server, certificates, and gRPC clients that speak to it in bytes."""

import asyncio
import datetime
import ipaddress
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import grpc
import grpc.aio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from flow.clock import SystemClock
from flow.latest import Latest
from gateway_api.ir.identity import gateway_uri
from k8s_watch.keys import ObjectKey
from protos import core, type_urls
from protos.discovery import DeltaDiscoveryRequest, DeltaDiscoveryResponse
from xds_server.serve.credentials import TlsFiles
from xds_server.serve.fleet import Fleet, Proxy
from xds_server.serve.server import ServeSettings, XdsServer
from xds_server.snapshot.cache import SnapshotCache
from xds_server.snapshot.resource import Snapshot

EG = ObjectKey("default", "eg")
OTHER = ObjectKey("default", "other")
ADS = f"/{type_urls.AGGREGATED_SERVICE}/DeltaAggregatedResources"
SERVER_NAMES = (x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
NODE = core.Node(id="proxy-1", cluster="default/eg")


class Pem(NamedTuple):
    """A certificate and its key, both PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """Signs certificates."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        authority = x509.BasicConstraints(ca=True, path_length=None)
        built = self._build(self._name, self._key, []).add_extension(authority, critical=True)
        self.certificate = built.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def issue(self, *names: x509.GeneralName) -> Pem:
        """A certificate with these subject alternative names."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody")])
        signed = self._build(subject, key, list(names)).sign(self._key, hashes.SHA256())
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return Pem(signed.public_bytes(Encoding.PEM), private)

    def issue_client(self, gateway: ObjectKey) -> Pem:
        """A certificate for the proxies of a Gateway."""
        return self.issue(x509.UniformResourceIdentifier(gateway_uri(gateway)))

    def _build(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, names: list[x509.GeneralName]
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + datetime.timedelta(hours=1))
        )
        return builder.add_extension(x509.SubjectAlternativeName(names), critical=False) if names else builder


class Stream:
    """One stream of a client, in the delta dialect unless it sends bytes of its own."""

    def __init__(self, call: grpc.aio.StreamStreamCall[bytes, bytes]) -> None:
        self._call = call

    async def send(self, data: bytes) -> None:
        """Send anything."""
        await self._call.write(data)

    async def say(self, type_url: str = type_urls.CLUSTER, **fields: object) -> None:
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
        super().__init__(cache, renew_after=0.0)
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
