"""Cut off from the API server while another replica is not → our proxies go to that one.

Silence is safe, for a while: proxies that hear nothing for hours send requests to addresses that are somebody else's by
then. But who knows no better place for them keeps them, also those that come: alone, or when all replicas are cut off,
an old world is the best that there is, and to take connections away would be one more thing that can go wrong in an
outage. So nothing is done before another replica has said that it is current (ADR 21).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import aiohttp
import structlog

from flow.clock import Clock
from flow.latest import Latest
from flow.race import while_true
from lychgate.telemetry.endpoints import CURRENT, YES

GRACE = 60.0
"""Seconds for which another has to be current, and we not: of two that an outage cut off, one may read again half a
minute before the other."""
LOOKS = 10.0
"""Seconds between two questions to the other replicas."""
ROUNDS = 60.0
"""Seconds from when we are not ready to when our proxies are sent away, and then again, for who came back: so long at
most our Service takes to lead nobody here any more."""
PATIENCE = 5.0
"""Seconds for an answer of another replica."""

_GOING = "not ready: another replica is not cut off from the API server, our proxies are sent there"
_STAYING = "ready again: no other replica is current any more, our proxies stay"

log = structlog.get_logger("lychgate.in_cluster.giving_way")


async def give_way(
    giving_way: Latest[bool],
    *,
    behind: Latest[bool],
    is_another_current: Callable[[], Awaitable[bool]],
    send_away: Callable[[], None],
    clock: Clock,
) -> None:
    """Keep `giving_way` true while we are `behind` and another replica is current, for some time now; call `send_away`
    in rounds meanwhile. Runs until cancelled.
    """

    async def look() -> None:
        until = clock.monotonic() + GRACE
        try:
            while True:
                now, another_is_current = clock.monotonic(), await is_another_current()
                if not another_is_current:
                    until = now + GRACE
                if giving_way.publish(another_is_current and now >= until):
                    log.warning(_GOING if giving_way.value else _STAYING)
                await clock.sleep(LOOKS)
        finally:
            giving_way.publish(False)

    async def go_round() -> None:
        while True:
            await clock.sleep(ROUNDS)
            send_away()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(while_true(behind, look), name="looking for another")
        tasks.create_task(while_true(giving_way, go_round), name="sending away")


async def is_one_current(replicas: Iterable[str]) -> bool:
    """Ask the replicas whose health is at these `host:port`, of which we may be one: whether any is ready and not
    behind. Who does not answer as we would is none: addresses that were read last may have come to be others'.
    """
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE)) as session:
        return any(await asyncio.gather(*(_is_current(session, replica) for replica in replicas)))


async def _is_current(session: aiohttp.ClientSession, replica: str) -> bool:
    try:
        async with session.get(f"http://{replica}{CURRENT}", allow_redirects=False) as answer:
            return answer.status == 200 and await answer.content.read(2 * len(YES)) == YES
    except (aiohttp.ClientError, OSError):
        return False
