"""What the shell adds to the protocol, on real connections: who gets in, hears what, and until when."""

import asyncio
import contextlib
import gc
import tracemalloc

import grpc
import grpc.aio
import pytest

from protos import core, type_urls
from protos.discovery import DeltaDiscoveryRequest
from tests.xds_server.serve.conftest import (
    AB,
    ADS,
    EG,
    NODE,
    Running,
    Serve,
    Stream,
)
from tests.xds_server.talk import versions
from tests.xds_server.world import CLUSTER, world
from xds_server.serve.admission import AdmissionRate
from xds_server.serve.server import ServeSettings, channel_options
from xds_server.snapshot.resource import Snapshot, make_resource, make_set


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
        await running.until(lambda eg: eg.connected == eg.acked > 0)
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
        await running.until(lambda eg: eg.connected == eg.acked > 0)
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
        await running.until(lambda eg: eg.connected == eg.acked > 0)
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


async def test_nobody_gets_in_before_the_world_is_known(serve: Serve) -> None:
    """Case 34: an answer before the first translation would be an empty world."""
    async with serve(ready=False) as running:
        assert await (await running.open()).ending() is grpc.StatusCode.UNAVAILABLE
        running.cache.publish(EG, AB)
        running.ready.publish(True)
        again = await running.open()
        await again.say()
        assert await again.names() == ["a", "b"]


async def test_a_client_that_vanishes_is_forgotten(serve: Serve) -> None:
    async with serve() as running:
        running.cache.publish(EG, AB)
        stream = await running.open()
        await stream.say()
        await stream.names()
        stream.close()
        await running.until(lambda eg: eg.connected == 0)


async def test_two_hundred_proxies_get_every_change(serve: Serve) -> None:
    async with serve(settings=ServeSettings(drain=0.0, admission=AdmissionRate(burst=200))) as running:
        running.cache.publish(EG, AB)
        channels = [await running.channel() for _ in range(10)]
        streams = [Stream(channels[i % 10].stream_stream(ADS)()) for i in range(200)]
        await asyncio.gather(*(s.say(node=core.Node(id=f"p{i}", cluster="default/eg")) for i, s in enumerate(streams)))
        assert await asyncio.gather(*(s.names() for s in streams)) == [["a", "b"]] * 200
        running.cache.publish(EG, world(clusters="a b c"))
        assert await asyncio.gather(*(s.names() for s in streams)) == [["c"]] * 200
        assert running.fleet.report.value.gateways[EG].connected == 200


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
