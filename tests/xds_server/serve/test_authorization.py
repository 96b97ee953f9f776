"""Every method, with every credential: who gets something, and that nobody else gets a byte."""

import grpc
import grpc.aio
import pytest
from cryptography import x509

from protos import core, type_urls
from protos.discovery import DeltaDiscoveryRequest, DiscoveryRequest
from tests.authority import Authority, Pem
from tests.xds_server.serve.conftest import EG, OTHER, SERVER_NAMES, Running, Serve
from tests.xds_server.world import world
from xds_server.serve.credentials import TlsFiles
from xds_server.serve.methods import DIALECTS, SERVICES, Service

WORLD = world(listeners={"l": "r s"}, routes={"r": "c"}, secrets="s")
TYPE_OF = {
    "Clusters": (type_urls.CLUSTER, "c"),
    "Endpoints": (type_urls.ENDPOINT, "c"),
    "Listeners": (type_urls.LISTENER, "l"),
    "Routes": (type_urls.ROUTE, "r"),
    "Secrets": (type_urls.SECRET, "s"),
    "ScopedRoutes": (type_urls.SCOPED_ROUTE, "nosuch"),
    "AggregatedResources": (type_urls.SECRET, "s"),
}
METHODS = pytest.mark.parametrize("prefix", DIALECTS)
EVERY = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.suffix)


def request(service: Service, prefix: str, cluster: str) -> bytes:
    """Asks for something secret of a Gateway."""
    node = core.Node(id="p", cluster=cluster)
    type_url, name = TYPE_OF[service.suffix]
    if prefix == "Delta":
        return DeltaDiscoveryRequest(node=node, type_url=type_url, resource_names_subscribe=[name]).SerializeToString()
    return DiscoveryRequest(node=node, type_url=type_url, resource_names=[name]).SerializeToString()


async def served(
    running: Running, method: str, data: bytes, authority: Authority, client: Pem | None
) -> grpc.StatusCode:
    """OK when a client with this certificate gets a byte; else how it was refused.

    Who is refused at the door had better not speak: its gRPC then reports its own failure to write.
    """
    pair = (client.key, client.certificate) if client else (None, None)
    stream = await running.open(grpc.ssl_channel_credentials(authority.certificate, *pair), method)
    try:
        if data:
            await stream.send(data)
        await stream.read()
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


@EVERY
@METHODS
async def test_only_its_own_proxies_get_a_gateways_snapshot(
    serve: Serve, tls: TlsFiles, authority: Authority, service: Service, prefix: str
) -> None:
    stranger = Authority("theirs")
    nobody = authority.issue(x509.DNSName("localhost"))
    method = f"/{service.name}/{prefix}{service.suffix}"
    data = request(service, prefix, "default/eg")
    async with serve(tls=tls) as running:
        running.cache.publish(EG, WORLD)
        outcomes = {
            who: await served(running, method, b"" if client is nobody else data, authority, client)
            for who, client in {
                "its own": authority.issue_client(EG),
                "without a certificate": None,
                "with one for nobody": nobody,
                "with one that a stranger signed": stranger.issue_client(EG),
                "with one for another Gateway": authority.issue_client(OTHER),
            }.items()
        }
        assert outcomes == {
            "its own": grpc.StatusCode.OK,
            "without a certificate": grpc.StatusCode.UNAVAILABLE,  # not even a connection
            "with one for nobody": grpc.StatusCode.PERMISSION_DENIED,
            "with one that a stranger signed": grpc.StatusCode.UNAVAILABLE,
            "with one for another Gateway": grpc.StatusCode.PERMISSION_DENIED,
        }
        assert running.fleet.report.value.gateways.keys() <= {EG}


@EVERY
async def test_there_is_no_unary_door(serve: Serve, service: Service) -> None:
    """Case 29: Fetch is not served."""
    async with serve() as running:
        channel = await running.channel()
        fetch = channel.unary_unary(f"/{service.name}/Fetch{service.suffix}")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await fetch(request(service, "Stream", "default/eg"))
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_without_tls_only_this_machine_is_served(serve: Serve) -> None:
    async with serve() as running:
        with pytest.raises(ValueError, match="needs TLS"):
            await running.server.serve(address="0.0.0.0:0", tls=None)


async def test_certificates_are_renewed_while_streams_stay(
    serve: Serve, tls: TlsFiles, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new authority signs a new server certificate and new clients; who is connected notices nothing."""
    monkeypatch.setattr("xds_server.serve.credentials.REREAD_AFTER", 0.0)
    async with serve(tls=tls) as running:
        running.cache.publish(EG, world(clusters="a"))
        client = authority.issue_client(EG)
        stream = await running.open(grpc.ssl_channel_credentials(authority.certificate, client.key, client.certificate))
        await stream.say()
        assert await stream.names() == ["a"]
        newer = Authority("newer")
        pem = newer.issue(*SERVER_NAMES)
        tls.ca.write_bytes(newer.certificate)
        tls.certificate.write_bytes(pem.certificate)
        tls.key.write_bytes(pem.key)
        theirs = newer.issue_client(EG)
        other = await running.open(grpc.ssl_channel_credentials(newer.certificate, theirs.key, theirs.certificate))
        await other.say()
        assert await other.names() == ["a"]
        running.cache.publish(EG, world(clusters="a b"))
        assert await stream.names() == ["b"]
