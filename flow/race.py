"""Work against time, and work against a condition: whichever loses is cancelled and waited for."""

import asyncio
import math
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any

from flow.clock import Clock
from flow.latest import Latest


class Limit:
    """A block that is cancelled, and raises `TimeoutError`, if it takes longer than `seconds` by `clock`."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock
        self._timeout = asyncio.timeout(None)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()
        self._alarm = self._clock.call_later(self._seconds, partial(self._timeout.reschedule, -math.inf))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._alarm.cancel()
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            raise TimeoutError(f"no answer within {self._seconds:g} seconds") from error


async def within[T](seconds: float, work: Coroutine[Any, Any, T], clock: Clock) -> T:
    """Await `work`; raise `TimeoutError` if it takes longer than `seconds` by `clock`. Cancel-safe."""
    async with Limit(seconds, clock):
        return await work


async def newer_within[T](source: Latest[T], version: int, seconds: float, clock: Clock) -> bool:
    """Wait until a value newer than `version` comes, for `seconds` at most; return whether it came. Cancel-safe."""
    with suppress(TimeoutError):
        async with Limit(seconds, clock):
            await source.newer_than(version)
    return source.version > version


async def while_true(gate: Latest[bool], work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run `work` whenever `gate` is true, and cancel it as soon as it turns false; again and again, until cancelled.

    Work that returns by itself is started anew only after the gate has been false. What it raises ends this too.
    """
    while True:
        await gate.until(True)
        task = asyncio.ensure_future(work())  # noqa: TID251
        closed = asyncio.ensure_future(gate.until(False))  # noqa: TID251
        try:
            await asyncio.wait({task, closed}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
                await closed
        finally:
            await _end(task, closed)


async def anew(bell: Latest[int], work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run `work`, and whenever `bell` rings, cancel it and begin again; until it returns or raises, or is cancelled.

    What runs after a ring began after it.
    """
    while True:
        rung = asyncio.ensure_future(bell.newer_than(bell.version))  # noqa: TID251 (ended below, whatever happens)
        task = asyncio.ensure_future(work())  # noqa: TID251
        try:
            await asyncio.wait({task, rung}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
                return
        finally:
            await _end(task, rung)


async def _end(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
