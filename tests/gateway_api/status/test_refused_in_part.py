"""Routes of which proxies refuse what they say of some hostnames, not of all."""

from collections.abc import Callable

import pytest
from immutables import Map

from gateway_api.graph.types import Graph, GraphSettings
from gateway_api.ir.fleet import FleetReport, GatewayFleet, RefusedRoute
from gateway_api.ir.infra import InfraReport
from gateway_api.status.build import build_statuses
from gateway_api.status.observed import RememberedRefusals
from gateway_api.status.types import Condition, RouteStatus, StatusKey
from k8s_watch.keys import ObjectKey
from tests.gateway_api.conftest import WORLD, snapshot_of
from tests.lines import bytes_made

type Build = Callable[..., Graph]

GATEWAY = """
kind: Gateway
metadata: {name: eg}
spec: {gatewayClassName: eg, listeners: [{name: http, port: 80, protocol: HTTP}]}
"""
RULES = "[{backendRefs: [{name: web, port: 80}]}]"
ROUTE = f"""
kind: HTTPRoute
metadata: {{name: r, generation: 3}}
spec: {{parentRefs: [{{name: eg}}], hostnames: [a.com, b.com], rules: {RULES}}}
"""
DROPPED = "matches: [{path: {type: RegularExpression, value: '('}}], "


def conditions(graph: Graph, *hostnames: str) -> dict[str, Condition]:
    refused = tuple(RefusedRoute(source="httproute/default/r", hostname=each, message="why") for each in hostnames)
    fleet = FleetReport({ObjectKey("default", "eg"): GatewayFleet(connected=1, refused=refused)})
    statuses = build_statuses(graph, fleet, InfraReport())
    status = statuses[StatusKey(kind="HTTPRoute", key=ObjectKey("default", "r"))]
    assert isinstance(status, RouteStatus)
    return {condition.type: condition for condition in status.parents[0].conditions}


@pytest.mark.parametrize(
    ("hostnames", "accepted", "partially"),
    [((), "True", ""), (("a.com",), "True", "True"), (("a.com", "b.com"), "False", "")],
)
def test_a_route_is_accepted_while_proxies_take_what_it_says_of_one_hostname(
    hostnames: tuple[str, ...], accepted: str, partially: str, graph: Build
) -> None:
    found = conditions(graph(GATEWAY, ROUTE), *hostnames)
    assert found["Accepted"].status == accepted
    assert (found["PartiallyInvalid"].status if "PartiallyInvalid" in found else "") == partially


def test_what_is_refused_in_part_is_told_by_its_hostname(graph: Build) -> None:
    partially = conditions(graph(GATEWAY, ROUTE), "a.com")["PartiallyInvalid"]
    assert partially.reason == "RefusedByProxy"
    assert partially.message.startswith("Dropped Rule(s) of a.com: Envoy refuses it: why")


def test_rules_that_we_drop_are_told_beside_those_that_proxies_refuse(graph: Build) -> None:
    both = ROUTE.replace("rules: [", f"rules: [{{{DROPPED}backendRefs: []}}, ")
    partially = conditions(graph(GATEWAY, both), "a.com")["PartiallyInvalid"]
    assert partially.reason == "RefusedByProxy"
    assert partially.message.startswith("Dropped Rule(s) [0], ")
    assert "Dropped Rule(s) of a.com: " in partially.message


def remembered(graph: Build, condition: str) -> tuple[RememberedRefusals, Graph]:
    """What a status of the route says that proxies refused."""
    parent = (
        f"{{parentRef: {{name: eg}}, controllerName: {GraphSettings().controller_name}, conditions: [{condition}]}}"
    )
    texts = (GATEWAY, f"{ROUTE}status: {{parents: [{parent}]}}\n")
    refusals, built = RememberedRefusals(GraphSettings()), graph(*texts)
    refusals.update(built, snapshot_of(WORLD, *texts))
    return refusals, built


def test_who_was_refused_in_part_is_known_by_its_status(graph: Build) -> None:
    condition = "{type: PartiallyInvalid, status: 'True', reason: RefusedByProxy, observedGeneration: 3}"
    assert remembered(graph, condition)[0].suspicious() == {"httproute/default/r"}


def test_a_refusal_that_is_remembered_costs_no_copy_of_all_statuses(graph: Build) -> None:
    """It may be there in each round, for as long as the proxies are another replica's."""
    condition = "{type: Accepted, status: 'False', reason: RefusedByProxy, observedGeneration: 3, message: why}"
    refusals, built = remembered(graph, condition)
    said = Map(build_statuses(built, FleetReport(), InfraReport()))
    key = StatusKey(kind="HTTPRoute", key=ObjectKey("default", "r"))

    def made(routes: int) -> int:
        others = {StatusKey(kind="HTTPRoute", key=ObjectKey("default", f"r{n}")): said[key] for n in range(routes)}
        statuses = said.update(others)
        assert refusals.apply(statuses, FleetReport())[1] == {key}
        return bytes_made(lambda: refusals.apply(statuses, FleetReport()))

    assert made(4000) < made(1000) + 2000
