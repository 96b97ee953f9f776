"""Who is let in, by a real Envoy that asks clients for certificates, and what a change of authorities does to it."""

import asyncio
import contextlib
import datetime
import http.client
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from gateway_api.ir import xds as ir
from tests.authority import Authority, Pem
from tests.envoy.gateways import KEY, clusters, endpoints, forward, host, http_chain, listener, route
from tests.xds_server.serve.conftest import serving
from xds_server.snapshot.diff import changed_names
from xds_server.snapshot.resource import ResourceType, Snapshot, change_set
from xds_server.translate.assemble import assemble

pytestmark = pytest.mark.envoy

BACKEND = ir.ClusterName("service/default/a/80")
OURS, THEIRS = Authority("ours"), Authority("theirs")
SERVER = OURS.issue(x509.DNSName("www.example.com"))
CLIENTS: dict[str, Pem | None] = {
    "valid": OURS.issue(),
    "of another authority": THEIRS.issue(),
    "expired": OURS.issue(valid=-datetime.timedelta(minutes=1)),
    "none": None,
}
"""The certificates that clients show. The server shows one of the same authority, and nobody checks that."""


def world(*authorities: Authority, backend: int, **ports: int) -> Snapshot:
    """Listeners, by name with their ports: `only` lets in whom the authorities know, `anyone` everybody."""
    chain, key = SERVER
    secret = ir.TlsSecret(name="default/cert", certificate_chain=chain, private_key=ir.PrivateBytes(key))
    bundle = ir.CaBundle(name="ca/default/ca", certificates=tuple(one.certificate for one in authorities))
    hosts = (host("*", route("/", forward(BACKEND))),)

    def on(name: str, port: int) -> ir.Listener:
        client = ir.ClientValidation(ca=bundle.name, required=name == "only")
        tls = ir.DownstreamTls(secrets=(secret.name,), client=client)
        return listener(name, port, http_chain(tls=tls))

    gateway = ir.GatewayIR(
        gateway=KEY,
        listeners=tuple(on(name, port) for name, port in ports.items()),
        route_tables=(ir.RouteTable(name="http", virtual_hosts=hosts),),
        clusters=clusters(BACKEND),
        secrets=(bundle, secret),
    )
    return assemble(gateway, [endpoints(BACKEND, backend)])


def client_context(shown: Pem | None, folder: Path, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode, context.maximum_version = False, ssl.CERT_NONE, newest
    if shown:
        file = folder / "client.pem"
        file.write_bytes(b"".join(shown))
        context.load_cert_chain(file)
    return context


@pytest.fixture(scope="module")
def ports(free_port: Callable[[], int]) -> dict[str, int]:
    return {"only": free_port(), "anyone": free_port()}


@pytest.fixture(scope="module")
def proxy(backends, ports: dict[str, int], start_proxy):
    return start_proxy(world(OURS, backend=backends.http["a"], **ports))


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def ask(request: pytest.FixtureRequest, proxy, ports: dict[str, int], tmp_path: Path):
    """One request to a listener, showing a certificate: with TLS 1.3 a refusal comes only after the handshake."""

    def ask(listener: str, shown: str, **more: object):
        tls = client_context(CLIENTS[shown], tmp_path, request.param)
        return proxy.request(ports[listener], "/", tls=tls, **more)

    return ask


@pytest.mark.parametrize(("listener", "shown"), [("only", "valid"), *(("anyone", shown) for shown in CLIENTS)])
def test_who_is_let_in(ask, listener: str, shown: str) -> None:
    assert ask(listener, shown).status == 200


def test_a_client_cannot_claim_a_certificate_in_a_header(ask) -> None:
    answer = ask("anyone", "none", headers=[("X-Forwarded-Client-Cert", 'Subject="CN=somebody"')])
    assert "x-forwarded-client-cert" not in answer.seen["headers"]


@pytest.mark.parametrize("shown", [shown for shown in CLIENTS if shown != "valid"])
def test_who_is_not(ask, shown: str) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask("only", shown)


def test_without_the_authorities_nobody_is(backends, free_port: Callable[[], int], start_proxy, tmp_path: Path) -> None:
    port = free_port()
    whole = world(OURS, backend=backends.http["a"], only=port)
    secrets = change_set(whole.of(ResourceType.SECRET), (), ["ca/default/ca"])
    proxy = start_proxy(Snapshot({**whole.by_type, ResourceType.SECRET: secrets}))
    with pytest.raises((ssl.SSLError, ConnectionError)):
        proxy.request(port, "/", tls=client_context(CLIENTS["valid"], tmp_path))


class Rotating:
    """A control plane and its Envoy, whose one listener lets in whom the authorities know."""

    def __init__(self, publish: Callable[[Snapshot], object], backend: int, port: int, folder: Path) -> None:
        self._publish, self._backend, self._port, self._folder = publish, backend, port, folder
        self.proxy: Any = None

    def trust(self, *authorities: Authority) -> Snapshot:
        snapshot = world(*authorities, backend=self._backend, only=self._port)
        self._publish(snapshot)
        return snapshot

    def client(self, shown: Pem) -> contextlib.closing[http.client.HTTPSConnection]:
        tls = client_context(shown, self._folder)
        return contextlib.closing(http.client.HTTPSConnection("127.0.0.1", self._port, timeout=10, context=tls))

    def ask(self, client: http.client.HTTPSConnection) -> bool:
        """Whether a request on the client's connection is let in."""
        try:
            client.request("GET", "/")
            return client.getresponse().read() != b""
        except (ssl.SSLError, ConnectionError):
            client.close()
            return False

    async def until_let_in(self, shown: Pem) -> None:
        """Come again and again until the certificate is trusted."""
        with self.client(shown) as client:
            while not await asyncio.to_thread(self.ask, client):
                pass


@pytest.fixture
async def rotating(backends, free_port: Callable[[], int], local_envoy, tmp_path: Path) -> AsyncIterator[Rotating]:
    async with serving() as running:
        _, xds = await running.server.port.newer_than(0)
        port = free_port()
        rotating = Rotating(lambda new: running.cache.publish(KEY, new), backends.http["a"], port, tmp_path)
        rotating.trust(OURS)
        with local_envoy(xds) as rotating.proxy:
            await asyncio.to_thread(rotating.proxy.wait_until_serving, port)
            yield rotating


async def test_a_rotation_of_authorities_costs_no_connection(rotating: Rotating) -> None:
    old, new = CLIENTS["valid"], CLIENTS["of another authority"]
    assert old
    assert new
    with rotating.client(old) as client:
        assert await asyncio.to_thread(rotating.ask, client)
        connection = client.sock
        rotating.trust(OURS, THEIRS)
        await rotating.until_let_in(new)
        rotating.trust(THEIRS)
        with rotating.client(old) as late:
            while await asyncio.to_thread(rotating.ask, late):
                late.close()
        assert await asyncio.to_thread(rotating.ask, client)
        assert client.sock is connection
    assert rotating.proxy.statistic("listener_manager.listener_in_place_updated") == 0
    assert rotating.proxy.statistic("listener_manager.listener_modified") == 0


def test_a_rotation_changes_one_resource() -> None:
    before, after = (world(one, backend=80, only=443) for one in (OURS, THEIRS))
    assert [type_ for type_ in ResourceType if changed_names(before.of(type_), after.of(type_))] == [
        ResourceType.SECRET
    ]
    assert changed_names(before.of(ResourceType.SECRET), after.of(ResourceType.SECRET)) == {"ca/default/ca"}
