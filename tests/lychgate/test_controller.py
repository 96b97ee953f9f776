"""The controller follows changes at once while that is cheap, and together when it is not."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

import msgspec
import pytest

from flow.latest import Latest
from gateway_api.graph.types import GraphSettings
from gateway_api.ir.fleet import FleetReport
from gateway_api.ir.infra import InfraIR, InfraReport
from gateway_api.status.observed import RememberedRefusals
from gateway_api.status.types import Statuses
from k8s_watch.keys import ObjectKey
from k8s_watch.snapshot import ClusterSnapshot
from lychgate.controller import Controller, Feedback, Sinks, changes_allowance
from lychgate.telemetry.metrics import Metrics
from tests.flow.virtual_clock import VirtualClock
from xds_server.snapshot.cache import SnapshotCache


class Source:
    """An empty world that changes."""

    def __init__(self) -> None:
        self.revision = Latest(0)
        self._last = ClusterSnapshot(revision=0)

    def snapshot(self) -> ClusterSnapshot:
        self._last = msgspec.structs.replace(self._last, revision=self.revision.value)
        return self._last

    async def run(self) -> None:
        raise NotImplementedError


class Spending:
    """Both sinks; each pass of the controller comes to it, at a cost."""

    def __init__(self, clock: VirtualClock, cost: float) -> None:
        self._clock, self._cost = clock, cost
        self.passes = 0

    def want(self, wish: Mapping[ObjectKey, InfraIR], /, *, keep: Collection[ObjectKey] = ()) -> None:
        self.passes += 1
        self._clock.spent += self._cost


class NoStatuses:
    def want(self, statuses: Statuses, /, changed: Any = None) -> None:
        pass


@pytest.mark.parametrize(("cost", "least", "most"), [(0.0, 100, 100), (0.05, 5, 30)])
async def test_changes_are_followed_together_when_each_costs_much(cost: float, least: int, most: int) -> None:
    """A hundred in a second and a half, at CPU seconds each."""
    clock, source = VirtualClock(), Source()
    infra = Spending(clock, cost)
    controller = Controller(
        source,
        SnapshotCache(),
        feedback=Feedback(Latest(FleetReport()), Latest(InfraReport()), RememberedRefusals(GraphSettings())),
        sinks=Sinks(infra, NoStatuses()),
        settings=GraphSettings(),
        hold_off=changes_allowance(0.1, 0.5),
        metrics=Metrics(),
        clock=clock,
    )
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(controller.run())
        await clock.advance(0)
        for _ in range(100):
            source.revision.publish(source.revision.value + 1)
            await clock.advance(0.015)
        await clock.advance(1)
        assert controller.followed.value == 100
        running.cancel()
    assert least <= infra.passes <= most
