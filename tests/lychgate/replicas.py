"""A replica of the control plane, as its cluster, its proxies and a kubelet see it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import aiohttp
import grpc

from flow.clock import Clock, SystemClock
from k8s_watch.connection import connect
from lychgate.in_cluster.replica import Replica
from lychgate.settings import Settings
from lychgate.telemetry.metrics import Metrics
from lychgate.telemetry.sockets import Sockets
from tests.authority import Authority
from tests.k8s_watch.http_server import ApiServer
from tests.xds_server.serve.conftest import EG, SERVER_NAMES


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
    server: ApiServer, folder: Path, xds_port: int, *, clock: Clock | None = None
) -> AsyncIterator[Doors]:
    """Run a replica that follows this server until the block ends. It may write: nobody else does."""
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
