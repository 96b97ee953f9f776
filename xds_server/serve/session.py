"""One stream's life: requests in, snapshots and time in, responses out.

Three things can happen to a stream that waits: its client says something, its snapshot changes, or a limit of time is
reached. Each rings the same bell; the loop then hears what there is to hear and sends what there is to send. While a
write waits for a slow client no snapshot is queued for it: the newest is looked at when the write is through.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import NamedTuple

import grpc
import msgspec

from flow.clock import Clock
from flow.latest import Latest
from flow.race import Limit
from xds_server.protocol.errors import ProtocolError
from xds_server.protocol.messages import Returned
from xds_server.serve.conversation import Conversation, Said
from xds_server.serve.fleet import Fleet, Proxy
from xds_server.serve.room import Room
from xds_server.serve.wire import Malformed
from xds_server.snapshot.resource import Snapshot


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one stream may take. Times in seconds."""

    hello: float = 30.0
    """How long a client may take for its first request."""
    write: float = 60.0
    """How long a client may leave one response unread."""
    backlog: int = 64
    """Requests read ahead. At it the client is not read from until they are heard, and a push gets its turn: neither
    a flood of requests nor a flood of pushes starves the other."""
    backlog_bytes: int = 1024 * 1024
    """As `backlog`, by size: no more than this and one request wait for a client that does not read."""


class Ending(NamedTuple):
    """How we end a stream: a gRPC status."""

    code: grpc.StatusCode
    why: str


def ending_of(error: Malformed | ProtocolError) -> Ending:
    """How a stream ends whose client says what no client may."""
    if isinstance(error, Malformed):
        return Ending(grpc.StatusCode.INVALID_ARGUMENT, "not a discovery request")
    return Ending(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))


class Client(NamedTuple):
    """Who speaks, the two directions of the connection, and the room that there is in one."""

    proxy: Proxy
    requests: AsyncIterator[bytes]
    write: Callable[[bytes], Awaitable[None]]
    room: Room


class Inbox:
    """Requests that were read and not yet heard."""

    def __init__(self, limits: Limits, bell: asyncio.Event) -> None:
        self._limits = limits
        self._bell = bell
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._room = asyncio.Event()
        self.ended = False

    async def fill(self, source: AsyncIterator[bytes]) -> None:
        """Read until the client closes its side; pause while the inbox is full."""
        async for data in source:
            self._waiting.append(data)
            self._size += len(data)
            self._bell.set()
            if len(self._waiting) >= self._limits.backlog or self._size >= self._limits.backlog_bytes:
                self._room.clear()
                await self._room.wait()
        self.ended = True
        self._bell.set()

    def take(self) -> list[bytes]:
        """All that waits."""
        taken = list(self._waiting)
        self._waiting.clear()
        self._size = 0
        self._room.set()
        return taken


class Session:
    """One stream of one authorized client."""

    def __init__(
        self,
        client: Client,
        conversation: Conversation,
        fleet: Fleet,
        *,
        behind: Latest[bool],
        limits: Limits,
        clock: Clock,
    ) -> None:
        """`behind`: whether others may know a newer world than what is published here."""
        self._client = client
        self._conversation = conversation
        self._fleet = fleet
        self._behind = behind
        self._limits = limits
        self._clock = clock
        self._bell = asyncio.Event()
        self._ending: Ending | None = None
        self._doubts = behind.value
        """Whether we were behind when the stream began, and are still: the client may come from who is not."""
        self._is_ahead = False
        """The client came with versions that we do not know."""

    def end(self, code: grpc.StatusCode, why: str) -> None:
        """End the stream soon. The first reason counts."""
        self._ending = self._ending or Ending(code, why)
        self._bell.set()

    def hear(self, said: Said) -> None:
        """Take a request in; the first one, before `run`."""
        if said.node.id not in ("", self._client.proxy.node_id):
            self.end(grpc.StatusCode.INVALID_ARGUMENT, "node.id changed within the stream")
            return
        try:
            heard = said.take_in()
        except ProtocolError as error:
            self.end(*ending_of(error))
            return
        if self._doubts and isinstance(heard, Returned):
            self._is_ahead = self._is_ahead or not self._fleet.knows(self._client.proxy, heard)
        self._fleet.heard(self._client.proxy, heard)

    async def run(self, snapshots: Latest[Snapshot | None]) -> Ending | None:
        """Serve until the client closes its side (None) or the stream must end."""
        inbox = Inbox(self._limits, self._bell)
        async with asyncio.TaskGroup() as tasks:
            helpers = [
                tasks.create_task(inbox.fill(self._client.requests), name="requests"),
                tasks.create_task(self._ring_for(snapshots, snapshots.version), name="snapshots"),
            ]
            if self._doubts:
                helpers.append(tasks.create_task(self._ring_for(self._behind, self._behind.version), name="behind"))
            try:
                return await self._serve(inbox, snapshots)
            finally:
                for helper in helpers:
                    helper.cancel()

    async def _serve(self, inbox: Inbox, snapshots: Latest[Snapshot | None]) -> Ending | None:
        while self._ending is None:
            self._bell.clear()
            await self._send(self._due(snapshots.value))
            if inbox.ended:
                return self._ending
            await self._wait()
            self._hear_all(inbox.take())
        return self._ending

    async def _wait(self) -> None:
        deadline = self._conversation.deadline
        if deadline is None:
            await self._bell.wait()
            return
        alarm = self._clock.call_later(max(0.0, deadline - self._clock.monotonic()), self._bell.set)
        try:
            await self._bell.wait()
        finally:
            alarm.cancel()

    async def _ring_for[T](self, source: Latest[T], version: int) -> None:
        while True:
            version, _ = await source.newer_than(version)
            self._bell.set()

    def _due(self, snapshot: Snapshot | None) -> Snapshot | None:
        """What the client should have. Nothing, while it is ahead: it would lose what it got where we come to be."""
        self._doubts = self._doubts and self._behind.value
        return None if self._doubts and self._is_ahead else snapshot

    def _hear_all(self, requests: Iterable[bytes]) -> None:
        """Up to the first that ends the stream."""
        for data in requests:
            try:
                self.hear(self._conversation.read(data))
            except (Malformed, ProtocolError) as error:
                self.end(*ending_of(error))
            if self._ending:
                return

    async def _send(self, snapshot: Snapshot | None) -> None:
        """Send what the client may have now. Without a snapshot, silence: an empty world would take all it has."""
        if snapshot is None or self._ending:
            self._fleet.fell_behind(self._client.proxy)
            return
        try:
            for response, encode in self._conversation.speak(snapshot, now=self._clock.monotonic()):
                self._fleet.fell_behind(self._client.proxy)  # before the write, which may never end
                async with self._client.room.bytes_of(encode) as data, Limit(self._limits.write, self._clock):
                    await self._client.write(data)
                self._fleet.meter.sent(response.type, len(response.resources), len(data))
        except ProtocolError as error:
            self.end(*ending_of(error))
        except TimeoutError:
            self.end(grpc.StatusCode.DEADLINE_EXCEEDED, f"a response was not read for {self._limits.write:g} s")
        if self._conversation.in_sync:
            self._fleet.caught_up(self._client.proxy, snapshot)
        else:
            self._fleet.fell_behind(self._client.proxy)
