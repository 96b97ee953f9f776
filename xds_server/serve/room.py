"""Large responses on their way to the proxies of one Gateway: a herd costs time, not memory."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from flow.clock import Clock

LARGE = 256 * 1024
"""Bytes. Smaller responses take no room: thousands of streams at once hold no more than their connections do."""


class Room:
    """For `limit` bytes at once, or for a single response that is larger. Who waits holds no bytes.

    A client that takes longer than `patience` seconds keeps its bytes and loses its place: proxies that stall together
    hold the others up so long for each `limit`, and no longer. A client that still has not read it at `Limits.write`
    leaves it with gRPC until it does, or is gone: one response for each place that its Gateway has.
    """

    def __init__(self, clock: Clock, *, limit: int = 64 * 1024 * 1024, patience: float = 5.0) -> None:
        self._clock = clock
        self._limit = limit
        self._patience = patience
        self._taken: dict[object, int] = {}
        """Place → bytes."""
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def bytes_of(self, encode: Callable[[], bytes]) -> AsyncIterator[bytes]:
        """What `encode` returns, with room for it while the block lasts. First come, first served."""
        data = encode()
        if (size := len(data)) < LARGE:
            yield data
            return
        place = object()
        if self._turn.locked() or not self._fits(size):
            del data
            async with self._turn:
                while not self._fits(size):
                    self._freed.clear()
                    await self._freed.wait()
            data = encode()
        self._taken[place] = size
        lapse = self._clock.call_later(self._patience, partial(self._leave, place))
        try:
            yield data
        finally:
            lapse.cancel()
            self._leave(place)

    def _fits(self, size: int) -> bool:
        return not self._taken or sum(self._taken.values()) + size <= self._limit

    def _leave(self, place: object) -> None:
        self._taken.pop(place, None)
        self._freed.set()
