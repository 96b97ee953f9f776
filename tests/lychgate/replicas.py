"""A replica of the control plane, as its cluster, its proxies and a kubelet see it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import grpc
import grpc.aio

from flow.clock import Clock, SystemClock
from k8s_watch import kinds
from k8s_watch.connection import connect
from k8s_watch.slices import SERVICE_LABEL
from lychgate.in_cluster.replica import Replica
from lychgate.settings import Settings
from lychgate.telemetry.metrics import Metrics
from lychgate.telemetry.sockets import Sockets
from protos import type_urls
from protos.endpoint import ClusterLoadAssignment
from tests.authority import Authority
from tests.k8s_watch.http_server import ApiServer
from tests.xds_server.serve.conftest import ADS, EG, SERVER_NAMES, Stream


class Doors(NamedTuple):
    """Where a replica is seen."""

    running: asyncio.Task[None]
    metrics: Metrics
    xds: str
    """Host and port."""
    credentials: grpc.ChannelCredentials
    """Those of a proxy of the Gateway default/eg."""
    health: str
    """URL."""

    async def readiness(self) -> str:
        """What a kubelet is answered now."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.health}/readyz") as answer:
            return await answer.text()

    async def until_answered(self, wanted: str) -> None:
        """Ask again and again until that is the answer."""
        while await self.readiness() != wanted:
            pass


@asynccontextmanager
async def replica(
    server: ApiServer, folder: Path, xds_port: int, *, clock: Clock | None = None, health_port: int = 8081
) -> AsyncIterator[Doors]:
    """Run a replica that follows this server until the block ends. It may write: nobody else does. `health_port` is
    where the health of others would be.
    """
    authority = Authority("ours")
    pem, proxy = authority.issue(*SERVER_NAMES), authority.issue_client(EG)
    for name, text in {"ca.crt": authority.certificate, "tls.crt": pem.certificate, "tls.key": pem.key}.items():
        (folder / name).write_bytes(text)
    with socket.create_server(("127.0.0.1", 0)) as health:
        async with server.serving():
            settings = Settings(
                kubeconfig=server.kubeconfig(folder),
                leader_election=False,
                xds_address="127.0.0.1",
                xds_port=xds_port,
                xds_cert_dir=str(folder),
                ca_dir=str(folder),
                health_port=health_port,
            )
            async with await connect(settings.kubeconfig) as connection, asyncio.TaskGroup() as tasks:
                made = Replica(settings, connection, clock or SystemClock())
                running = tasks.create_task(made.run(Sockets(health=health, metrics=None)))
                yield Doors(
                    running=running,
                    metrics=made.metrics,
                    xds=f"127.0.0.1:{xds_port}",
                    credentials=grpc.ssl_channel_credentials(authority.certificate, proxy.key, proxy.certificate),
                    health=f"http://127.0.0.1:{health.getsockname()[1]}",
                )
                running.cancel()


def one_route() -> ApiServer:
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
    server.api.put(kinds.ENDPOINT_SLICE, "web-1", metadata={"labels": {SERVICE_LABEL: "web"}}, **fields)


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
