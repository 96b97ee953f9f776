"""A warning: Gateways, and no GatewayClass of ours. It looks like a cluster without work, and no condition says so."""

import structlog

from flow.latest import Latest
from lychgate.pipeline import Step

NAMED = 5
"""GatewayClasses in a line, at most."""

log = structlog.get_logger("lychgate.remarks.unclaimed")


async def warn_of_unclaimed(steps: Latest[Step | None], controller_name: str) -> None:
    """Follow the steps: one warning when there are Gateways and no GatewayClass has our name, and one more when that is
    so again. Runs until cancelled."""
    version, told = 0, False
    while True:
        version, done = await steps.newer_than(version)
        if done is None:
            continue
        unclaimed = bool(done.cluster.gateways) and not done.graph.gateway_classes
        if unclaimed and not told:
            classes = sorted(done.cluster.gateway_classes.values(), key=lambda one: one.key)
            log.warning(
                "no Gateway is served: no GatewayClass has our controllerName",
                ours=controller_name,
                theirs={one.metadata.name: one.spec.controller_name for one in classes[:NAMED]},
                remedy="set controllerName (LYCHGATE_CONTROLLER_NAME) to that of the class, or make one with ours",
            )
        told = unclaimed
