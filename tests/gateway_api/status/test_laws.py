"""What statuses say of each other agrees, whatever the world; what proxies refuse aside, which no count knows of."""

import re
from collections.abc import Iterator

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway_api.graph.build import build_graph
from gateway_api.graph.types import Graph, GraphSettings
from gateway_api.ir.fleet import FleetReport
from gateway_api.ir.infra import InfraReport
from gateway_api.status.build import build_statuses
from gateway_api.status.catalogue import NEGATIVE
from gateway_api.status.types import (
    Body,
    Condition,
    GatewayStatus,
    ListenerSetStatus,
    ListenerStatus,
    PolicyStatus,
    RouteStatus,
    Statuses,
    StatusKey,
)
from k8s_watch.snapshot import ClusterSnapshot, objects_of
from tests.gateway_api.test_keepers import BURST, FLEETS, INFRAS
from tests.gateway_api.worlds import changed, first_world

type Conditions = tuple[Condition, ...]

REASON = re.compile(r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?")
"""Spec: Kubernetes meta/v1 Condition.reason."""


@st.composite
def worlds(draw: st.DrawFn) -> tuple[ClusterSnapshot, Graph, Statuses]:
    cluster = first_world()
    for burst in draw(st.lists(BURST, min_size=1, max_size=6)):
        cluster = changed(cluster, burst)
    graph = build_graph(cluster, GraphSettings())
    gateways = draw(FLEETS).gateways
    fleet = FleetReport({key: msgspec.structs.replace(of, refused=()) for key, of in gateways.items()})
    return cluster, graph, build_statuses(graph, fleet, draw(st.just(InfraReport()) | INFRAS))


def holds(conditions: Conditions, type_: str) -> bool:
    return any(one.type == type_ and one.status == "True" for one in conditions)


def listeners(body: Body) -> tuple[ListenerStatus, ...]:
    return body.listeners if isinstance(body, GatewayStatus | ListenerSetStatus) else ()


def conditions(body: Body) -> Iterator[Conditions]:
    match body:
        case RouteStatus(parents=entries) | PolicyStatus(ancestors=entries):
            yield from (entry.conditions for entry in entries)
        case _:
            yield body.conditions
            yield from (listener.conditions for listener in listeners(body))


LAW = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@LAW
@given(worlds())
def test_every_condition_is_one_that_an_api_server_takes(world: tuple[ClusterSnapshot, Graph, Statuses]) -> None:
    """And of the generation that was judged; where nobody judged any, it says so by Unknown."""
    cluster, _, statuses = world
    for key, body in statuses.items():
        generation = objects_of(cluster, key.kind)[key.key].metadata.generation
        for each in conditions(body):
            assert len({one.type for one in each}) == len(each) <= 8
            assert all(REASON.fullmatch(one.reason) and one.message for one in each)
            assert all(one.observed_generation == generation for one in each if one.status != "Unknown")


@LAW
@given(worlds())
def test_what_is_programmed_is_accepted_and_a_warning_is_there_where_it_holds(
    world: tuple[ClusterSnapshot, Graph, Statuses],
) -> None:
    for each in (each for body in world[2].values() for each in conditions(body)):
        assert holds(each, "Accepted") or not (holds(each, "Programmed") or holds(each, "PartiallyInvalid"))
        assert not (holds(each, "Accepted") and holds(each, "Conflicted"))
        assert all(one.status == "True" for one in each if one.type in NEGATIVE - {"Conflicted"})


@LAW
@given(worlds())
def test_a_listener_counts_the_routes_that_it_accepts(world: tuple[ClusterSnapshot, Graph, Statuses]) -> None:
    """Spec: Gateway API v1.6 ListenerStatus.attachedRoutes."""
    _, graph, statuses = world
    accepted = []
    for kind, routes in graph.routes.items():
        for key, node in routes.nodes.items():
            status = statuses[StatusKey(kind=kind, key=key)]
            assert isinstance(status, RouteStatus)
            parents = zip(node.parents, status.parents, strict=True)
            taken = [parent for parent, entry in parents if holds(entry.conditions, "Accepted")]
            accepted.append({(of.gateway, binding.listener) for of in taken for binding in of.bindings})
    nodes = [("Gateway", key, key, of.listeners) for key, of in graph.gateways.items()]
    nodes += [("ListenerSet", key, of.gateway, of.listeners) for key, of in graph.listener_sets.items()]
    for kind, key, gateway, own in nodes:
        counts = [sum((gateway, listener.name) in of for of in accepted) for listener in own]
        assert [one.attached_routes for one in listeners(statuses[StatusKey(kind=kind, key=key)])] == counts


@LAW
@given(worlds())
def test_a_gateway_counts_the_listener_sets_that_it_accepts(world: tuple[ClusterSnapshot, Graph, Statuses]) -> None:
    """One without listeners, which no API server takes, counts for nothing.

    Spec: Gateway API v1.6 GatewayStatus.attachedListenerSets
    """
    _, graph, statuses = world
    for key, gateway in graph.gateways.items():
        sets = [statuses[StatusKey(kind="ListenerSet", key=of)] for of in gateway.listener_sets]
        status = statuses[StatusKey(kind="Gateway", key=key)]
        assert isinstance(status, GatewayStatus)
        assert status.attached_listener_sets == sum(
            holds(of.conditions, "Accepted") for of in sets if isinstance(of, ListenerSetStatus) and of.listeners
        )
