"""An xDS address → many delta clients of it in one process, each with a connection and a node id of its own.

    python clients.py --address 10.96.0.7:18000 --name envoy-gateway --certs FOLDER --cluster default/eg --clients 100

Each subscribes as Envoy would: to all clusters and listeners, then to the endpoints and routes that those name. It
acknowledges everything and keeps nothing. Prints a JSON object when all hold everything; then waits for a line on
standard input, prints an empty line, and after it the times at which each heard the next answer; until standard
input ends. Times are those of the machine's monotonic clock.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

PREFIX = "type.googleapis.com/envoy.config."
CLUSTER = PREFIX + "cluster.v3.Cluster"
ENDPOINT = PREFIX + "endpoint.v3.ClusterLoadAssignment"
LISTENER = PREFIX + "listener.v3.Listener"
ROUTE = PREFIX + "route.v3.RouteConfiguration"
SCOPE = PREFIX + "route.v3.ScopedRouteConfiguration"
METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
REST = 1.0
"""Seconds without an answer after which a client holds everything."""

SENT_AWAY = (
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.INTERNAL,
)
"""What gRPC says of a stream that the server ends for the crowd; the last two where it was being written to."""

TRIES = 120

BACK_OFF = 1.0
"""Seconds until a client that was sent away comes back."""


class Client:
    """One proxy's place on the stream."""

    def __init__(self, channel: grpc.aio.Channel, node: dict[str, str]) -> None:
        self._call = channel.stream_stream(
            METHOD,
            request_serializer=DeltaDiscoveryRequest.SerializeToString,
            response_deserializer=DeltaDiscoveryResponse.FromString,
        )
        self._node = node
        self._outbox: asyncio.Queue[DeltaDiscoveryRequest] = asyncio.Queue()
        self._asked: dict[str, set[str]] = {}
        self.first = self.last = 0.0
        self.heard: set[str] = set()
        self.bytes = 0
        self.sent_away = 0
        self.awake = asyncio.Event()
        """Set by the first answer since `rest`, which came at `woken`."""
        self.woken = 0.0

    async def follow(self) -> None:
        """Subscribe, and acknowledge until cancelled; who is sent away for the crowd comes back, as an Envoy does."""
        while self.sent_away < TRIES:
            try:
                await self._converse()
            except grpc.aio.AioRpcError as error:
                if error.code() not in SENT_AWAY:
                    raise
            self.sent_away += 1
            await asyncio.sleep(BACK_OFF)
        raise RuntimeError(f"sent away {TRIES} times")

    async def _converse(self) -> None:
        self._outbox, self._asked = asyncio.Queue(), {}
        self._outbox.put_nowait(DeltaDiscoveryRequest(node=self._node, type_url=CLUSTER))
        self._outbox.put_nowait(DeltaDiscoveryRequest(type_url=LISTENER))
        async for response in self._call(self._requests()):
            self._take(response)

    def rest(self) -> None:
        """Forget the last answer."""
        self.awake.clear()

    async def _requests(self) -> AsyncIterator[DeltaDiscoveryRequest]:
        while True:
            yield await self._outbox.get()

    def _take(self, response: DeltaDiscoveryResponse) -> None:
        self.last = time.monotonic()
        if not self.awake.is_set():
            self.woken = self.last
            self.awake.set()
        self.heard.add(response.type_url)
        self.bytes += response.ByteSize()
        self._outbox.put_nowait(DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce))
        match response.type_url:
            case url if url == CLUSTER:
                self._ask(ENDPOINT, {resource.name for resource in response.resources})
            case url if url == LISTENER:
                for resource in response.resources:
                    self._read(Listener.FromString(resource.resource.value))

    def _read(self, listener: Listener) -> None:
        """Ask for the routes that the listener names."""
        for chain in (*listener.filter_chains, listener.default_filter_chain):
            for part in chain.filters:
                manager = HttpConnectionManager()
                if part.typed_config.Unpack(manager):
                    if manager.HasField("rds"):
                        self._ask(ROUTE, {manager.rds.route_config_name})
                    if manager.HasField("scoped_routes"):
                        self._ask(SCOPE, {"*"})

    def _ask(self, url: str, names: set[str]) -> None:
        new = names - self._asked.setdefault(url, set())
        if new:
            self._asked[url] |= new
            self._outbox.put_nowait(DeltaDiscoveryRequest(type_url=url, resource_names_subscribe=sorted(new)))


async def run(options: argparse.Namespace) -> None:
    """Connect all at once, then listen to standard input."""
    folder = options.certs
    credentials = grpc.ssl_channel_credentials(
        *((folder / name).read_bytes() for name in ("ca.crt", "tls.key", "tls.crt"))
    )
    settings = [
        ("grpc.ssl_target_name_override", options.name),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_receive_message_length", -1),
    ]
    clients = [
        Client(
            grpc.aio.secure_channel(options.address, credentials, settings),
            {"id": f"bench-{number}", "cluster": options.cluster},
        )
        for number in range(options.clients)
    ]
    start = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        following = [tasks.create_task(client.follow()) for client in clients]
        await _settled(clients)
        synced = max(client.last for client in clients) - start
        types = sorted(url.rpartition(".")[2] for url in clients[0].heard)
        sent_away = sum(client.sent_away for client in clients)
        tell({"synced_s": synced, "bytes": clients[0].bytes, "types": types, "sent_away": sent_away})
        await _changes(clients)
        for task in following:
            task.cancel()


async def _settled(clients: list[Client]) -> None:
    """Return when every client heard of clusters, listeners and routes, and then nothing more for a while."""
    while True:
        await asyncio.sleep(0.1)
        complete = all({CLUSTER, LISTENER} <= client.heard and client.heard & {ROUTE, SCOPE} for client in clients)
        if complete and time.monotonic() - max(client.last for client in clients) > REST:
            return


async def _changes(clients: list[Client]) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        for client in clients:
            client.rest()
        tell({})
        for client in clients:
            await client.awake.wait()
        tell({"heard": sorted(client.woken for client in clients)})


def tell(words: dict[str, object]) -> None:
    """Print one object."""
    print(json.dumps(words), flush=True)


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--certs", type=Path, required=True)
    parser.add_argument("--cluster", required=True)
    parser.add_argument("--clients", type=int, default=100)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
