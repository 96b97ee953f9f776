"""Large responses on their way take bounded memory, and who stalls holds nobody up for long."""

import asyncio

from tests.flow.virtual_clock import VirtualClock
from xds_server.serve.room import LARGE, Room


class Herd:
    """Clients that are each sent a large response, and read it when they are told to."""

    def __init__(self, room: Room, tasks: asyncio.TaskGroup, clients: int) -> None:
        self.held = 0
        self.most = 0
        self.read = 0
        self.reads = asyncio.Event()
        self.started: asyncio.Queue[None] = asyncio.Queue()
        self.tasks = [tasks.create_task(self._client(room)) for _ in range(clients)]

    async def _client(self, room: Room) -> None:
        async with room.bytes_of(lambda: bytes(LARGE)) as data:
            self.held += len(data)
            self.most = max(self.most, self.held)
            self.started.put_nowait(None)
            await self.reads.wait()
            self.held -= len(data)
            self.read += 1


async def test_a_herd_is_served_a_few_at_a_time() -> None:
    """Case 30b: what is under way has a bound."""
    async with asyncio.TaskGroup() as tasks:
        herd = Herd(Room(VirtualClock(), limit=3 * LARGE), tasks, 20)
        for _ in range(3):
            await herd.started.get()
        herd.reads.set()
    assert (herd.read, herd.most) == (20, 3 * LARGE)


async def test_what_is_larger_than_the_room_goes_alone() -> None:
    async with asyncio.TaskGroup() as tasks:
        herd = Herd(Room(VirtualClock(), limit=1), tasks, 3)
        herd.reads.set()
    assert (herd.read, herd.most) == (3, LARGE)


async def test_clients_that_stall_lose_their_place() -> None:
    """Case 30b: they hold nobody up."""
    clock = VirtualClock()
    async with asyncio.TaskGroup() as tasks:
        herd = Herd(Room(clock, limit=LARGE, patience=5), tasks, 3)
        for _ in range(3):
            await herd.started.get()
            await clock.advance(5)
        herd.reads.set()


async def test_who_gives_up_waiting_takes_no_place() -> None:
    async with asyncio.TaskGroup() as tasks:
        herd = Herd(Room(VirtualClock(), limit=LARGE), tasks, 4)
        await herd.started.get()
        herd.tasks[1].cancel()
        herd.reads.set()
    assert herd.read == 3


async def test_small_responses_wait_for_nothing() -> None:
    room = Room(VirtualClock(), limit=1)
    async with room.bytes_of(lambda: bytes(LARGE)), room.bytes_of(lambda: b"small") as data:
        assert data == b"small"
