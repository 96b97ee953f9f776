"""SIGINT, SIGTERM and SIGHUP → an orderly end."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any


async def until_told(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` until SIGINT, SIGTERM or SIGHUP, then cancel it and wait for its end. Further ones change nothing.

    SIGHUP, which comes when a terminal goes, stays ignored where that was asked for: `nohup lychgate run`.
    """
    loop = asyncio.get_running_loop()
    told = False
    numbers = [
        number
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN
    ]

    def stop(task: asyncio.Task[None]) -> None:
        nonlocal told
        if not told:
            told = True
            task.cancel()

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(work, name="everything")
        for number in numbers:
            loop.add_signal_handler(number, stop, task)
    for number in numbers if told else ():
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_IGN)  # the interpreter takes a moment to end
