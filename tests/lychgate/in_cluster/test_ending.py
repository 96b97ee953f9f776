"""How a replica of the control plane goes: the proxies that it still has must not notice."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import grpc
import grpc.aio

from flow.clock import SystemClock
from tests.lychgate.replicas import addresses, begin, move, one_route, replica


class WaitsToBeTold(SystemClock):
    """Real time, in which what takes more than a second takes until the test says so: the drain, for instance."""

    def __init__(self) -> None:
        self.over = asyncio.Event()

    async def sleep(self, seconds: float, /) -> None:
        await (self.over.wait() if seconds > 1 else asyncio.sleep(seconds))


async def test_whoever_waits_to_be_sent_away_hears_of_every_change(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    """Case 32: the endpoints of a rollout that goes on meanwhile would get requests when they are long gone."""
    server, clock = one_route(), WaitsToBeTold()
    async with (
        replica(server, tmp_path, free_port(), clock=clock) as doors,
        grpc.aio.secure_channel(doors.xds, doors.credentials) as channel,
    ):
        await doors.until_answered("ok\n")
        streams = [await begin(channel) for _ in range(2)]
        doors.running.cancel()
        endings = {stream: asyncio.ensure_future(stream.ending()) for stream in streams}  # noqa: TID251
        await asyncio.wait(endings.values(), return_when=asyncio.FIRST_COMPLETED)
        (left,) = (stream for stream, ending in endings.items() if not ending.done())
        move(server, "10.0.0.2")
        assert await addresses(left) == ["10.0.0.2"]
        clock.over.set()
        assert {await ending for ending in endings.values()} == {grpc.StatusCode.UNAVAILABLE}
