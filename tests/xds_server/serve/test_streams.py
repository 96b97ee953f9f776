"""What the shell adds to the protocol, on real connections: who gets in, and that nobody can hurt anybody else."""

import asyncio
import contextlib
import gc
import tracemalloc
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest

from k8s_watch.keys import ObjectKey
from protos import core, type_urls
from protos.discovery import DeltaDiscoveryRequest, DiscoveryRequest
from tests.authority import Authority
from tests.xds_server.serve.conftest import EG, NODE, OTHER, Running, Serve, Stream
from tests.xds_server.talk import versions
from tests.xds_server.world import CLUSTER, world
from xds_server.protocol.subscription import MAX_NAMES
from xds_server.serve.admission import AdmissionRate
from xds_server.serve.credentials import TlsFiles
from xds_server.serve.server import MEBIBYTE, ServeSettings, channel_options
from xds_server.serve.session import Inbox, Limits
from xds_server.snapshot.resource import Snapshot, make_resource, make_set

AB = world(clusters="a b")
BIG = Snapshot({CLUSTER: make_set(make_resource(f"c{i}", bytes(512 * 1024)) for i in range(16))})


async def test_a_proxy_gets_its_gateways_snapshot_and_every_change(serve: Serve) -> None:
    async with serve() as running:
        running.cache.publish(EG, AB)
        stream = await running.open()
        await stream.say()
        assert await stream.names() == ["a", "b"]
        running.cache.publish(EG, world(clusters="a b c"))
        assert await stream.names() == ["c"]


async def test_a_proxy_may_come_before_its_gateway_does(serve: Serve) -> None:
    """Silence is safe: the stream is open and hears nothing until there is something to hear."""
    async with serve() as running:
        stream = await running.open()
        await stream.say()
        await running.fleet.report.newer_than(0)
        running.cache.publish(EG, AB)
        assert await stream.names() == ["a", "b"]


async def test_a_withdrawn_gateway_is_silence_too(serve: Serve) -> None:
    """An empty world would take the routes from under the connections that still drain."""
    async with serve() as running:
        running.cache.publish(EG, AB)
        stream = await running.open()
        await stream.say()
        await stream.names()
        running.cache.withdraw(EG)
        running.cache.publish(EG, world(clusters="a b c"))
        assert await stream.names() == ["c"]


async def test_a_stream_without_a_node_id_is_refused(serve: Serve) -> None:
    """Case 7: the first request says who it is from."""
    async with serve() as running:
        stream = await running.open()
        await stream.say(node=core.Node(cluster="default/eg"))
        assert await stream.ending() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_node_is_said_once_and_stays(serve: Serve) -> None:
    """Case 7: later requests may leave it out, and may not change it."""
    async with serve() as running:
        running.cache.publish(EG, AB)
        stream = await running.open()
        await stream.say()
        await stream.say(node=None, type_url=type_urls.ENDPOINT, resource_names_subscribe=["a"])
        assert (await stream.names(), await stream.names()) == (["a", "b"], ["a"])
        await stream.say(node=core.Node(id="somebody else"))
        assert await stream.ending() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_proxy_that_comes_back_to_the_same_world_gets_nothing(serve: Serve) -> None:
    """Case 14: on a new stream, what it holds is not sent again; the change after that is all that it gets."""
    async with serve() as running:
        running.cache.publish(EG, AB)
        stream = await running.open()
        await stream.say(initial_resource_versions=dict(versions(AB, CLUSTER)))
        await until_in_sync(running)
        running.cache.publish(EG, world(clusters="a b c"))
        assert await stream.names() == ["c"]


ABC = world(clusters="a b c")
NEWER = {"cluster a": 2}  # another version of a


async def test_while_we_are_behind_a_proxy_that_knows_more_keeps_it(serve: Serve) -> None:
    """Case 14a: it hears nothing until we have caught up, and then only what is new."""
    newer = world(clusters="a b", revisions=NEWER)
    async with serve() as running:
        running.cache.publish(EG, AB)
        running.behind.publish(True)
        stream = await running.open()
        await stream.say(initial_resource_versions=dict(versions(newer, CLUSTER)))
        await running.fleet.report.newer_than(0)
        running.cache.publish(EG, newer)
        running.behind.publish(False)
        await until_in_sync(running)
        running.cache.publish(EG, world(clusters="a b c", revisions=NEWER))
        assert await stream.names() == ["c"]


async def test_who_was_ahead_is_served_when_we_are_not_behind_any_more(serve: Serve) -> None:
    """Case 14a: also when what it has was taken back meanwhile."""
    async with serve() as running:
        running.cache.publish(EG, AB)
        running.behind.publish(True)
        stream = await running.open()
        await stream.say(initial_resource_versions=dict(versions(ABC, CLUSTER)))
        await running.fleet.report.newer_than(0)
        running.behind.publish(False)
        assert list((await stream.next()).removed_resources) == ["c"]


@pytest.mark.parametrize("held", [{}, versions(AB, CLUSTER)], ids=["new", "of an older world"])
async def test_while_we_are_behind_all_others_are_served(serve: Serve, held: dict[str, str]) -> None:
    """Case 14a: who has nothing, and who has what we know."""
    async with serve() as running:
        running.cache.publish(EG, AB)
        running.cache.publish(EG, ABC)
        running.behind.publish(True)
        stream = await running.open()
        await stream.say(initial_resource_versions=dict(held))
        assert "c" in await stream.names()


async def test_a_proxy_that_comes_back_costs_no_memory_for_all_that_it_says_it_has(serve: Serve) -> None:
    """Case 14: when a replica ends, a thousand come to another one at once, and nothing may change for days."""
    many = Snapshot({CLUSTER: make_set(make_resource(f"service/default/backend-{n}/8080", b"x") for n in range(8000))})

    async def come_back(running: Running) -> Stream:
        stream = await running.open()
        await stream.say(initial_resource_versions=dict(versions(many, CLUSTER)))
        await stream.say(type_urls.ENDPOINT, resource_names_subscribe=["a"])
        assert await stream.names() == ["a"]
        return stream

    async with serve() as running:
        running.cache.publish(EG, many)
        streams = [await come_back(running)]
        tracemalloc.start()
        streams += [await come_back(running) for _ in range(10)]
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(running.fleet.streams) == len(streams)
        assert taken < 10 * 100 * 1024


async def until_in_sync(running: Running) -> None:
    """Wait until every connected proxy of EG has everything."""
    version = 0
    while True:
        gateway = running.fleet.report.value.gateways.get(EG)
        if gateway and gateway.connected == gateway.acked > 0:
            return
        version, _ = await running.fleet.report.newer_than(version)


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
        await until_gone(running, 1)
        assert [proxy.node_id for proxy in running.fleet.streams] == ["quick"]


async def test_a_client_that_does_not_read_is_reported_behind_though_others_are_not(serve: Serve) -> None:
    async with serve(settings=ServeSettings(drain=0.0)) as running:
        running.cache.publish(EG, AB)
        _slow, quick = streams = [await running.open() for _ in "ab"]
        for name, stream in zip(("slow", "quick"), streams, strict=True):
            await stream.say(node=core.Node(id=name, cluster="default/eg"))
            await take(stream)
        await until_acked(running, 2)
        running.cache.publish(EG, BIG)
        got = 0
        while got < 16:
            got += await take(quick)
        await until_acked(running, 1)


async def take(stream: Stream) -> int:
    """Acknowledge the next response; return how many resources it has."""
    response = await stream.next()
    await stream.say(node=core.Node(), response_nonce=response.nonce)
    return len(response.resources)


async def until_acked(running: Running, wanted: int) -> None:
    """Wait until so many proxies are up to date."""
    version = 0
    while (gateway := running.fleet.report.value.gateways.get(EG)) is None or gateway.acked != wanted:
        version, _ = await running.fleet.report.newer_than(version)


async def until_gone(running: Running, left: int) -> None:
    """Wait until so many proxies are left."""
    version = 0
    while (gateway := running.fleet.report.value.gateways.get(EG)) is None or gateway.connected != left:
        version, _ = await running.fleet.report.newer_than(version)


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


async def test_what_a_proxy_of_forty_thousand_routes_comes_back_with_is_taken(serve: Serve) -> None:
    """Case 30: with long names, each of which is both asked for and held."""
    async with serve() as running:
        running.cache.publish(EG, AB)
        names = [f"{i:0180}" for i in range(40_000)]
        request = DeltaDiscoveryRequest(node=NODE, type_url=type_urls.ENDPOINT, resource_names_subscribe=[*names, "a"])
        request.initial_resource_versions.update(dict.fromkeys(names, "0" * 11))
        stream = await running.open()
        await stream.send(request.SerializeToString())
        while "a" not in await stream.names():
            pass


async def test_a_type_that_is_not_served_is_met_with_silence(serve: Serve) -> None:
    """Case 27: and the stream goes on for the types that are."""
    async with serve() as running:
        running.cache.publish(EG, AB)
        stream = await running.open()
        await stream.say("type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig")
        await stream.say()
        assert await stream.names() == ["a", "b"]


async def test_resources_never_expire(serve: Serve) -> None:
    """Case 28: with a TTL, the end of the control plane would be the end of the data plane."""
    async with serve() as running:
        running.cache.publish(EG, AB)
        stream = await running.open()
        await stream.say()
        assert not any(resource.HasField("ttl") for resource in (await stream.next()).resources)


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
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED


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


def test_an_envoys_pings_are_welcome() -> None:
    """Case 31: it pings every 30 s, also when nothing flows; and we ping, to find who is gone."""
    options = dict(channel_options(ServeSettings()))
    assert options["grpc.http2.min_ping_interval_without_data_ms"] <= 15_000
    assert options["grpc.keepalive_permit_without_calls"] == 1
    assert options["grpc.keepalive_time_ms"] > 0


async def test_old_connections_end_so_that_clients_spread(serve: Serve) -> None:
    """Case 32: the client is told to go away, and may come back."""
    async with serve(settings=ServeSettings(drain=0.2, connection_age=0.2)) as running:
        running.cache.publish(EG, AB)
        served = 0
        while served < 2:  # on a slow machine a connection may be old before it has heard a word
            stream = await running.open()
            with contextlib.suppress(grpc.aio.AioRpcError):
                await stream.say()
                served += await stream.names() == ["a", "b"]
            assert await stream.ending() is grpc.StatusCode.UNAVAILABLE


async def test_clients_that_are_sent_away_come_over_new_connections(serve: Serve) -> None:
    """Case 32a: on the old one, which leads to the same replica for ever, nothing is served any more."""
    async with serve() as running:
        running.cache.publish(EG, AB)
        running.server.send_away()  # nobody is here yet: nothing ends
        old = await running.open()
        await old.say()
        assert await old.names() == ["a", "b"]
        began = running.server.port.version
        running.server.send_away()
        assert await old.ending() is grpc.StatusCode.UNAVAILABLE
        await running.server.port.newer_than(began)
        new = await running.open()
        await new.say(initial_resource_versions=dict(versions(AB, CLUSTER)))
        await until_in_sync(running)
        running.cache.publish(EG, ABC)
        assert await new.names() == ["c"]


async def test_a_server_that_ends_while_it_sends_clients_away_goes_on_with_it(serve: Serve) -> None:
    """Case 32a: those whose turn has not come are not cut off."""
    async with serve(settings=ServeSettings(drain=0.3)) as running:
        running.cache.publish(EG, AB)
        streams = [await running.open() for _ in range(3)]
        for stream in streams:
            await stream.say()
            await stream.names()
        ended = [asyncio.ensure_future(stream.ending()) for stream in streams]  # noqa: TID251
        running.server.send_away()
        await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
    assert {await each for each in ended} == {grpc.StatusCode.UNAVAILABLE}


async def test_too_many_streams_are_refused(serve: Serve) -> None:
    """Case 33: those that are open are not concerned."""
    async with serve(settings=ServeSettings(drain=0.0, max_streams=1)) as running:
        running.cache.publish(EG, AB)
        first = await running.open()
        await first.say()
        await first.names()
        second = await running.open()
        assert await second.ending() is grpc.StatusCode.RESOURCE_EXHAUSTED


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
        while EG in running.fleet.report.value.gateways:
            await running.fleet.report.newer_than(running.fleet.report.version)
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
        await until_gone(running, 1)
        while EG in running.fleet.report.value.gateways:
            await running.fleet.report.newer_than(running.fleet.report.version)
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
        assert await (await running.open()).ending() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_nobody_gets_in_before_the_world_is_known(serve: Serve) -> None:
    """Case 34: an answer before the first translation would be an empty world."""
    async with serve(ready=False) as running:
        assert await (await running.open()).ending() is grpc.StatusCode.UNAVAILABLE
        running.cache.publish(EG, AB)
        running.ready.publish(True)
        again = await running.open()
        await again.say()
        assert await again.names() == ["a", "b"]


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


async def test_a_client_that_vanishes_is_forgotten(serve: Serve) -> None:
    async with serve() as running:
        running.cache.publish(EG, AB)
        stream = await running.open()
        await stream.say()
        await stream.names()
        stream.close()
        while running.fleet.report.value.gateways:
            await running.fleet.report.newer_than(running.fleet.report.version)


async def test_two_hundred_proxies_get_every_change(serve: Serve) -> None:
    async with serve(settings=ServeSettings(drain=0.0, admission=AdmissionRate(burst=200))) as running:
        running.cache.publish(EG, AB)
        channels = [await running.channel() for _ in range(10)]
        streams = [Stream(channels[i % 10].stream_stream(STREAM)()) for i in range(200)]
        await asyncio.gather(*(s.say(node=core.Node(id=f"p{i}", cluster="default/eg")) for i, s in enumerate(streams)))
        assert await asyncio.gather(*(s.names() for s in streams)) == [["a", "b"]] * 200
        running.cache.publish(EG, world(clusters="a b c"))
        assert await asyncio.gather(*(s.names() for s in streams)) == [["c"]] * 200
        assert running.fleet.report.value.gateways[EG].connected == 200


STATE_OF_THE_WORLD = f"/{type_urls.AGGREGATED_SERVICE}/StreamAggregatedResources"
STREAM = f"/{type_urls.AGGREGATED_SERVICE}/DeltaAggregatedResources"


async def test_streams_end_one_by_one_when_the_server_does(serve: Serve) -> None:
    """Case 32: all at once would be a herd at the door of the other replicas."""
    async with serve(settings=ServeSettings(drain=0.3)) as running:
        running.cache.publish(EG, AB)
        streams = [await running.open() for _ in range(3)]
        for stream in streams:
            await stream.say()
            await stream.names()
        ended = asyncio.gather(*(stream.ending() for stream in streams))
    assert set(await ended) == {grpc.StatusCode.UNAVAILABLE}
