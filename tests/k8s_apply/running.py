"""Run something beside a test, end it with the test, and wait for what needs many turns of the loop but no time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from tests.flow.virtual_clock import settle


@asynccontextmanager
async def running(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run these until the block ends; what they raise fails the test."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in work]
        await settle()
        yield
        for task in tasks:
            task.cancel()


async def turns_until(happened: Callable[[], bool], *, at_most: int = 100_000) -> None:
    """Let the loop turn, without time passing, until `happened`."""
    for _ in range(at_most):
        if happened():
            return
        await asyncio.sleep(0)
    raise AssertionError(f"it has not happened within {at_most} turns")
