"""Time as the stages see it. Every duration is in seconds."""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Protocol


class Alarm(Protocol):
    """What will happen, unless it is cancelled before."""

    def cancel(self) -> None:
        """Have it not happen. Nothing if it has already."""
        ...


class Clock(Protocol):
    """A source of time and chance; tests pass one they control."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never goes back."""
        ...

    def now(self) -> float:
        """Seconds since 1970, UTC. For stamps only, never for measuring."""
        ...

    def cpu(self) -> float:
        """Seconds of CPU that this process has used."""
        ...

    def jitter(self) -> float:
        """A number in [0, 1) to spread retries with."""
        ...

    async def sleep(self, seconds: float, /) -> None:
        """Wait. Cancel-safe."""
        ...

    def call_later(self, seconds: float, then: Callable[[], object], /) -> Alarm:
        """Have the loop call `then` when so many seconds have passed. For who must not cost a task; else `sleep`."""
        ...


class SystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> float:
        return time.time()

    def cpu(self) -> float:
        return time.process_time()

    def jitter(self) -> float:
        return random.random()

    async def sleep(self, seconds: float, /) -> None:
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, then: Callable[[], object], /) -> Alarm:
        return asyncio.get_running_loop().call_later(seconds, then)
