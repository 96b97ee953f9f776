"""Nodes → the addresses at which Gateways are reached whose proxies' Services are of type NodePort."""

from collections import defaultdict
from collections.abc import Mapping, Set

import structlog

from flow.clock import Clock
from flow.latest import Latest
from k8s_apply.infra.names import selector_of_ours
from k8s_apply.infra.observed import Nodes
from k8s_apply.infra.settings import InfraSettings
from k8s_watch.api import ApiError, KubeReader
from k8s_watch.keys import ObjectKey
from k8s_watch.kinds import NODE, PLACED_SLICE
from k8s_watch.listing import readable
from k8s_watch.objects.core import Node
from k8s_watch.slices import SERVICE_LABEL
from k8s_watch.trouble import REMEDY

PAUSE = 60.0
"""Seconds between two looks: proxies may move to other nodes with each rollout."""
SOON = 2.0
"""Seconds after one that failed."""
TRIES = 3
"""Failures in a row, from which on a refusal is believed, and nobody waits any longer: a server that starts up forbids
for a moment."""

log = structlog.get_logger("lychgate.in_cluster.nodes")


async def look_at_nodes(
    api: KubeReader, found: Latest[Nodes | None], looked: Latest[bool], *, settings: InfraSettings, clock: Clock
) -> None:
    """Publish where the nodes are, at once and every minute again; None for want of permission. What was found stays
    through an outage, of which there is one line. `looked` is true from the first answer on, or after a few tries. Runs
    until cancelled.
    """
    failures = 0
    denied: bool | None = None
    """Whether it was said that nobody may, or else that it does not work; None when neither was."""
    while True:
        try:
            found.publish(await _nodes(api, settings))
            if denied is not None:
                log.info("nodes are listed again")
            failures, denied = 0, None
        except (ApiError, OSError) as error:
            failures += 1
            if failures >= TRIES:
                said, denied = denied, isinstance(error, ApiError) and error.is_forbidden
                if denied:
                    found.publish(None)
                if denied is not said:
                    _warn(error, denied=denied)
        is_known = not 0 < failures < TRIES
        if is_known:
            looked.publish(True)
        await clock.sleep(PAUSE if is_known else SOON)


def _warn(error: ApiError | OSError, *, denied: bool) -> None:
    if denied:
        log.warning("no permission to list nodes, Gateways show ClusterIPs", error=str(error), remedy=REMEDY)
    else:
        log.warning("nodes cannot be listed, Gateways keep the addresses that they have", error=str(error))


async def _nodes(api: KubeReader, settings: InfraSettings) -> Nodes:
    addresses = {node.metadata.name: _addresses(node) async for node in readable(api, NODE) if _is_ready(node)}
    return Nodes(addresses, await _proxies(api, settings) if settings.external_traffic_policy == "Local" else None)


async def _proxies(api: KubeReader, settings: InfraSettings) -> Mapping[ObjectKey, Set[str]]:
    ours = PLACED_SLICE._replace(selector=selector_of_ours(settings))
    found: defaultdict[ObjectKey, set[str]] = defaultdict(set)
    async for one in readable(api, ours):
        service = ObjectKey(one.metadata.namespace, one.metadata.labels.get(SERVICE_LABEL, ""))
        found[service].update(of.node_name for of in one.endpoints if of.node_name and of.conditions.ready is not False)
    return found


def _is_ready(node: Node) -> bool:
    return any((each.type, each.status) == ("Ready", "True") for each in node.status.conditions)


def _addresses(node: Node) -> tuple[str, ...]:
    of_type = {
        kind: tuple(each.address for each in node.status.addresses if each.type == kind)
        for kind in ("ExternalIP", "InternalIP")
    }
    return of_type["ExternalIP"] or of_type["InternalIP"]
