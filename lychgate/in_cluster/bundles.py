"""The CRDs of the Gateway API → of which version each is, for the statuses of GatewayClasses."""

from collections.abc import Mapping

import structlog

from flow.clock import Clock
from flow.latest import Latest
from k8s_watch.api import ApiError, KubeReader
from k8s_watch.kinds import CRD
from k8s_watch.listing import readable
from k8s_watch.objects.gateway import EXPERIMENTAL_GROUP, GROUP
from k8s_watch.trouble import REMEDY

VERSION = "gateway.networking.k8s.io/bundle-version"
"""The annotation. Spec: Gateway API v1.6 pkg/consts BundleVersionAnnotation"""
PAUSE = 600.0
"""Seconds between two looks."""
SOON = 10.0
"""Seconds after one that failed, or found none: they are on their way."""
DENIALS = 3
"""Since the last good look, after which they are believed: a server that starts up forbids for a moment."""

log = structlog.get_logger("lychgate.in_cluster.bundles")


async def look_at_bundles(api: KubeReader, found: Latest[Mapping[str, str] | None], *, clock: Clock) -> None:
    """Publish CRD → version, "" for none, at once and every ten minutes again; None for want of permission. What was
    found stays through an outage. Runs until cancelled.
    """
    denials = 0
    while True:
        try:
            bundles = await _bundles(api)
            found.publish(bundles)
            denials = 0
            pause = PAUSE if bundles else SOON
        except (ApiError, OSError) as error:
            denials += isinstance(error, ApiError) and error.is_forbidden
            if denials == DENIALS:
                found.publish(None)
                log.info("no permission to list CRDs, their version is unknown", error=str(error), remedy=REMEDY)
            pause = SOON if denials < DENIALS else PAUSE
        await clock.sleep(pause)


async def _bundles(api: KubeReader) -> Mapping[str, str]:
    return {
        crd.metadata.name: crd.metadata.annotations.get(VERSION, "")
        async for crd in readable(api, CRD)
        if crd.metadata.name.partition(".")[2] in (GROUP, EXPERIMENTAL_GROUP)
    }
