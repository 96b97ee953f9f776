"""All in a process of a cluster that follows the source, up to the wishes: nothing is served, and nothing written."""

import asyncio
from collections.abc import Coroutine
from typing import Self

from flow.latest import Latest
from gateway_api.graph.types import GraphSettings
from gateway_api.ir.fleet import FleetReport, GatewayFleet
from gateway_api.status.observed import RememberedRefusals
from k8s_watch.snapshot import ClusterSnapshot
from lychgate.controller import Controller, Feedback, Sinks, changes_allowance
from lychgate.in_cluster.observing import Observer
from lychgate.telemetry.metrics import Metrics
from tests.flow.virtual_clock import VirtualClock
from tests.k8s_apply.fake_writer import FakeWriter
from tests.k8s_apply.gateways import SETTINGS
from tests.k8s_apply.site import Site
from tests.lychgate.writers import writers_of
from xds_server.snapshot.cache import SnapshotCache

TURNS = 12
"""Of the loop, after which all that a snapshot changes at once has happened: it takes five, and `settle` costs more CPU
than a small change."""


class Handed:
    """A source whose snapshots are handed to it."""

    def __init__(self, cluster: ClusterSnapshot) -> None:
        self.cluster = cluster
        self.revision = Latest(0)

    def snapshot(self) -> ClusterSnapshot:
        return self.cluster

    async def run(self) -> None:
        raise NotImplementedError


class Follower:
    """Follows, while the block lasts. A proxy of every Gateway that is there at first has acknowledged everything."""

    def __init__(self, cluster: ClusterSnapshot) -> None:
        self._clock = clock = VirtualClock()
        self._source = Handed(cluster)
        writers = writers_of(Site(clock, FakeWriter(clock)))
        self._observer = Observer(writers, SETTINGS, nodes=Latest(None), bundles=Latest(None))
        fleet = FleetReport({key: GatewayFleet(connected=1, acked=1) for key in cluster.gateways})
        self._controller = Controller(
            self._source,
            SnapshotCache(),
            feedback=Feedback(Latest(fleet), self._observer.report, RememberedRefusals(GraphSettings())),
            sinks=Sinks(writers.infra, writers.statuses),
            settings=GraphSettings(),
            hold_off=changes_allowance(1.0, 1.0),
            metrics=Metrics(),
            clock=clock,
        )
        self._loop = asyncio.new_event_loop()
        self._running = self._loop.create_task(self._run())

    def __enter__(self) -> Self:
        self.follow(self._source.cluster)
        return self

    def __exit__(self, *_: object) -> None:
        self._running.cancel()
        self._loop.run_until_complete(asyncio.wait([self._running]))
        self._loop.close()

    def follow(self, cluster: ClusterSnapshot) -> None:
        """Go through all that this changes, until nothing moves any more."""
        self.hear(cluster)
        self.rest()

    def hear(self, cluster: ClusterSnapshot) -> None:
        """Go through what this changes at once: all but the statuses, if there were some a moment ago."""
        self._source.cluster = cluster
        self._source.revision.publish(cluster.revision)
        self._until(_turned())

    def rest(self) -> None:
        """Go through all else."""
        self._until(self._clock.advance(5))

    def _until(self, done: Coroutine[None, None, None]) -> None:
        self._loop.run_until_complete(done)
        assert not self._running.done()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._controller.run())
            tasks.create_task(self._observer.run(self._controller.steps))


async def _turned() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)
