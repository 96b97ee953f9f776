"""Streams take places: of all, of their Gateway, and of those that come at once."""

import asyncio

import grpc
import grpc.aio

from k8s_watch.keys import ObjectKey
from protos import core
from tests.authority import Authority
from tests.xds_server.serve.conftest import (
    AB,
    BIG,
    EG,
    EXHAUSTED,
    OTHER,
    Running,
    Serve,
)
from xds_server.serve.admission import AdmissionRate
from xds_server.serve.credentials import TlsFiles
from xds_server.serve.server import ServeSettings
from xds_server.serve.session import Limits


async def test_too_many_streams_are_refused(serve: Serve) -> None:
    """Case 33: those that are open are not concerned."""
    async with serve(settings=ServeSettings(drain=0.0, max_streams=1)) as running:
        running.cache.publish(EG, AB)
        first = await running.open()
        await first.say()
        await first.names()
        second = await running.open()
        assert await second.ending() is EXHAUSTED


def speaks_for(authority: Authority, gateway: ObjectKey) -> grpc.ChannelCredentials:
    """Credentials of a Gateway's proxies."""
    pem = authority.issue_client(gateway)
    return grpc.ssl_channel_credentials(authority.certificate, pem.key, pem.certificate)


async def test_a_gateways_proxies_take_no_other_gateways_place(
    serve: Serve, tls: TlsFiles, authority: Authority
) -> None:
    """Case 33: and what one of them leaves, another may have."""
    async with serve(tls=tls, settings=ServeSettings(drain=0.0, max_streams_per_gateway=1)) as running:
        ours, others = (speaks_for(authority, gateway) for gateway in (EG, OTHER))
        running.cache.publish(EG, AB)
        running.cache.publish(OTHER, AB)
        first = await running.open(ours)
        await first.say()
        await first.names()
        assert await (await running.open(ours)).ending() is EXHAUSTED
        other = await running.open(others)
        await other.say(node=core.Node(id="other", cluster="default/other"))
        assert await other.names() == ["a", "b"]
        first.close()
        await running.until(lambda eg: eg.connected == 0)
        again = await running.open(ours)
        await again.say()
        assert await again.names() == ["a", "b"]


async def test_who_does_not_read_keeps_a_place_of_its_own_gateway_until_it_goes(
    serve: Serve, tls: TlsFiles, authority: Authority
) -> None:
    """Cases 25, 33: gRPC holds what it did not read, and with it one of the places of all Gateways."""
    settings = ServeSettings(drain=0.0, max_streams=2, max_streams_per_gateway=1, limits=Limits(write=0.2))
    async with serve(tls=tls, settings=settings) as running:
        ours, others = (speaks_for(authority, gateway) for gateway in (EG, OTHER))
        running.cache.publish(EG, BIG)
        running.cache.publish(OTHER, AB)
        slow = await running.open(ours)
        await slow.say()
        await running.until(lambda eg: eg.connected == 1)
        await running.until(lambda eg: eg.connected == 0)
        again = await running.open(ours)
        assert await again.ending() is EXHAUSTED
        other = await running.open(others)
        await other.say(node=core.Node(id="other", cluster="default/other"))
        assert await other.names() == ["a", "b"]
        slow.close()
        while not await is_served(running, ours):  # nobody tells when gRPC has given a place back
            pass


async def is_served(running: Running, credentials: grpc.ChannelCredentials) -> bool:
    """Whether another stream is let in and hears something."""
    stream = await running.open(credentials)
    try:
        await stream.say()
        return bool(await stream.names())
    except grpc.aio.AioRpcError:
        return False


async def test_a_stream_that_says_nothing_has_a_place_too(serve: Serve, tls: TlsFiles, authority: Authority) -> None:
    """Case 33: of two, the one that came later is refused."""
    async with serve(tls=tls, settings=ServeSettings(drain=0.0, max_streams_per_gateway=1)) as running:
        streams = [await running.open(speaks_for(authority, EG)) for _ in range(2)]
        endings = [asyncio.ensure_future(stream.ending()) for stream in streams]  # noqa: TID251
        ended, _ = await asyncio.wait(endings, return_when=asyncio.FIRST_COMPLETED)
        assert [await ending for ending in ended] == [EXHAUSTED]
    await asyncio.wait(endings)


async def test_streams_that_come_too_fast_are_told_to_come_back(serve: Serve) -> None:
    """Case 33: admission."""
    rate = AdmissionRate(per_second=0.001, burst=1, longest_wait=1.0)
    async with serve(settings=ServeSettings(drain=0.0, admission=rate)) as running:
        running.cache.publish(EG, AB)
        first = await running.open()
        await first.say()
        await first.names()
        assert await (await running.open()).ending() is EXHAUSTED
