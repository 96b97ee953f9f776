"""The Lease is ours → we write: not before what we know is as new as that.

A replica that was cut off from the API server may get the Lease in the moment in which it is back, and knows nothing
yet of what the last leader did meanwhile. Its own wish is older than that leader's infrastructure (ADR 20). One that
cannot get to know it leaves the Lease to another, and so does one that led and is cut off now, while the other is not.
"""

import asyncio

import structlog

from flow.clock import Clock
from flow.latest import Latest, reached
from flow.race import while_true
from k8s_apply.kinds import DECISIVE
from k8s_watch.cluster import Cluster

PATIENCE = 30.0
"""Seconds for which we keep the Lease, and everybody else from it, though we cannot read what we have to know."""

log = structlog.get_logger("lychgate.in_cluster.taking_over")


async def take_over(
    *,
    leading: Latest[bool],
    writing: Latest[bool],
    eligible: Latest[bool],
    giving_way: Latest[bool],
    cluster: Cluster,
    followed: Latest[int],
    clock: Clock,
) -> None:
    """Keep `writing` true while we lead and our wishes are of a world that was read since; until cancelled.

    `followed` is the revision of `cluster` that the wishes follow. `eligible` is made false where a decisive kind stays
    unreadable, and when `giving_way` turns true; and true again once all can be read. Needs `cluster.run` beside it.
    """
    barred = Latest(initial=False)

    async def lead() -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                patience = tasks.create_task(lose_patience())
                await reached(followed, await cluster.catch_up(DECISIVE))
                patience.cancel()
            log.info("started writing statuses and infrastructure")
            writing.publish(True)
            await leading.until(False)
        finally:
            writing.publish(False)

    async def lose_patience() -> None:
        while True:
            await clock.sleep(PATIENCE)
            unread = [kind for kind in cluster.health() if kind.kind in DECISIVE and not kind.conceded]
            errors = {kind.kind: kind.error for kind in unread if kind.error}
            if errors and barred.publish(True):
                log.error("nothing is written: Gateways, their classes or ListenerSets cannot be read", errors=errors)

    async def bar() -> None:
        barred.publish(True)

    async def recover() -> None:
        eligible.publish(False)
        await cluster.catch_up(DECISIVE)
        eligible.publish(True)
        barred.publish(False)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(while_true(leading, lead), name="leading")
        tasks.create_task(while_true(giving_way, bar), name="giving way")
        tasks.create_task(while_true(barred, recover), name="barred")
