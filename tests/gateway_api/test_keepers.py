"""Keepers arrive where full builds do, whatever happens in between.

LYCHGATE_STEPS=200000 makes it a night's work.
"""

import os
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from gateway_api.graph.build import build_graph
from gateway_api.graph.change import GraphChange
from gateway_api.graph.incremental.keeper import GraphKeeper
from gateway_api.graph.types import Graph, GraphSettings
from gateway_api.ir.fleet import FleetReport, GatewayFleet, Nack, RefusedRoute
from gateway_api.ir.infra import Address, GatewayInfra, InfraReport
from gateway_api.lowering.gateway import lower_gateway
from gateway_api.lowering.infra import lower_infra
from gateway_api.status.build import build_statuses
from gateway_api.status.keeper import StatusKeeper
from gateway_api.status.types import GatewayStatus, ListenerSetStatus, Statuses
from k8s_watch.keys import ObjectKey
from k8s_watch.snapshot import ClusterSnapshot
from tests.gateway_api.bodies import KEYS
from tests.gateway_api.slice_worlds import Slices, slices
from tests.gateway_api.worlds import Edit, changed, edits, first_world

STEPS = int(os.environ.get("LYCHGATE_STEPS", "2000"))
STEPS_A_RUN = 25

BURST = st.lists(st.one_of(*[edits()] * 6, slices(KEYS["Service"])), min_size=1, max_size=4)
HOW = st.sampled_from(["told"] * 12 + ["untold", "skipped", "again", "forgotten", "unsaid", "unsaid", "unsaid"])
"""Whether the snapshot says what changed, whether the keepers see it, twice, or have lost their memory before; unsaid
leaves the statuses to the next step."""
NACK = Nack(node_id="n", type_url="t", resources=("r",), message="no")
REFUSED = st.builds(
    RefusedRoute,
    source=st.sampled_from([f"{kind.lower()}/{key}" for kind in ("HTTPRoute", "GRPCRoute") for key in KEYS[kind]]),
    hostname=st.sampled_from(["*", "a.example.com", "*.example.com"]),
    message=st.sampled_from(["no", "never"]),
    left_out=st.booleans(),
)
REPORTS = st.sampled_from([GatewayFleet(), GatewayFleet(nacks=(NACK,))]) | st.builds(
    GatewayFleet, refused=st.lists(REFUSED, min_size=1, max_size=4).map(tuple)
)
FLEETS = st.dictionaries(st.sampled_from(KEYS["Gateway"]), REPORTS, max_size=2).map(FleetReport)
ADDRESSES = [Address("IPAddress", "192.0.2.1"), Address("IPAddress", "10.0.0.1"), Address("Hostname", "a.b")]
"""Gateways ask for the last two: see `tests.gateway_api.bodies`."""
INFRA = st.builds(
    GatewayInfra,
    addresses=st.sampled_from([(), *((each,) for each in ADDRESSES), tuple(ADDRESSES)]),
    replicas_wanted=st.just(1),
    replicas_ready=st.sampled_from([1, 1, 1, 0]),
    problem=st.sampled_from(["", "", "", "somebody is in the way"]),
)
INFRAS = st.dictionaries(st.sampled_from(KEYS["Gateway"]), INFRA, max_size=2).map(InfraReport)
STEP = st.tuples(BURST, HOW, st.one_of(st.none(), FLEETS), st.one_of(st.none(), INFRAS))
type Step = tuple[list[Edit | Slices], str, FleetReport | None, InfraReport | None]

NO_GRAPH = Graph(settings=GraphSettings())


class Keepers:
    """Both keepers, compared with full builds at every step."""

    def __init__(self) -> None:
        self.keeper, self.statuses_keeper = GraphKeeper(GraphSettings()), StatusKeeper()
        self.graph: Graph = NO_GRAPH
        self.statuses: Statuses = {}
        self.unsaid: GraphChange | None = None
        self.fleet, self.infra = FleetReport(), InfraReport()

    def forget(self) -> None:
        self.keeper, self.graph = GraphKeeper(GraphSettings()), NO_GRAPH

    def update(self, cluster: ClusterSnapshot, *, say: bool = True) -> GraphChange:
        """Go one step; `say` False leaves the statuses out."""
        before = self.graph
        self.graph, change = self.keeper.update(cluster)
        assert self.graph == build_graph(cluster, GraphSettings())
        assert change.everything == (before is NO_GRAPH)
        check_change(before, self.graph, change)
        self.unsaid = self.unsaid.then(change) if self.unsaid else change
        if say:
            self.update_statuses(self.unsaid)
            self.unsaid = None
        return change

    def update_statuses(self, change: GraphChange) -> None:
        before = self.statuses
        self.statuses, keys = self.statuses_keeper.update(self.graph, change, self.fleet, self.infra)
        assert self.statuses == build_statuses(self.graph, self.fleet, self.infra)
        check_keys(before, self.statuses, keys)


def check_keys(before: Mapping[Any, object], now: Mapping[Any, object], keys: frozenset[Any]) -> None:
    """What is listed differs by value; what is not listed is the same object."""
    everywhere = {*before, *now}
    assert keys == {key for key in everywhere if before.get(key) != now.get(key)}
    assert all(before.get(key) is now.get(key) for key in everywhere - keys)
    assert keys or not before or before is now


def check_change(before: Graph, now: Graph, change: GraphChange) -> None:
    check_keys(before.gateway_classes, now.gateway_classes, change.gateway_classes)
    check_keys(before.gateways, now.gateways, change.gateways)
    check_keys(before.listener_sets, now.listener_sets, change.listener_sets)
    assert change.gateways_served <= change.gateways
    for kind, routes in now.routes.items():
        moved = change.routes.get(kind, frozenset())
        check_keys(before.routes[kind].nodes if kind in before.routes else {}, routes.nodes, moved)
    for kind, policies in now.policies.items():
        known = before.policies[kind].nodes if kind in before.policies else {}
        check_keys(known, policies.nodes, change.policies.get(kind, frozenset()))
    for gateway in {*before.gateways} & {*now.gateways}:
        if not reaches(gateway, before, change) and not reaches(gateway, now, change):
            assert lower_gateway(before, gateway) == lower_gateway(now, gateway)
            assert lower_infra(before, gateway) == lower_infra(now, gateway)


def reaches(gateway: ObjectKey, graph: Graph, change: GraphChange) -> bool:
    """Whether a change concerns what a Gateway's proxies are told."""
    return gateway in change.gateways_served or any(
        not change.routes.get(kind, frozenset()).isdisjoint(routes.of.get(gateway, ()))
        for kind, routes in graph.routes.items()
    )


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@pytest.mark.timeout(360 + STEPS // 10)  # hypothesis takes up to five minutes to shrink a failure
@settings(max_examples=max(1, STEPS // STEPS_A_RUN), suppress_health_check=list(HealthCheck), database=None)
@given(st.lists(STEP, min_size=STEPS_A_RUN, max_size=STEPS_A_RUN))
def test_a_kept_graph_equals_a_built_one_after_any_changes(steps: list[Step]) -> None:
    keepers, cluster = Keepers(), first_world()
    keepers.update(cluster)
    for burst, how, fleet, infra in steps:
        cluster = changed(cluster, burst)
        keepers.fleet, keepers.infra = fleet or keepers.fleet, infra or keepers.infra
        if how == "skipped":
            continue
        if how == "forgotten":
            keepers.forget()
        if how == "untold":
            cluster = msgspec.structs.replace(cluster, changed=None)
        change = keepers.update(cluster, say=how != "unsaid")
        if how == "again":
            assert keepers.update(cluster).before is keepers.graph
            keepers.update_statuses(change)


@pytest.mark.parametrize("reason", ["Programmed", "AddressNotAssigned", "AddressNotUsable", "NoResources", "Invalid"])
def test_that_law_has_gateways_of_every_verdict(reason: str) -> None:
    assert brought_about("Gateway", reason)


@pytest.mark.parametrize("reason", ["Programmed", "ParentNotProgrammed"])
def test_that_law_has_listener_sets_of_both_verdicts(reason: str) -> None:
    assert brought_about("ListenerSet", reason)


def brought_about(kind: str, reason: str) -> tuple[FleetReport, InfraReport]:
    """What may be reported of the first world so that an object of this kind hears this reason."""
    graph = build_graph(first_world(), GraphSettings())

    def heard(reports: tuple[FleetReport, InfraReport]) -> bool:
        statuses = build_statuses(graph, *reports)
        return any(
            condition.reason == reason
            for key, body in statuses.items()
            if key.kind == kind and isinstance(body, GatewayStatus | ListenerSetStatus)
            for condition in body.conditions
        )

    return find(st.tuples(FLEETS, INFRAS), heard)
