"""Backends behind TLS: whom a real Envoy trusts, what it says of itself, and what a rotation costs."""

import asyncio
import contextlib
import http.client
import json
import ssl
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509

from gateway_api.ir import xds as ir
from tests.authority import Authority
from tests.envoy.gateways import KEY, endpoints, forward, host, http_gateway, route
from tests.servers import serving
from tests.tls_backend import TlsServer
from tests.xds_server.serve import conftest as serve
from xds_server.snapshot.cache import SnapshotCache
from xds_server.translate.assemble import assemble

pytestmark = pytest.mark.envoy

SERVER_NAME = "web.example.com"
GOOD, BAD = Authority("good"), Authority("bad")
SPIFFE = "spiffe://example.com/web"


def trust(*authorities: Authority) -> ir.CaBundle:
    return ir.CaBundle(name="ca/default/web", certificates=tuple(each.certificate for each in authorities))


def client_certificate(authority: Authority, name: str) -> ir.TlsSecret:
    chain, key = authority.issue(common_name=name)
    return ir.TlsSecret(name="default/client", certificate_chain=chain, private_key=ir.PrivateBytes(key))


def dns(name: str) -> ir.SubjectName:
    return ir.SubjectName(kind="dns", value=name)


def uri(name: str) -> ir.SubjectName:
    return ir.SubjectName(kind="uri", value=name)


def tls(*names: ir.SubjectName, **settings: Any) -> ir.UpstreamTls:
    found = {"authorities": trust(GOOD), **settings}
    return ir.UpstreamTls(server_name=SERVER_NAME, names=names or (dns(SERVER_NAME),), **found)


class World:
    """A control plane, an Envoy of its own, and a backend behind TLS for each hostname."""

    def __init__(self, cache: SnapshotCache, port: int, backend: int) -> None:
        self.cache, self.port, self.backend = cache, port, backend

    def publish(self, protocol: Any = "http1", **hosts: ir.UpstreamTls) -> None:
        """Hostname, without its last label → how to connect to the backend."""
        clusters = tuple(
            ir.Cluster(name=ir.ClusterName(host), backend=KEY, port=443, protocol=protocol, tls=of)
            for host, of in hosts.items()
        )
        secrets = {secret.name: secret for cluster in clusters for secret in cluster.secrets}
        gateway = http_gateway(
            self.port,
            *(host(f"{name}.test", route("/", forward(ir.ClusterName(name)))) for name in hosts),
            clusters=clusters,
            secrets=tuple(secrets.values()),
        )
        self.cache.publish(KEY, assemble(gateway, [endpoints(cluster.name, self.backend) for cluster in clusters]))

    def get(self, host: str) -> tuple[int, Any]:
        """One request on a connection of its own: the status, and what the backend saw of us."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as client:
            client.request("GET", "/", headers={"Host": f"{host}.test"})
            answer = client.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if answer.status == 200 else text

    async def until(self, host: str, expected: Callable[[int, Any], bool]) -> None:
        """Ask, again and again, until the answer is as expected."""
        while not expected(*await asyncio.to_thread(self.get, host)):
            pass


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[TlsServer]:
    """Its certificate is GOOD's; it asks for one of GOOD's, too, and does without."""
    names = (x509.DNSName(SERVER_NAME), x509.DNSName("*.wild.example.com"), x509.UniformResourceIdentifier(SPIFFE))
    context = GOOD.server_context(tmp_path, *names)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=GOOD.certificate.decode())
    context.set_alpn_protocols(["h2", "http/1.1"])
    with serving(TlsServer(context)) as server:
        yield server


@pytest.fixture
async def world(backend: TlsServer, free_port: Callable[[], int], local_envoy) -> AsyncIterator[World]:
    async with serve.serving() as running:
        _, xds = await running.server.port.newer_than(0)
        world = World(running.cache, free_port(), backend.server_address[1])
        world.publish(web=tls())
        with local_envoy(xds) as proxy:
            await asyncio.to_thread(proxy.wait_until_serving, world.port)
            yield world


async def test_a_backend_is_trusted_for_its_authority_and_one_of_its_names(world: World, tmp_path: Path) -> None:
    system = tmp_path / "system.pem"
    system.write_bytes(GOOD.certificate)
    good = {
        "name": tls(),
        "uri": tls(uri(SPIFFE)),
        "one-of-two": tls(dns("other.example.com"), uri(SPIFFE)),
        "wildcard-of-its-own": tls(dns("a.wild.example.com")),
        "wildcard-of-ours": tls(dns("*.example.com")),
        "system": tls(authorities=ir.CaFile(path=str(system))),
    }
    bad = {
        "other-name": tls(dns("other.example.com")),
        "other-uri": tls(uri("spiffe://example.com/other")),
        "other-domain": tls(dns("*.example.org")),
        "other-authority": tls(authorities=ir.CaBundle(name="ca/default/bad", certificates=(BAD.certificate,))),
    }
    world.publish(**good, **bad)
    for name in good:
        await world.until(name, lambda status, _: status == 200)
    assert {name: world.get(name)[0] for name in bad} == dict.fromkeys(bad, 503)


async def test_a_backend_sees_the_server_name_and_no_certificate_when_there_is_none(world: World) -> None:
    assert world.get("web") == (200, {"server_name": SERVER_NAME, "client": []})


async def test_a_backend_sees_the_client_certificate_the_present_one(world: World) -> None:
    for name in ("first", "second"):
        world.publish(web=tls(client_certificate=client_certificate(GOOD, name)))
        await world.until("web", lambda status, seen, name=name: status == 200 and seen["client"] == [name])


@pytest.mark.parametrize(("protocol", "offered"), [("http1", "http/1.1"), ("http2", "h2"), ("auto", "h2")])
async def test_what_a_cluster_speaks_is_offered_in_the_handshake(
    world: World, backend: TlsServer, protocol: str, offered: str
) -> None:
    world.publish(protocol, other=tls())
    await world.until("other", lambda *_: bool(backend.protocols))
    assert set(backend.protocols) == {offered}


async def test_a_backend_may_choose_what_is_spoken(world: World, tmp_path: Path) -> None:
    """One that knows no HTTP/2 gets HTTP/1.1; one that does gets gRPC, through the same kind of route."""
    context = GOOD.server_context(tmp_path, x509.DNSName(SERVER_NAME))
    with serving(TlsServer(context)) as old:
        for offers in ([], ["http/1.1"]):
            if offers:
                context.set_alpn_protocols(offers)
            world.backend = old.server_address[1]
            world.publish("auto", **{f"old{len(offers)}": tls()})
            await world.until(f"old{len(offers)}", lambda status, _: status == 200)
        assert set(old.protocols) == {None, "http/1.1"}

    chain, key = GOOD.issue(x509.DNSName(SERVER_NAME))
    echo = grpc.unary_unary_rpc_method_handler(lambda request, _: request)
    with ThreadPoolExecutor(1) as threads:
        server = grpc.server(threads)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test", {"Echo": echo}),))
        world.backend = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, chain)]))
        server.start()
        try:
            world.publish("auto", new=tls())
            await world.until("new", lambda status, _: status != 404)
            options = [("grpc.default_authority", "new.test")]
            with grpc.insecure_channel(f"127.0.0.1:{world.port}", options=options) as channel:
                call = channel.unary_unary("/test/Echo")
                assert await asyncio.to_thread(call, b"said", timeout=10) == b"said"
        finally:
            server.stop(None).wait()


async def test_no_request_is_lost_while_authorities_and_certificates_rotate(world: World) -> None:
    answers: Counter[int] = Counter()
    over = threading.Event()

    def load() -> None:
        while not over.is_set():
            answers[world.get("web")[0]] += 1

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(asyncio.to_thread(load))
        for turn in range(15):
            name = f"client-{turn}"
            both = trust(GOOD, BAD) if turn % 2 else trust(GOOD)
            world.publish(web=tls(authorities=both, client_certificate=client_certificate(GOOD, name)))
            await world.until("web", lambda _, seen, name=name: seen["client"] == [name])
        over.set()
    assert set(answers) == {200}
