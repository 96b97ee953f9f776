"""Hold-off: the first change goes at once, a burst is gathered, and nothing waits longer than a ceiling."""

import asyncio

from flow.clock import Clock
from flow.latest import Latest


async def settled[T](
    source: Latest[T], after: int, *, since: float, quiet: float, at_most: float, clock: Clock
) -> tuple[int, T]:
    """Wait for a value newer than `after`; then, inside a burst, for `quiet` seconds without a newer one.

    `since` is when the reader took its last value (`clock.monotonic()`, seconds). A change that comes more than
    `quiet` after it is a leading edge and returns without waiting. Otherwise changes are gathered until they pause
    for `quiet` seconds, and for `at_most` seconds after the first of them at the latest. Cancel-safe.
    """
    version, value = await source.newer_than(after)
    first = clock.monotonic()
    if first - since > quiet:
        return version, value
    while (left := first + at_most - clock.monotonic()) > 0:
        if not await newer_within(source, version, min(quiet, left), clock):
            break
        version, value = source.version, source.value
    return source.version, source.value


async def newer_within[T](source: Latest[T], version: int, seconds: float, clock: Clock) -> bool:
    """Wait until a value newer than `version` comes, for `seconds` at most; return whether it came. Cancel-safe."""
    newer = asyncio.ensure_future(source.newer_than(version))  # noqa: TID251 (ended below, whatever happens)
    pause = asyncio.ensure_future(clock.sleep(seconds))  # noqa: TID251
    try:
        await asyncio.wait({newer, pause}, return_when=asyncio.FIRST_COMPLETED)
        return newer.done()
    finally:
        newer.cancel()
        pause.cancel()
