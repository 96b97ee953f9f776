"""Two replicas of the controller in one cluster, and how the Lease goes from one to the other."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from flow.latest import Latest
from gateway_api.graph.types import GraphSettings
from gateway_api.ir.fleet import FleetReport
from gateway_api.ir.infra import InfraReport
from gateway_api.status.observed import RememberedRefusals
from gateway_api.status.types import Statuses
from k8s_apply.certificates import Authority, make_authority
from k8s_apply.infra.names import infra_key
from k8s_apply.infra.reconcile import InfraReconciler
from k8s_watch import kinds
from k8s_watch.api import ApiError
from k8s_watch.cluster import Cluster
from k8s_watch.keys import AnyKind, ObjectKey
from k8s_watch.kinds import GATEWAY, GATEWAY_CLASS, LISTENER_SET, SERVICE
from lychgate.controller import Controller, Feedback, Sinks, changes_allowance
from lychgate.in_cluster.taking_over import PATIENCE, take_over
from lychgate.telemetry.metrics import Metrics
from tests.flow.virtual_clock import VirtualClock
from tests.k8s_apply.fake_writer import FakeWriter
from tests.k8s_apply.gateways import BOOTSTRAP, SETTINGS
from tests.k8s_watch.fake_api import FORBIDDEN, UNAVAILABLE, FakeApi
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


@pytest.fixture
def site() -> Site:
    return Site()


def written(site: Site) -> list[tuple[str, str]]:
    return [(call.verb, call.kind) for call in site.writer.calls if call.verb not in ("get", "list")]


async def test_a_new_leader_writes_at_once_what_needs_no_catching_up(site: Site) -> None:
    """No time passes: nobody waits for a bookmark, or for silence."""
    async with site.running():
        site.gateway("new", 80)
        await site.hand_over()
        assert site.b.writing.value
        assert site.ports() == {"old": [80], "new": [80]}


async def test_a_new_leader_that_was_cut_off_undoes_nothing(site: Site) -> None:
    """Its watchers still pause when it gets the Lease, and it has not heard of what the last leader made."""
    async with site.running():
        site.b.api.stop()
        await site.clock.advance(1)
        site.gateway("new", 80)
        site.gateway("old", 80, 8080)
        await site.clock.advance(600)
        assert site.ports() == {"old": [80, 8080], "new": [80]}
        site.b.api.start()
        await site.hand_over()
        await site.clock.until(lambda: site.b.writing.value, at_most=1)
        await site.clock.advance(10)
        assert site.ports() == {"old": [80, 8080], "new": [80]}
        assert written(site) == []


async def test_a_new_leader_whose_watch_fell_silent_undoes_nothing(site: Site) -> None:
    """Nothing has failed, and would not for minutes."""
    async with site.running():
        site.b.api.stall(GATEWAY)
        site.gateway("new", 80)
        await site.clock.advance(1)
        await site.hand_over()
        await site.clock.until(lambda: site.b.writing.value, at_most=1)
        await site.clock.advance(10)
        assert site.ports() == {"old": [80], "new": [80]}
        assert written(site) == []


async def test_a_new_leader_that_cannot_read_gateways_writes_nothing(site: Site) -> None:
    async with site.running():
        site.b.api.stop()
        await site.clock.advance(1)
        site.server.delete(GATEWAY, "old")
        site.gateway("new", 80)
        await site.clock.advance(60)
        await site.hand_over()
        await site.clock.advance(600)
        assert not site.b.writing.value
        assert written(site) == []


@pytest.mark.parametrize(
    ("kind", "name", "spec"),
    [(GATEWAY, "old", {"gatewayClassName": "ours", "listeners": 7}), (GATEWAY_CLASS, "ours", {"controllerName": 7})],
)
async def test_what_a_new_leader_cannot_decode_costs_no_proxies(site: Site, kind: Any, name: str, spec: Any) -> None:
    """Of an API that is newer than we are, for example. The one before knew a version that it could read."""
    async with site.running():
        site.server.put(kind, name, metadata={"generation": 9}, spec=spec)
        await site.clock.advance(1)
        site.a.leading.publish(False)
        async with asyncio.TaskGroup() as tasks:
            successor = tasks.create_task(site.c.run())
            site.c.leading.publish(True)
            await site.clock.until(lambda: site.c.writing.value, at_most=1)
            await site.clock.advance(10)
            assert site.ports() == {"old": [80]}
            successor.cancel()


async def test_what_is_not_ours_any_more_is_removed_once_that_is_known(site: Site) -> None:
    """A Gateway that goes to another's class still exists, and leaves its objects to the new leader."""
    site.server.put(GATEWAY_CLASS, "x", spec={"controllerName": "example.com/another"})
    async with site.running():
        site.b.api.stop()
        await site.clock.advance(1)
        site.a.leading.publish(False)
        site.server.put(GATEWAY, "old", metadata={"generation": 9}, spec={"gatewayClassName": "x", "listeners": []})
        await site.clock.advance(60)
        site.b.api.start()
        await site.hand_over()
        await site.clock.until(lambda: site.ports() == {}, at_most=5)


async def test_a_gateway_keeps_its_proxies_until_its_class_is_known(site: Site) -> None:
    """It moves to a class that is made just before it, and each kind comes in its own time."""
    to = {"gatewayClassName": "renamed", "listeners": [{"name": "p80", "port": 80, "protocol": "HTTP"}]}
    async with site.running():
        site.writer.calls.clear()
        site.server.put(GATEWAY, "old", metadata={"generation": 9}, spec=to)
        await site.clock.advance(1)
        site.server.put(GATEWAY_CLASS, "renamed", spec=CLASS)
        await site.clock.advance(1)
        assert written(site) == []
        assert site.ports() == {"old": [80]}


async def test_who_loses_the_lease_does_not_write(site: Site) -> None:
    async with site.running():
        await site.hand_over()
        assert site.b.writing.value
        assert not site.a.writing.value
        site.b.leading.publish(False)
        await site.clock.advance(0)
        assert not site.b.writing.value


@pytest.mark.parametrize("seconds", [1.5, 600])
async def test_a_server_that_starts_without_crds_costs_no_proxies(site: Site, seconds: float) -> None:
    """It tells a replica that begins just then that there are no Gateways."""
    async with site.running():
        site.a.leading.publish(False)
        site.c.api.missing = {kind.name for kind in kinds.ALL if kind.group == GATEWAY.group}
        site.writer.calls.clear()
        async with asyncio.TaskGroup() as tasks:
            successor = tasks.create_task(site.c.run())
            site.c.leading.publish(True)
            await site.clock.advance(seconds)
            site.c.api.missing.clear()
            await site.clock.until(lambda: site.c.writing.value, at_most=60)
            await site.clock.advance(10)
            assert written(site) == []
            successor.cancel()


@pytest.mark.parametrize("error", [FORBIDDEN, UNAVAILABLE], ids=["not allowed", "a broken webhook"])
async def test_who_cannot_read_what_decides_leaves_the_lease_to_another(site: Site, error: ApiError) -> None:
    """For good, or it would take it again at once; and it says why."""
    async with site.running():
        site.b.api.refuse["ListenerSet"] = error
        site.b.api.cut(LISTENER_SET)
        with structlog.testing.capture_logs() as said:
            await site.hand_over()
            await site.clock.until(lambda: not site.b.eligible.value, at_most=PATIENCE)
            site.b.leading.publish(False)
            await site.clock.advance(600)
        (line,) = [line for line in said if line["log_level"] == "error" and "errors" in line]
        assert line["errors"] == {"ListenerSet": str(error)}
        assert not site.b.eligible.value
        assert written(site) == []
        site.b.api.refuse.clear()
        await site.clock.until(lambda: site.b.eligible.value, at_most=31)


async def test_a_kind_that_counts_as_empty_is_no_reason_to_give_the_lease_back(site: Site) -> None:
    async with site.running():
        site.b.api.drop_crd(LISTENER_SET)
        await site.clock.advance(60)
        site.b.api.refuse["list Gateway"] = UNAVAILABLE
        with structlog.testing.capture_logs() as said:
            await site.hand_over()
            await site.clock.until(lambda: not site.b.eligible.value, at_most=PATIENCE)
        (line,) = [line for line in said if "errors" in line]
        assert line["errors"].keys() == {"Gateway"}


async def test_a_leader_that_alone_is_cut_off_leaves_the_lease_to_another(site: Site) -> None:
    """It may be able to renew it: a server with too much to do refuses the large requests first."""
    async with site.running():
        site.a.api.stop()
        await site.clock.advance(120)
        assert site.a.eligible.value
        site.a.giving_way.publish(True)
        await site.clock.advance(0)
        assert not site.a.eligible.value
        site.a.giving_way.publish(False)  # for whatever reason: what it knows is no newer
        await site.clock.advance(120)
        assert not site.a.eligible.value
        site.a.api.start()
        await site.clock.until(lambda: site.a.eligible.value, at_most=31)


async def test_who_reads_again_before_the_lease_is_gone_writes(site: Site) -> None:
    """Where there is no other, or no Lease, nothing else would do."""
    async with site.running():
        site.b.api.refuse["list Gateway"] = UNAVAILABLE
        await site.hand_over()
        await site.clock.advance(600)
        assert not site.b.writing.value
        site.b.api.refuse.clear()
        await site.clock.until(lambda: site.b.writing.value, at_most=31)
        assert site.b.eligible.value


OLD = infra_key(ObjectKey("default", "old"), SETTINGS)
DECISIVE = (GATEWAY, GATEWAY_CLASS, LISTENER_SET)
EVENTS = (
    "cut off",
    "back",
    "silent",
    "no CRDs",
    "hand over",
    "renamed class",
    "classes go",
    "made again",
    "new",
    "gone",
)


type Happening = tuple[str, bool, AnyKind, float]
"""What happens, whether to both replicas, with which kind, and the seconds until the next."""
HAPPENINGS = st.tuples(
    st.sampled_from(EVENTS), st.booleans(), st.sampled_from(DECISIVE), st.sampled_from([0.0, 0.0, 0.5, 5.0, 30.0])
)


@settings(max_examples=25)
@given(st.lists(HAPPENINGS, min_size=5, max_size=20))
def test_whatever_leaders_miss_a_gateway_that_is_there_keeps_its_proxies(happenings: list[Happening]) -> None:
    """And in the end there is what there has to be, and nothing else."""
    asyncio.run(_go_through(happenings))


async def _go_through(happenings: list[Happening]) -> None:
    site = Site()
    async with site.running():
        made = _uid(site)
        for number, (event, to_both, kind, seconds) in enumerate(happenings):
            for replica in (site.a, site.b) if to_both else (site.a,):
                _befall(replica, event, kind)
            await _change(site, event, f"class-{number}")
            if event == "hand over":
                await _hand_over(site)
            await site.clock.advance(seconds)
            assert _uid(site) == made
        for replica in (site.a, site.b):
            _befall(replica, "back", GATEWAY)
        await site.clock.advance(60)
        await _hand_over(site)
        await site.clock.until(lambda: site.a.writing.value or site.b.writing.value, at_most=60)
        await site.clock.advance(10)
        assert site.ports() == {key.name: [80] for key in site.server.of(GATEWAY).objects}


def _uid(site: Site) -> str:
    """Of the Service that has the old Gateway's address."""
    service = site.writer.peek(SERVICE, OLD)
    return str(service["metadata"]["uid"]) if service else "none"


def _befall(replica: Replica, event: str, kind: AnyKind) -> None:
    match event:
        case "cut off":
            replica.api.stop()
        case "back":
            replica.api.start()
            replica.api.missing.clear()
        case "silent":
            replica.api.stall(kind)
        case "no CRDs":
            replica.api.missing.update(each.name for each in DECISIVE)
            replica.api.close(kind)


async def _change(site: Site, event: str, name: str) -> None:
    """`name` is one of a class that there was not yet."""
    server = site.server
    old = server.of(GATEWAY).objects[ObjectKey("default", "old")]["spec"]
    match event:
        case "renamed class":
            server.put(GATEWAY_CLASS, name, spec=CLASS)
            site.gateway("old", 80, of_class=name)
        case "classes go":
            unused = {key.name for key in server.of(GATEWAY_CLASS).objects} - {"ours", old["gatewayClassName"]}
            for each in sorted(unused):
                server.delete(GATEWAY_CLASS, each)
        case "made again":
            server.delete(GATEWAY, "old")
            await site.clock.advance(0.5)
            site.gateway("old", 80, of_class=old["gatewayClassName"])
        case "new":
            site.gateway("new", 80)
        case "gone":
            server.delete(GATEWAY, "new")


async def _hand_over(site: Site) -> None:
    before, after = (site.a, site.b) if site.a.leading.value else (site.b, site.a)
    before.leading.publish(False)
    await site.clock.advance(0)
    after.leading.publish(True)
