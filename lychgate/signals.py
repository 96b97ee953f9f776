"""SIGINT and SIGTERM → an orderly end."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any


async def until_told(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` until SIGINT or SIGTERM, then cancel it and wait for its end. Further signals change nothing."""
    loop = asyncio.get_running_loop()
    told = False

    def stop(task: asyncio.Task[None]) -> None:
        nonlocal told
        if not told:
            told = True
            task.cancel()

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(work, name="everything")
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop, task)
