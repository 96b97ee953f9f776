"""The pipeline arrives where a full build does, whatever happens in between; by the ways of large worlds, too.

LYCHGATE_STEPS=200000 makes it a night's work.
"""

import os
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway_api.graph.incremental import tally
from gateway_api.graph.types import GraphSettings
from gateway_api.ir.xds import GatewayIR
from gateway_api.lowering import route_tables, scoping
from k8s_watch.keys import ObjectKey
from k8s_watch.snapshot import ClusterSnapshot
from lychgate.pipeline import Pipeline, Step, build_everything
from tests.gateway_api.bodies import KEYS
from tests.gateway_api.worlds import changed, first_world
from tests.lychgate import serving_worlds
from tests.lychgate.serving_worlds import edits
from xds_server.snapshot import resource
from xds_server.snapshot.cache import SnapshotCache
from xds_server.snapshot.diff import changed_names
from xds_server.snapshot.resource import ResourceSet, ResourceType, Snapshot
from xds_server.translate import fields, table_keeper

STEPS = int(os.environ.get("LYCHGATE_STEPS", "2000"))
STEPS_A_RUN = 40

HOW = st.sampled_from(["told"] * 12 + ["untold", "skipped", "again", "broken", "broken"])
"""Whether the snapshot says what changed, whether the pipeline sees it, twice, or cannot take all of it in."""
SETTINGS = st.sampled_from([GraphSettings(route_scoping="always"), GraphSettings()])
"""So small a table is served by scope only when it is told to be."""


def steps(edits: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    step = st.tuples(st.lists(edits, min_size=1, max_size=3), HOW, st.sampled_from(KEYS["Service"]))
    return st.lists(step, min_size=STEPS_A_RUN, max_size=STEPS_A_RUN)


class Unreadable:
    """A slice that fails who asks for its addresses."""

    endpoints = ()

    @property
    def address_type(self) -> str:
        raise RuntimeError("broken on purpose")


class Broken(dict[ObjectKey, Any]):
    """Slices of which one Service's cannot be read to their end: a defect, where nothing may fail."""

    def __init__(self, of: Mapping[ObjectKey, Any], service: ObjectKey) -> None:
        super().__init__(of)
        self.service = service

    def get(self, key: ObjectKey, default: Any = None) -> Any:
        found = super().get(key, default)
        return (*(found or ()), Unreadable()) if key == self.service else found


class World:
    """A pipeline and a cache behind it, compared with full builds at every step."""

    def __init__(self, settings: GraphSettings) -> None:
        self.settings = settings
        self.pipeline = Pipeline(settings)
        self.cache = SnapshotCache()
        self.last: Step | None = None
        self.scoped: dict[ObjectKey, frozenset[str]] = {}
        """The route tables that are scoped, by Gateway."""

    def update(self, cluster: ClusterSnapshot, broken: ObjectKey | None = None) -> None:
        slices = cluster.slices_by_service if broken is None else Broken(cluster.slices_by_service, broken)
        step = self.pipeline.update(msgspec.structs.replace(cluster, slices_by_service=slices))
        assert broken or not step.failures
        failed = {failure.what.split()[1] for failure in step.failures}
        built = build_everything(cluster, self.settings, self.scoped)
        self.scoped = {key: scoped_tables(whole.ir) for key, whole in built.gateways.items()}
        assert step.graph == built.graph
        assert {*step.gateways} <= built.gateways.keys()
        known = self.last.gateways if self.last else {}
        assert step.moved == {k for k in {*known, *step.gateways} if known.get(k) is not step.gateways.get(k)}
        for key, whole in built.gateways.items():
            before = self.last.gateways.get(key) if self.last else None
            if str(key) in failed:
                assert step.gateways.get(key) is before
                continue
            assert self.pipeline.ir(key) == whole.ir
            assert step.gateways[key].infra == whole.infra
            for type_ in ResourceType:
                assert step.gateways[key].snapshot.of(type_) == whole.snapshot.of(type_)
                check_difference(before.snapshot if before else Snapshot({}), step.gateways[key].snapshot, type_)
            self.cache.publish(key, step.gateways[key].snapshot)
        self.last = step


def scoped_tables(of: GatewayIR) -> frozenset[str]:
    return frozenset(table.name for table in of.route_tables if table.scoping)


def check_difference(before: Snapshot, now: Snapshot, type_: ResourceType) -> None:
    """What is read off the lineage is what a look at everything finds."""
    old, new = (ResourceSet(each.of(type_).version, each.of(type_).by_name) for each in (before, now))
    assert changed_names(before.of(type_), now.of(type_)) == changed_names(old, new)


def walk(world: World, cluster: ClusterSnapshot, steps: list[Any]) -> None:
    world.update(cluster)
    for burst, how, service in steps:
        cluster = changed(cluster, burst)
        if how == "skipped":
            continue
        if how == "untold":
            cluster = msgspec.structs.replace(cluster, changed=None)
        if how == "broken":
            world.update(cluster, broken=service)
            continue
        world.update(cluster)
        if how == "again":
            before = world.last
            world.update(cluster)
            assert before
            assert world.last
            assert all(world.last.gateways[key] is step for key, step in before.gateways.items())


@pytest.mark.timeout(60 + STEPS // 10)
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@settings(max_examples=max(1, STEPS // STEPS_A_RUN), suppress_health_check=list(HealthCheck), database=None)
@given(SETTINGS, steps(edits()))
def test_every_step_equals_a_full_build_byte_for_byte(graph: GraphSettings, steps: list[Any]) -> None:
    walk(World(graph), first_world(), steps)


@pytest.fixture
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small worlds go the ways that only large ones go otherwise."""
    for module, name, value in LIMITS:
        monkeypatch.setattr(module, name, value)


LIMITS = [
    (tally, "_FEW", 1),
    (scoping, "SCOPED_FROM", 3),
    (scoping, "SCOPED_UNTIL", 1),
    (scoping, "MANY_WILDCARDS", 1),
    (route_tables, "FEW_HOSTNAMES", 1),
    (table_keeper, "MANY_ROUTES", 2),
    (fields, "PIECE", 1),
    (resource, "LINEAGE", 2),
]


@pytest.mark.timeout(60 + STEPS // 10)
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@pytest.mark.usefixtures("small_is_large")
@settings(
    max_examples=max(1, STEPS // STEPS_A_RUN // 2),
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(steps(serving_worlds.edits_by_hostname()))
def test_large_worlds_do_too(steps: list[Any]) -> None:
    walk(World(GraphSettings()), serving_worlds.without_routes(), steps)


def test_a_gateway_that_fails_keeps_serving_and_comes_back() -> None:
    world, cluster, g = World(GraphSettings()), first_world(), ObjectKey("a", "g")
    world.update(cluster)
    before = world.last
    cluster = msgspec.structs.replace(cluster, revision=cluster.revision + 1, changed=None)
    world.update(cluster, broken=ObjectKey("b", "web"))
    assert before
    assert world.last
    assert world.last.failures
    assert world.last.gateways[g] is before.gateways[g]
    world.update(cluster)
    assert not world.last.failures
