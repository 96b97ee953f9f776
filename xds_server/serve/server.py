"""The gRPC server: lets clients in, says which Gateway they belong to, and hands each stream to a session."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Protocol
from weakref import WeakValueDictionary

import grpc
import grpc.aio
import msgspec

from flow.clock import Clock
from flow.latest import Latest
from flow.race import Limit
from k8s_watch.keys import ObjectKey
from xds_server.protocol.errors import ProtocolError
from xds_server.protocol.patience import Patience
from xds_server.serve.admission import Admission, AdmissionRate, Overloaded
from xds_server.serve.conversation import Conversation, Said
from xds_server.serve.credentials import Reloading, TlsFiles
from xds_server.serve.drain import drain
from xds_server.serve.fleet import Fleet
from xds_server.serve.identity import Denied, authorized_gateway, certified_gateway
from xds_server.serve.methods import DIALECTS, SERVICES, Begin
from xds_server.serve.old_proxies import OldProxies
from xds_server.serve.room import Room
from xds_server.serve.session import Client, Ending, Limits, Session, ending_of
from xds_server.serve.turned_away import TurnedAwayLog, Visitor
from xds_server.serve.wire import Malformed
from xds_server.snapshot.cache import SnapshotCache
from xds_server.snapshot.diff import DiffMemo
from xds_server.snapshot.resource import ResourceType

MEBIBYTE = 1024 * 1024


class ServeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the server behaves. Times in seconds."""

    patience: Patience = Patience()
    limits: Limits = Limits()
    admission: AdmissionRate = AdmissionRate()
    max_streams: int = 10_000
    """Streams at once, over all clients; one more is refused with RESOURCE_EXHAUSTED."""
    max_streams_per_gateway: int = 2_500
    """As `max_streams`, over those with the certificate of one Gateway: it takes no other Gateway's place."""
    max_streams_per_connection: int = 64
    connection_age: float = 10 * 3600
    """Connections are ended at about this age (gRPC adds its own ±10 %), so that clients spread over the replicas: no
    new streams from then on, and those that are open end after `drain`."""
    keepalive: float = 30.0
    """How often a silent client is pinged; one that does not answer in `keepalive_timeout` is gone."""
    keepalive_timeout: float = 10.0
    drain: float = 5.0
    """How long streams take to end, one after the other, when the server does."""


class ServerContext(Protocol):
    """What we use of `grpc.aio.ServicerContext`."""

    async def abort(self, code: grpc.StatusCode, details: str) -> None: ...
    async def write(self, message: bytes) -> None: ...
    def auth_context(self) -> Mapping[str, tuple[bytes, ...]]: ...
    def peer(self) -> str: ...


class TurnedAway(Exception):
    """The stream is not let in."""

    def __init__(self, code: grpc.StatusCode, why: str) -> None:
        super().__init__(why)
        self.ending = Ending(code, why)


class XdsServer:
    """Serves the snapshots of `cache`, and tells `fleet` what the proxies say.

    No stream is let in before `ready` holds True: silence is safe, an empty world is fatal. Once it is, `ready` turning
    False again refuses new streams and keeps those that are open. While `behind` holds True, others may know a newer
    world than what is published here: who comes with some of it hears nothing. `send_away` has all clients choose anew
    whom they ask.
    """

    def __init__(
        self,
        cache: SnapshotCache,
        fleet: Fleet,
        *,
        ready: Latest[bool],
        behind: Latest[bool] | None = None,
        clock: Clock,
        settings: ServeSettings | None = None,
    ) -> None:
        self.port: Latest[int] = Latest(0)
        """The TCP port in use, for an address that left it open; 0 before."""
        self._cache = cache
        self._fleet = fleet
        self._ready = ready
        self._behind = behind or Latest(initial=False)
        self._clock = clock
        self._settings = settings or ServeSettings()
        self._admission = Admission(self._settings.admission, self._clock)
        self._diff = DiffMemo()
        self._turned_away = TurnedAwayLog(self._clock)
        self._old_proxies = OldProxies()
        self._rooms: WeakValueDictionary[ObjectKey, Room] = WeakValueDictionary()
        """Each as long as the Gateway has a stream."""
        self._sessions: set[Session] = set()
        self._farewells: Latest[int] = Latest(0)
        """Counts calls of `send_away`."""
        self._seated: Counter[ObjectKey] = Counter()
        """Streams of each Gateway's clients, from their first moment on."""

    async def serve(self, *, address: str, tls: TlsFiles | None) -> None:
        """Serve on `address` (`host:port`, or `unix:/path`) until cancelled, then drain.

        With `tls`, clients must show a certificate for their Gateway. Without, the address must be of this machine
        alone, and clients are believed. Raises `ValueError` for another address without TLS, `OSError` when a
        certificate cannot be read, `RuntimeError` when the address cannot be bound.
        """
        if tls is None and not is_local(address):
            raise ValueError(f"{address} can be reached from elsewhere: it needs TLS")
        settings = self._settings
        files = Reloading(tls, self._clock) if tls else None
        while True:
            server = grpc.aio.server(options=channel_options(settings), maximum_concurrent_rpcs=settings.max_streams)
            server.add_generic_rpc_handlers(tuple(self._handlers(certified=tls is not None)))
            port = server.add_secure_port(address, files.credentials()) if files else server.add_insecure_port(address)
            await server.start()
            self.port.publish(port)
            try:
                await self._farewells.newer_than(self._farewells.version)
                await self._stop(server)
            except asyncio.CancelledError:
                await self._stop(server)  # also from the midst of a farewell, which goes on
                raise

    def send_away(self) -> None:
        """End every connection, as when the server ends, and serve on: whoever comes back may come to another replica.

        It takes the time of a drain, in which nobody is let in. To end streams alone is not enough: a client opens its
        next one on the same connection. Nothing where nobody is connected.
        """
        if self._sessions:
            self._farewells.publish(self._farewells.value + 1)

    async def _stop(self, server: grpc.aio.Server) -> None:
        """No new stream from now on; the open ones end one by one, what is left of them all at once."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.stop(self._settings.drain + 1), name="no new streams")
            tasks.create_task(drain(self._sessions, within=self._settings.drain, clock=self._clock), name="drain")

    def _handlers(self, *, certified: bool) -> list[grpc.GenericRpcHandler]:
        return [
            grpc.method_handlers_generic_handler(
                service.name,
                {
                    prefix + service.suffix: grpc.stream_stream_rpc_method_handler(
                        self._handler(begin, service.only, certified=certified)
                    )
                    for prefix, begin in DIALECTS.items()
                },
            )
            for service in SERVICES
        ]

    def _handler(
        self, begin: Begin, only: ResourceType | None, *, certified: bool
    ) -> Callable[[AsyncIterator[bytes], ServerContext], Awaitable[None]]:
        """What gRPC calls for each stream. Requests and responses are bytes."""

        async def handle(requests: AsyncIterator[bytes], context: ServerContext) -> None:
            visitor = Visitor(context.peer())
            try:
                visitor.gateway = group = _certified_gateway(context) if certified else None
                conversation = begin(only, self._settings.patience, self._diff)
                with self._seat(group):
                    await self._admit(group)
                    if ending := await self._converse(conversation, visitor, requests, context):
                        # While the client leaves unread what is on its way, this waits, and takes one of gRPC's places
                        # for the streams of all. There is no way to take that back, so it is its Gateway's place, too.
                        await self._end(ending, visitor, context)
            except TurnedAway as turned_away:
                await self._end(turned_away.ending, visitor, context)

        return handle

    async def _end(self, ending: Ending, visitor: Visitor, context: ServerContext) -> None:
        self._fleet.meter.turned_away(ending.code.name)
        self._turned_away.tell(ending, visitor)
        await context.abort(*ending)

    @contextmanager
    def _seat(self, gateway: ObjectKey | None) -> Iterator[None]:
        """One of the Gateway's streams, while the block lasts; None where clients show no certificate."""
        if gateway is None:
            yield
            return
        if self._seated[gateway] >= self._settings.max_streams_per_gateway:
            raise TurnedAway(grpc.StatusCode.RESOURCE_EXHAUSTED, f"too many streams of Gateway {gateway}")
        self._seated[gateway] += 1
        try:
            yield
        finally:
            self._seated[gateway] -= 1
            if not self._seated[gateway]:
                del self._seated[gateway]

    async def _admit(self, gateway: ObjectKey | None) -> None:
        if not self._ready.value:
            raise TurnedAway(grpc.StatusCode.UNAVAILABLE, "not ready: the first configuration is not there yet")
        try:
            await self._admission.enter(gateway)
        except Overloaded:
            raise TurnedAway(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many new streams") from None

    async def _converse(
        self,
        conversation: Conversation,
        visitor: Visitor,
        requests: AsyncIterator[bytes],
        context: ServerContext,
    ) -> Ending | None:
        first = await self._first(requests, conversation)
        if first is None:
            return None
        visitor.node = node = first.node
        if not node.id:
            raise TurnedAway(grpc.StatusCode.INVALID_ARGUMENT, "the first request has no node.id")
        try:
            group = authorized_gateway(visitor.gateway, node)
        except Denied as denied:
            raise TurnedAway(grpc.StatusCode.PERMISSION_DENIED, str(denied)) from None
        self._old_proxies.look(group, node)
        proxy = self._fleet.connect(group, node.id)
        client = Client(proxy, requests, context.write, self._rooms.setdefault(group, Room(self._clock)))
        session = Session(
            client, conversation, self._fleet, behind=self._behind, limits=self._settings.limits, clock=self._clock
        )
        self._sessions.add(session)
        try:
            session.hear(first)
            del first  # a proxy that comes back says all that it has, and may stay for days
            return await session.run(self._cache.watch(group))
        finally:
            self._sessions.discard(session)
            self._fleet.disconnect(proxy)

    async def _first(self, requests: AsyncIterator[bytes], conversation: Conversation) -> Said | None:
        """The first request; None when the client leaves without one."""
        try:
            async with Limit(self._settings.limits.hello, self._clock):
                data = await anext(requests, None)
            return None if data is None else conversation.read(data)
        except TimeoutError:
            raise TurnedAway(grpc.StatusCode.DEADLINE_EXCEEDED, "no request came") from None
        except (Malformed, ProtocolError) as error:
            raise TurnedAway(*ending_of(error)) from None


def _certified_gateway(context: ServerContext) -> ObjectKey:
    names = context.auth_context().get("x509_subject_alternative_name", ())
    try:
        return certified_gateway(name.decode(errors="replace") for name in names)
    except Denied as denied:
        raise TurnedAway(grpc.StatusCode.PERMISSION_DENIED, str(denied)) from None


def is_local(address: str) -> bool:
    """Whether only this machine can reach the address: a Unix socket or a loopback address."""
    if address.startswith(("unix:", "unix-abstract:")):
        return True
    host = address.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:  # a name, and who knows what it means tomorrow
        return False


def channel_options(settings: ServeSettings) -> list[tuple[str, int]]:
    """What gRPC is told of connections. Spec: gRPC core, "channel arguments". Times there are in milliseconds."""
    return [
        # The map of held versions, at tens of thousands of resources, outgrows gRPC's own 4 MiB. This is enough for
        # 40,000 clusters with names of 180 characters, whose endpoints are asked for and held: each name comes twice.
        ("grpc.max_receive_message_length", 16 * MEBIBYTE),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_concurrent_streams", settings.max_streams_per_connection),
        ("grpc.max_connection_age_ms", int(settings.connection_age * 1000)),
        ("grpc.max_connection_age_grace_ms", int(settings.drain * 1000)),
        ("grpc.keepalive_time_ms", int(settings.keepalive * 1000)),
        ("grpc.keepalive_timeout_ms", int(settings.keepalive_timeout * 1000)),
        ("grpc.keepalive_permit_without_calls", 1),
        # Envoy pings every 30 s: more often than gRPC's default allows, which would answer "too many pings".
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        # Measuring how much a client could send costs a ping for each message; clients send acknowledgements only.
        ("grpc.http2.bdp_probe", 0),
        # Two servers on one port would each get half of the proxies; better to fail at once.
        ("grpc.so_reuseport", 0),
    ]
