"""How a replica of the control plane goes: the proxies that it still has must not notice."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from flow.clock import SystemClock
from k8s_watch import kinds
from lychgate.settings import Settings
from protos import type_urls
from protos.endpoint import ClusterLoadAssignment
from tests.k8s_watch.http_server import ApiServer
from tests.lychgate.replicas import replica
from tests.xds_server.serve.conftest import ADS, Stream

SERVICE = {"kubernetes.io/service-name": "web"}


class WaitsToBeTold(SystemClock):
    """Real time, in which what takes more than a second takes until the test says so: the drain, for instance."""

    def __init__(self) -> None:
        self.over = asyncio.Event()

    async def sleep(self, seconds: float, /) -> None:
        await (self.over.wait() if seconds > 1 else asyncio.sleep(seconds))


@pytest.fixture
def server() -> ApiServer:
    """A Gateway with a route to one Service."""
    made, name = ApiServer(), Settings().controller_name
    api = made.api
    api.put(kinds.GATEWAY_CLASS, "eg", spec={"controllerName": name})
    listener = {"name": "http", "port": 80, "protocol": "HTTP"}
    api.put(kinds.GATEWAY, "eg", spec={"gatewayClassName": "eg", "listeners": [listener]})
    api.put(kinds.SERVICE, "web", spec={"ports": [{"port": 80}]})
    rule = {"backendRefs": [{"name": "web", "port": 80}]}
    api.put(kinds.HTTP_ROUTE, "web", spec={"parentRefs": [{"name": "eg"}], "rules": [rule]})
    move(made, "10.0.0.1")
    return made


def move(server: ApiServer, address: str) -> None:
    """The backend is there now, and nowhere else."""
    port, endpoint = {"name": "", "port": 8080}, {"addresses": [address], "conditions": {"ready": True}}
    fields: dict[str, Any] = {"addressType": "IPv4", "ports": [port], "endpoints": [endpoint]}
    server.api.put(kinds.ENDPOINT_SLICE, "web-1", metadata={"labels": SERVICE}, **fields)


async def addresses(stream: Stream) -> list[str]:
    """What the next response says, which is taken."""
    response = await stream.next()
    await stream.ack(response)
    assignments = [ClusterLoadAssignment.FromString(resource.resource.value) for resource in response.resources]
    endpoints = [each for one in assignments for locality in one.endpoints for each in locality.lb_endpoints]
    return [each.endpoint.address.socket_address.address for each in endpoints]


async def begin(channel: grpc.aio.Channel) -> Stream:
    """A proxy that has all it should know of the backend."""
    stream = Stream(channel.stream_stream(ADS)(wait_for_ready=True))
    await stream.say(type_urls.CLUSTER)
    clusters = await stream.next()
    await stream.ack(clusters)
    await stream.say(type_urls.ENDPOINT, resource_names_subscribe=[each.name for each in clusters.resources])
    assert await addresses(stream) == ["10.0.0.1"]
    return stream


async def test_whoever_waits_to_be_sent_away_hears_of_every_change(
    server: ApiServer, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    """Case 32: the endpoints of a rollout that goes on meanwhile would get requests when they are long gone."""
    clock = WaitsToBeTold()
    async with (
        replica(server, tmp_path, free_port(), clock=clock) as doors,
        grpc.aio.secure_channel(doors.xds, doors.credentials) as channel,
    ):
        streams = [await begin(channel) for _ in range(2)]
        doors.running.cancel()
        endings = {stream: asyncio.ensure_future(stream.ending()) for stream in streams}  # noqa: TID251
        await asyncio.wait(endings.values(), return_when=asyncio.FIRST_COMPLETED)
        (left,) = (stream for stream, ending in endings.items() if not ending.done())
        move(server, "10.0.0.2")
        assert await addresses(left) == ["10.0.0.2"]
        clock.over.set()
        assert {await ending for ending in endings.values()} == {grpc.StatusCode.UNAVAILABLE}
