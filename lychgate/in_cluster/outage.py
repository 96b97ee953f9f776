"""How reading each kind goes → whether the world that we serve may be an old one."""

from collections.abc import Callable, Iterable

import structlog

from flow.clock import Clock
from flow.latest import Latest
from k8s_watch.informer import KindHealth

log = structlog.get_logger("lychgate.in_cluster.outage")

LOOKS = 1.0
"""Seconds between two looks, while nothing can be read or we are behind."""
TOLERATED = 5.0
"""Seconds in which nothing can be read and little is missed."""
REMINDER = 300.0
"""Seconds between two lines about one outage."""
CATCHING_UP = 10.0
"""Seconds, from when the first kind can be read again, until we have what we missed."""


async def mind_outages(health: Callable[[], Iterable[KindHealth]], behind: Latest[bool], clock: Clock) -> None:
    """Say on `behind` whether we are cut off from the API server, or were just now. Runs until cancelled.

    One kind that cannot be read while others can is no such thing: it may stay so for days, and what we say of all
    others, endpoints above all, is as new as can be.
    """
    until = told_at = float("-inf")
    while True:
        now = clock.monotonic()
        readable = [kind.failing_since for kind in health() if not kind.not_served]
        since = [failing for failing in readable if failing is not None]
        cut_off = bool(readable) and len(since) == len(readable)
        if cut_off and now - max(since) > TOLERATED:
            until = now + CATCHING_UP
            if now >= told_at + REMINDER:
                told_at, cut_off_for = now, round(now - max(since))
                log.warning("cut off from the API server, what was read last is served", seconds=cut_off_for)
        if behind.publish(now < until) and not behind.value:
            told_at = float("-inf")
            log.info("no longer cut off from the API server")
        # From a moment in which something can be read, it is as long until we are behind at the soonest.
        await clock.sleep(LOOKS if cut_off or behind.value else TOLERATED)
