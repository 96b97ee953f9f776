"""A single-slot mailbox: readers always see the newest value, never a backlog."""

import asyncio


class Latest[T]:
    """The newest value of something, with a version that counts publishes.

    A slow reader skips intermediate values; it never delays the writer.
    """

    def __init__(self, initial: T) -> None:
        self._value = initial
        self._version = 0
        self._changed = asyncio.Event()

    @property
    def version(self) -> int:
        """How many times `publish` changed the value; 0 before the first."""
        return self._version

    @property
    def value(self) -> T:
        """The newest value."""
        return self._value

    def publish(self, value: T) -> bool:
        """Replace the value; return False and wake nobody if it equals the old one."""
        if value is self._value or value == self._value:
            return False
        self._value = value
        self._version += 1
        # One event a version: whoever waits holds the old event, so nobody can miss the change or see it twice.
        woken, self._changed = self._changed, asyncio.Event()
        woken.set()
        return True

    async def newer_than(self, version: int) -> tuple[int, T]:
        """Wait until `version` is surpassed, then return the newest (version, value).

        Cancel-safe: a cancelled wait consumes nothing.
        """
        while self._version <= version:
            await self._changed.wait()
        return self._version, self._value

    async def until(self, wanted: T) -> None:
        """Wait until the value equals `wanted`. A value that was only passed through may be missed."""
        while self._value != wanted:
            await self._changed.wait()


async def reached(source: Latest[int], value: int) -> None:
    """Wait until a number that only grows is `value` or more. Cancel-safe."""
    while source.value < value:
        await source.newer_than(source.version)


async def ring[T](bell: Latest[int], source: Latest[T]) -> None:
    """Count every change of `source` on `bell`, so that one reader can wait for many sources. Runs until cancelled.

    What changed before this began counts, too: whoever published meanwhile must be heard.
    """
    version = 0
    while True:
        version, _ = await source.newer_than(version)
        bell.publish(bell.value + 1)
