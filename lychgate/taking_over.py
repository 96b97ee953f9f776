"""The Lease is ours → we write: not before what we know is as new as that.

A replica that was cut off from the API server may get the Lease in the moment in which it is back, and knows nothing
yet of what the last leader did meanwhile. Its own wish is older than that leader's infrastructure (ADR 20).
"""

import structlog

from flow.latest import Latest, reached
from flow.race import while_true
from k8s_apply.kinds import DECISIVE
from k8s_watch.cluster import Cluster

log = structlog.get_logger("lychgate.taking_over")


async def take_over(*, leading: Latest[bool], writing: Latest[bool], cluster: Cluster, followed: Latest[int]) -> None:
    """Keep `writing` true while we lead and our wishes are of a world that was read since; until cancelled.

    `followed` is the revision of `cluster` that the wishes follow. Needs `cluster.run` beside it.
    """

    async def lead() -> None:
        try:
            await reached(followed, await cluster.catch_up(DECISIVE))
            log.info("started writing statuses and infrastructure")
            writing.publish(True)
            await leading.until(False)
        finally:
            writing.publish(False)

    await while_true(leading, lead)
