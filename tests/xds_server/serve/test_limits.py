"""Whatever a client says, or does not read, it hurts nobody else."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest

from protos import core, type_urls
from protos.discovery import DeltaDiscoveryRequest, DiscoveryRequest
from tests.xds_server.serve.conftest import (
    AB,
    BIG,
    EG,
    EXHAUSTED,
    NODE,
    STATE_OF_THE_WORLD,
    Serve,
    Stream,
)
from tests.xds_server.world import world
from xds_server.protocol.subscription import MAX_NAMES
from xds_server.serve.server import MEBIBYTE, ServeSettings
from xds_server.serve.session import Inbox, Limits


async def test_a_client_that_does_not_read_is_ended_and_nobody_waits_for_it(serve: Serve) -> None:
    """Case 25: a slow consumer stalls its own stream, and that not for ever."""
    limits = Limits(write=0.5)
    async with serve(settings=ServeSettings(drain=0.0, limits=limits)) as running:
        running.cache.publish(EG, BIG)
        slow = await running.open()
        await slow.say()
        quick = await running.open()
        await quick.say(node=core.Node(id="quick", cluster="default/eg"))
        got = 0
        while got < 16:
            got += len(await quick.names())
        await running.until(lambda eg: eg.connected == 1)
        assert [proxy.node_id for proxy in running.fleet.streams] == ["quick"]


async def test_a_client_that_does_not_read_is_reported_behind_though_others_are_not(serve: Serve) -> None:
    async with serve(settings=ServeSettings(drain=0.0)) as running:
        running.cache.publish(EG, AB)
        _slow, quick = streams = [await running.open() for _ in "ab"]
        for name, stream in zip(("slow", "quick"), streams, strict=True):
            await stream.say(node=core.Node(id=name, cluster="default/eg"))
            await take(stream)
        await running.until(lambda eg: eg.acked == 2)
        running.cache.publish(EG, BIG)
        got = 0
        while got < 16:
            got += await take(quick)
        await running.until(lambda eg: eg.acked == 1)


async def take(stream: Stream) -> int:
    """Acknowledge the next response; return how many resources it has."""
    response = await stream.next()
    await stream.say(node=core.Node(), response_nonce=response.nonce)
    return len(response.resources)


@pytest.mark.parametrize("limits", [Limits(backlog=4), Limits(backlog_bytes=100)])
async def test_a_flood_of_requests_does_not_keep_changes_away(serve: Serve, limits: Limits) -> None:
    """Case 26: requests are heard in batches, and each batch is followed by what there is to send."""
    async with serve(settings=ServeSettings(drain=0.0, limits=limits)) as running:
        running.cache.publish(EG, AB)
        stream = await running.open()
        await stream.say()
        await stream.names()
        flood = asyncio.ensure_future(_flood(stream))  # noqa: TID251
        await asyncio.wait({flood}, timeout=0.05)
        running.cache.publish(EG, world(clusters="a b c"))
        assert await stream.names() == ["c"]
        flood.cancel()
        await asyncio.wait({flood})


async def _flood(stream: Stream) -> None:
    while True:
        await stream.say(resource_names_unsubscribe=["phantom"])


async def test_large_requests_are_not_read_ahead_by_the_dozen() -> None:
    """Case 26: while the client does not read what we write, they are not heard, and wait."""
    bell, read = asyncio.Event(), 0

    async def requests() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(9):
            read += 1
            yield bytes(MEBIBYTE)

    inbox = Inbox(Limits(backlog_bytes=2 * MEBIBYTE), bell)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(inbox.fill(requests()))
        heard = 0
        while not inbox.ended:
            await bell.wait()
            bell.clear()
            taken = inbox.take()
            assert len(taken) <= 2
            heard += len(taken)
            assert read == heard
    assert heard == 9


async def test_a_long_list_of_what_a_proxy_holds_is_taken(serve: Serve) -> None:
    """Case 30: gRPC's own limit of 4 MiB is too small for it."""
    async with serve() as running:
        running.cache.publish(EG, AB)
        stream = await running.open()
        held = {f"service/a-namespace/a-name-{i}/8080": "0" * 32 for i in range(100_000)}
        request = DeltaDiscoveryRequest(node=NODE, type_url=type_urls.CLUSTER, initial_resource_versions=held)
        assert request.ByteSize() > 4 * MEBIBYTE
        await stream.send(request.SerializeToString())
        assert await stream.names() == ["a", "b"]


MANY = [str(number) for number in range(MAX_NAMES)]


@pytest.mark.parametrize(
    "said",
    [
        {"resource_names_subscribe": [*MANY, "x"]},
        {"resource_names_unsubscribe": [*MANY, "x"]},
        {"initial_resource_versions": dict.fromkeys([*MANY, "x"], "1")},
        {"resource_names_subscribe": MANY, "initial_resource_versions": {"x": "1"}},
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("first", [True, False])
async def test_too_many_names_in_a_request_end_its_stream(
    serve: Serve, said: dict[str, object], *, first: bool
) -> None:
    """Case 30a: each name is an object, for as long as the stream lasts."""
    async with serve() as running:
        running.cache.publish(EG, AB)
        stream = await running.open()
        if not first:
            await stream.say()
            await stream.names()
        await stream.say(type_urls.ENDPOINT, **said)
        assert await stream.ending() is EXHAUSTED


async def test_names_of_all_types_on_a_stream_count_together(serve: Serve) -> None:
    """Case 30a: those that a client unsubscribes from do not count any more."""
    async with serve() as running:
        running.cache.publish(EG, AB)
        stream = await running.open()
        await stream.say(type_urls.ROUTE, resource_names_subscribe=MANY[1:])
        assert len((await stream.next()).removed_resources) == MAX_NAMES - 1
        await stream.say(type_urls.ENDPOINT, resource_names_subscribe=["a"])
        assert await stream.names() == ["a"]
        await stream.say(type_urls.ROUTE, resource_names_unsubscribe=MANY[1:10])
        await stream.say(type_urls.ENDPOINT, resource_names_subscribe=["b"])
        assert await stream.names() == ["b"]
        await stream.say(type_urls.ENDPOINT, resource_names_subscribe=MANY[:10])
        assert await stream.ending() is EXHAUSTED


async def test_names_of_a_state_of_the_world_stream_count_too(serve: Serve) -> None:
    """Case 30a."""
    async with serve() as running:
        running.cache.publish(EG, AB)
        for requests in ([(type_urls.ROUTE, [*MANY, "x"])], [(type_urls.ROUTE, MANY), (type_urls.ENDPOINT, ["a"])]):
            stream = await running.open(method=STATE_OF_THE_WORLD)
            for type_url, asked in requests:
                request = DiscoveryRequest(node=NODE, type_url=type_url, resource_names=asked)
                await stream.send(request.SerializeToString())
            assert await stream.ending() is EXHAUSTED


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 64,
        b"\x0a\x03\x0a\x01\xff",  # a node id that is not UTF-8
        b"\x00" * 4 * MEBIBYTE,
        b"\x22\xff\xff\xff\xff\x0f",  # a length beyond the end
        b"\x0b" * 10_000,  # groups within groups
    ],
    ids=["nothing", "noise", "bad text", "4 MiB of zeros", "a lie about a length", "depth"],
)
async def test_hostile_bytes_end_their_stream_and_nothing_else(serve: Serve, data: bytes) -> None:
    """Case 35: whatever comes first."""
    async with serve() as running:
        running.cache.publish(EG, AB)
        good = await running.open()
        await good.say()
        await good.names()
        bad = await running.open()
        await bad.send(data)
        assert await bad.ending() is grpc.StatusCode.INVALID_ARGUMENT
        running.cache.publish(EG, world(clusters="a b c"))
        assert await good.names() == ["c"]


async def test_noise_later_in_a_stream_ends_it_too(serve: Serve) -> None:
    """Case 35: not only the first bytes."""
    async with serve() as running:
        stream = await running.open()
        await stream.say()
        await stream.send(b"\xff" * 64)
        assert await stream.ending() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_client_that_says_nothing_is_not_kept(serve: Serve) -> None:
    """Case 35: an open stream costs something too."""
    async with serve(settings=ServeSettings(drain=0.0, limits=Limits(hello=0.1))) as running:
        stream = await running.open()
        assert await stream.ending() is grpc.StatusCode.DEADLINE_EXCEEDED
