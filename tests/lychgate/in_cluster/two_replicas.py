"""A model of a cluster with replicas of the controller that take the Lease from each other."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from flow.latest import Latest
from gateway_api.graph.types import GraphSettings
from gateway_api.ir.fleet import FleetReport
from gateway_api.ir.infra import InfraReport
from gateway_api.status.observed import RememberedRefusals
from gateway_api.status.types import Statuses
from k8s_apply.api import Json
from k8s_apply.certificates import Authority, make_authority
from k8s_apply.infra.names import infra_key
from k8s_apply.infra.reconcile import InfraReconciler
from k8s_watch.cluster import Cluster
from k8s_watch.keys import ObjectKey
from k8s_watch.kinds import DEPLOYMENT, GATEWAY, GATEWAY_CLASS, SERVICE
from lychgate.controller import Controller, Feedback, Sinks, changes_allowance
from lychgate.in_cluster.taking_over import take_over
from lychgate.telemetry.metrics import Metrics
from tests.flow.virtual_clock import VirtualClock
from tests.k8s_apply.fake_writer import FakeWriter
from tests.k8s_apply.gateways import BOOTSTRAP, SETTINGS
from tests.k8s_watch.fake_api import FakeApi
from xds_server.snapshot.cache import SnapshotCache

NAME = "example.com/controller"
CLASS = {"controllerName": NAME}


class NoStatuses:
    """Statuses are another matter."""

    def want(self, statuses: Statuses, /, changed: Any = None) -> None:
        pass


class Replica:
    """One controller with its own way to the API server, and nothing but infrastructure to write."""

    def __init__(self, clock: VirtualClock, api: FakeApi, writer: FakeWriter, authority: Authority) -> None:
        self.api = api
        self.leading = Latest(initial=False)
        self.writing = Latest(initial=False)
        self.eligible = Latest(initial=True)
        self.giving_way = Latest(initial=False)
        self._clock = clock
        self.cluster = Cluster(api, clock=clock)
        self._infra = InfraReconciler(
            writer,
            leading=self.writing,
            clock=clock,
            settings=SETTINGS,
            ca=lambda: authority,
            bootstrap=lambda _, secret: {**BOOTSTRAP, "drain": secret},
        )
        settings = GraphSettings(controller_name=NAME)
        self._controller = Controller(
            self.cluster,
            SnapshotCache(),
            feedback=Feedback(Latest(FleetReport()), Latest(InfraReport()), RememberedRefusals(settings)),
            sinks=Sinks(self._infra, NoStatuses()),
            settings=settings,
            hold_off=changes_allowance(0.1, 0.5),
            metrics=Metrics(),
            clock=clock,
        )

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.cluster.run())
            tasks.create_task(self._controller.run())
            tasks.create_task(self._infra.run())
            tasks.create_task(
                take_over(
                    leading=self.leading,
                    writing=self.writing,
                    eligible=self.eligible,
                    giving_way=self.giving_way,
                    cluster=self.cluster,
                    followed=self._controller.followed,
                    clock=self._clock,
                )
            )


class Site:
    """A cluster with Gateway `old`, two replicas of which `a` has the Lease, and one that has not begun."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.server = FakeApi(self.clock)
        self.writer = FakeWriter(self.clock)
        authority = make_authority(self.clock.now())
        self.a, self.b, self.c = (
            Replica(self.clock, self.server.another_way(), self.writer, authority) for _ in range(3)
        )
        self.server.put(GATEWAY_CLASS, "ours", spec=CLASS)
        self.gateway("old", 80)

    def gateway(self, name: str, *ports: int, of_class: str = "ours") -> None:
        """Make a Gateway, or change it."""
        listeners = [{"name": f"p{port}", "port": port, "protocol": "HTTP"} for port in ports]
        metadata = {"generation": len(ports)}
        self.server.put(GATEWAY, name, metadata=metadata, spec={"gatewayClassName": of_class, "listeners": listeners})

    def ports(self) -> Mapping[str, list[int]]:
        """The ports of every Gateway's Service."""
        found = {}
        for name in ("old", "new"):
            if live := self.writer.peek(SERVICE, infra_key(ObjectKey("default", name), SETTINGS)):
                found[name] = [port["port"] for port in live["spec"]["ports"]]
        return found

    def pods(self, gateway: str) -> Json:
        """The template of a Gateway's proxies: whoever changes it rolls them out."""
        deployment = self.writer.peek(DEPLOYMENT, infra_key(ObjectKey("default", gateway), SETTINGS))
        assert deployment
        template: Json = deployment["spec"]["template"]
        return template

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run both; `a` has made what `old` needs."""
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(replica.run()) for replica in (self.a, self.b)]
            await self.clock.advance(1)
            self.a.leading.publish(True)
            await self.clock.advance(1)
            assert self.ports() == {"old": [80]}
            yield
            for task in running:
                task.cancel()

    async def hand_over(self) -> None:
        """Give the Lease to `b`, who finds it free at once."""
        self.writer.calls.clear()
        self.a.leading.publish(False)
        await self.clock.advance(0)
        self.b.leading.publish(True)
        await self.clock.advance(0)
