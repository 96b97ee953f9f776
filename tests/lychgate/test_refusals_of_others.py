"""Another replica, or an earlier process, wrote that proxies refuse a route: who heard none of them repeats it."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from flow.latest import Latest
from gateway_api.graph.types import GraphSettings
from gateway_api.ir.fleet import FleetReport, GatewayFleet
from gateway_api.ir.infra import InfraIR, InfraReport
from gateway_api.status.observed import RememberedRefusals
from gateway_api.status.types import RouteStatus, Statuses, StatusKey
from k8s_watch.cluster import Cluster
from k8s_watch.keys import ObjectKey
from k8s_watch.kinds import GATEWAY, GATEWAY_CLASS, HTTP_ROUTE
from lychgate.controller import Controller, Feedback, Sinks, changes_allowance
from lychgate.telemetry.metrics import Metrics
from tests.flow.virtual_clock import VirtualClock
from tests.k8s_watch.fake_api import FakeApi
from xds_server.snapshot.cache import SnapshotCache

NAME = "example.com/controller"
EG = ObjectKey("default", "eg")
ROUTE = StatusKey(kind="HTTPRoute", key=ObjectKey("default", "r"))
REFUSED = ("Accepted", "False", "RefusedByProxy", "Envoy refuses it: why")


class World:
    """A controller of Gateway `eg` with route `r`, of generation 3; its own proxies are `fleet`."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.api = FakeApi(self.clock)
        self.api.put(GATEWAY_CLASS, "ours", spec={"controllerName": NAME})
        listeners = [{"name": "http", "port": 80, "protocol": "HTTP"}]
        self.api.put(GATEWAY, "eg", spec={"gatewayClassName": "ours", "listeners": listeners})
        self.fleet: Latest[FleetReport] = Latest(FleetReport())
        self.wished: Mapping[StatusKey, Any] = {}
        self.changed: Collection[StatusKey] | None = None
        self._cluster = Cluster(self.api, clock=self.clock)
        settings = GraphSettings(controller_name=NAME)
        self._controller = Controller(
            self._cluster,
            SnapshotCache(),
            feedback=Feedback(self.fleet, Latest(InfraReport()), RememberedRefusals(settings)),
            sinks=Sinks(NoInfrastructure(), self),
            settings=settings,
            hold_off=changes_allowance(0.1, 0.5),
            metrics=Metrics(),
            clock=self.clock,
        )

    def want(self, statuses: Statuses, /, changed: Collection[StatusKey] | None = None) -> None:
        self.wished, self.changed = statuses, changed

    def route(
        self, *, generation: int = 3, refused: int | None = None, how: tuple[str, str, str, str] = REFUSED
    ) -> None:
        """Put the route, with a status that says that it was refused in this generation."""
        type_, status, reason, message = how
        condition = {"type": type_, "status": status, "reason": reason, "message": message}
        said = {**condition, "observedGeneration": refused, "lastTransitionTime": "2026-01-01T00:00:00Z"}
        entry = {"parentRef": {"name": "eg"}, "controllerName": NAME, "conditions": [said]}
        self.api.put(
            HTTP_ROUTE,
            "r",
            metadata={"generation": generation},
            spec={"parentRefs": [{"name": "eg"}]},
            status={"parents": [entry] if refused is not None else []},
        )

    async def hear(self, **fleet: Any) -> None:
        self.fleet.publish(FleetReport({EG: GatewayFleet(**fleet)}))
        await self.clock.advance(5)

    def accepted(self) -> tuple[str, str]:
        body = self.wished[ROUTE]
        assert isinstance(body, RouteStatus)
        [accepted, _] = body.parents[0].conditions
        return accepted.status, accepted.reason

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(part.run()) for part in (self._cluster, self._controller)]
            await self.clock.advance(5)
            yield
            for task in running:
                task.cancel()


class NoInfrastructure:
    """It is another matter."""

    def want(self, infra: Mapping[ObjectKey, InfraIR], /, *, keep: Collection[ObjectKey] = ()) -> None:
        pass


async def test_a_refusal_is_repeated_until_a_proxy_has_everything_from_us() -> None:
    world = World()
    world.route(refused=3)
    async with world.running():
        assert world.accepted() == ("False", "RefusedByProxy")
        await world.hear(connected=1)
        assert world.accepted() == ("False", "RefusedByProxy")
        await world.hear(connected=1, acked=1)
        assert world.accepted() == ("True", "Accepted")
        assert world.changed is not None
        assert ROUTE in world.changed


async def test_so_is_one_of_a_part_of_a_route() -> None:
    world = World()
    world.route(refused=3, how=("PartiallyInvalid", "True", "RefusedByProxy", "Dropped Rule(s) of a.com: why"))
    async with world.running():
        conditions = [(each.type, each.status) for each in world.wished[ROUTE].parents[0].conditions]
        assert conditions == [("Accepted", "True"), ("ResolvedRefs", "True"), ("PartiallyInvalid", "True")]
        await world.hear(connected=1, acked=1)
        assert world.accepted() == ("True", "Accepted")


async def test_a_refusal_that_another_replica_writes_meanwhile_is_repeated() -> None:
    world = World()
    world.route()
    async with world.running():
        assert world.accepted() == ("True", "Accepted")
        world.route(refused=3)
        await world.clock.advance(5)
        assert world.accepted() == ("False", "RefusedByProxy")
        assert world.changed is not None
        assert ROUTE in world.changed


@pytest.mark.parametrize(("generation", "refused"), [(3, 2), (4, 3)])
async def test_a_refusal_of_what_the_route_was_is_over(generation: int, refused: int) -> None:
    world = World()
    world.route(generation=generation, refused=refused)
    async with world.running():
        assert world.accepted() == ("True", "Accepted")
