from collections.abc import Callable, Mapping

import msgspec
import pytest

from gateway_api.features import SUPPORTED
from gateway_api.graph.types import Graph, GraphSettings
from gateway_api.ir.fleet import FleetReport, GatewayFleet, Nack, RefusedRoute
from gateway_api.ir.infra import Address, GatewayInfra, InfraReport
from gateway_api.status.build import build_statuses
from gateway_api.status.observed import RememberedRefusals
from gateway_api.status.types import (
    Condition,
    GatewayClassStatus,
    GatewayStatus,
    ListenerStatus,
    ParentStatus,
    RouteStatus,
    StatusKey,
)
from gateway_api.status.words import of_envoy
from k8s_watch.keys import ObjectKey
from tests.gateway_api.conftest import WORLD, snapshot_of

type Build = Callable[..., Graph]

EG = ObjectKey("default", "eg")
EG_CLASS = ObjectKey("", "eg")
UP = GatewayInfra(addresses=(Address("IPAddress", "10.0.0.1"),), replicas_wanted=1, replicas_ready=1)

GATEWAY = """
kind: Gateway
metadata: {name: eg, generation: 2}
spec: {gatewayClassName: eg, listeners: [{name: http, port: 80, protocol: HTTP}, {name: tcp, port: 90, protocol: TCP}]}
"""
ROUTE = """
kind: HTTPRoute
metadata: {name: r, generation: 3}
spec: {parentRefs: [{name: eg}], rules: [{backendRefs: [{name: web, port: 80}]}]}
"""


def said(status: GatewayClassStatus | GatewayStatus | ListenerStatus | ParentStatus) -> dict[str, tuple[str, str]]:
    return {condition.type: (condition.status, condition.reason) for condition in status.conditions}


def gateway(graph: Graph, infra: GatewayInfra = UP, fleet: GatewayFleet | None = None) -> GatewayStatus:
    statuses = build_statuses(graph, FleetReport({EG: fleet} if fleet else {}), InfraReport({EG: infra}))
    found = statuses[StatusKey(kind="Gateway", key=EG)]
    assert isinstance(found, GatewayStatus)
    return found


def route(graph: Graph, kind: str = "HTTPRoute", name: str = "r", fleet: GatewayFleet | None = None) -> RouteStatus:
    statuses = build_statuses(graph, FleetReport({EG: fleet} if fleet else {}), InfraReport())
    found = statuses[StatusKey(kind=kind, key=ObjectKey("default", name))]
    assert isinstance(found, RouteStatus)
    return found


def conditions(statuses: Mapping[StatusKey, object]) -> list[tuple[StatusKey, Condition]]:
    found: list[tuple[StatusKey, Condition]] = []
    for key, status in statuses.items():
        parts = [status, *getattr(status, "listeners", ()), *getattr(status, "parents", ())]
        found += [(key, condition) for part in parts for condition in getattr(part, "conditions", ())]
    return found


def test_every_condition_observes_its_objects_generation(graph: Build) -> None:
    statuses = build_statuses(graph(GATEWAY, ROUTE), FleetReport(), InfraReport())
    generations = {"GatewayClass": 1, "Gateway": 2, "HTTPRoute": 3}
    assert all(condition.observed_generation == generations[of.kind] for of, condition in conditions(statuses))


def test_a_class_of_ours_is_accepted_and_says_what_it_can(graph: Build) -> None:
    statuses = build_statuses(graph(), FleetReport(), InfraReport())
    status = statuses[StatusKey(kind="GatewayClass", key=EG_CLASS)]
    assert isinstance(status, GatewayClassStatus)
    assert said(status) == {"Accepted": ("True", "Accepted")}
    assert status.supported_features == SUPPORTED == tuple(sorted(SUPPORTED))


def test_the_infrastructures_feature_is_claimed_where_the_proxies_are_in_the_gateways_namespace(graph: Build) -> None:
    def features(*, mode: bool) -> set[str]:
        built = msgspec.structs.replace(graph(), settings=GraphSettings(gateway_namespace_mode=mode))
        status = build_statuses(built, FleetReport(), InfraReport())[StatusKey(kind="GatewayClass", key=EG_CLASS)]
        assert isinstance(status, GatewayClassStatus)
        return set(status.supported_features)

    assert features(mode=True) - features(mode=False) == {"GatewayInfrastructure"}
    assert features(mode=True) >= features(mode=False)


def test_a_gateway_that_runs_says_so(graph: Build) -> None:
    status = gateway(graph(GATEWAY, ROUTE))
    assert said(status) == {
        "Accepted": ("True", "Accepted"),
        "ResolvedRefs": ("True", "ResolvedRefs"),
        "Programmed": ("True", "Programmed"),
    }
    assert status.addresses == UP.addresses
    assert [(one.name, one.attached_routes) for one in status.listeners] == [("http", 1), ("tcp", 0)]
    assert said(status.listeners[0]) == {
        "Accepted": ("True", "Accepted"),
        "Programmed": ("True", "Programmed"),
        "ResolvedRefs": ("True", "ResolvedRefs"),
        "Conflicted": ("False", "NoConflicts"),
    }


@pytest.mark.parametrize(
    ("infra", "reason"),
    [
        (GatewayInfra(replicas_wanted=1, replicas_ready=1), "AddressNotAssigned"),
        (GatewayInfra(addresses=UP.addresses, replicas_wanted=1), "NoResources"),
        (GatewayInfra(replicas_wanted=1, problem="port 80 is in use"), "NoResources"),
    ],
)
def test_what_the_infrastructure_lacks_is_said(infra: GatewayInfra, reason: str, graph: Build) -> None:
    assert said(gateway(graph(GATEWAY), infra))["Programmed"] == ("False", reason)


def test_an_address_asked_for_and_not_given_is_not_usable(graph: Build) -> None:
    wanting = GATEWAY.replace("gatewayClassName: eg", "gatewayClassName: eg, addresses: [{value: 10.9.9.9}, {}]")
    status = gateway(graph(wanting))
    assert said(status)["Accepted"] == ("True", "Accepted")
    assert said(status)["Programmed"] == ("False", "AddressNotUsable")
    given = GatewayInfra(addresses=(Address("IPAddress", "10.9.9.9"),), replicas_wanted=1, replicas_ready=1)
    assert said(gateway(graph(wanting), given))["Programmed"] == ("True", "Programmed")


def test_an_ipv6_address_is_itself_in_any_spelling(graph: Build) -> None:
    asked = "addresses: [{type: IPAddress, value: '2001:DB8:0::10'}]"
    wanting = GATEWAY.replace("gatewayClassName: eg", f"gatewayClassName: eg, {asked}")
    given = GatewayInfra(addresses=(Address("IPAddress", "2001:db8::10"),), replicas_wanted=1, replicas_ready=1)
    assert said(gateway(graph(wanting), given))["Programmed"] == ("True", "Programmed")


def test_what_envoy_refuses_is_said_in_its_own_words(graph: Build) -> None:
    nack = Nack(node_id="pod-1", type_url="type", resources=("http-80",), message="bad route: why")
    status = gateway(graph(GATEWAY), UP, GatewayFleet(connected=1, nacks=(nack,)))
    (programmed,) = [condition for condition in status.conditions if condition.type == "Programmed"]
    assert (programmed.status, programmed.reason) == ("False", "Invalid")
    assert "bad route: why" in programmed.message


def test_a_route_that_envoy_refuses_hears_it_in_envoys_own_words_and_its_gateway_is_programmed(graph: Build) -> None:
    refused = RefusedRoute(source="httproute/default/r", hostname="*", message="bad match: why")
    fleet = GatewayFleet(connected=1, refused=(refused,))
    (parent,) = route(graph(GATEWAY, ROUTE), fleet=fleet).parents
    assert said(parent)["Accepted"] == ("False", "RefusedByProxy")
    assert "bad match: why" in parent.conditions[0].message
    assert said(gateway(graph(GATEWAY, ROUTE), UP, fleet))["Programmed"] == ("True", "Programmed")


@pytest.mark.parametrize(("generation", "known"), [(3, {"httproute/default/r"}), (2, set())])
def test_who_was_refused_is_known_by_the_first_status_until_it_changes(
    generation: int, known: set[str], graph: Build
) -> None:
    said_before = f"""
status:
  parents:
  - parentRef: {{name: eg}}
    controllerName: {GraphSettings().controller_name}
    conditions: [{{type: Accepted, status: "False", reason: RefusedByProxy, observedGeneration: {generation}}}]
"""
    refusals = RememberedRefusals(GraphSettings())
    for texts, suspicious in (
        (ROUTE + said_before, known),
        (ROUTE, known),
        (ROUTE.replace("generation: 3", "generation: 4"), set()),
    ):
        refusals.update(graph(GATEWAY, texts), snapshot_of(WORLD, GATEWAY, texts))
        assert refusals.suspicious() == suspicious


def test_what_others_wrote_is_not_in_a_status() -> None:
    """Envoy prints the resource that it refuses."""
    said = 'Proto constraint validation failed (RouteValidationError.Match: value is required): name: "secret"'
    assert of_envoy(said) == "RouteValidationError.Match: value is required"
    assert of_envoy("missing ): (") == "missing ): ("


@pytest.mark.parametrize(("source", "hostname"), [("httproute/default/other", "*"), ("httproute/default/r", "a.test")])
def test_what_is_refused_of_another_route_or_hostname_is_not_said_of_this_one(
    source: str, hostname: str, graph: Build
) -> None:
    refused = RefusedRoute(source=source, hostname=hostname, message="no")
    (parent,) = route(graph(GATEWAY, ROUTE), fleet=GatewayFleet(connected=1, refused=(refused,))).parents
    assert said(parent)["Accepted"] == ("True", "Accepted")


def test_a_gateway_that_is_not_accepted_has_no_address(graph: Build) -> None:
    status = gateway(graph(GATEWAY.replace("gatewayClassName: eg", "gatewayClassName: eg, addresses: [{type: x/y}]")))
    assert said(status)["Accepted"] == ("False", "UnsupportedAddress")
    assert said(status)["Programmed"] == ("False", "Invalid")
    assert [said(one)["Programmed"] for one in status.listeners] == [("False", "Invalid")] * 2
    assert status.addresses == ()


def test_a_conflicted_listener_is_named_and_the_gateway_accepted_with_the_rest(graph: Build) -> None:
    twins = GATEWAY.replace("protocol: HTTP}", "protocol: HTTP}, {name: twin, port: 80, protocol: HTTP}")
    status = gateway(graph(twins))
    assert said(status)["Accepted"] == ("True", "ListenersNotValid")
    assert "http, twin" in status.conditions[0].message
    assert said(status.listeners[1]) == {
        "Accepted": ("False", "HostnameConflict"),
        "Programmed": ("False", "HostnameConflict"),
        "ResolvedRefs": ("True", "ResolvedRefs"),
        "Conflicted": ("True", "HostnameConflict"),
    }


def test_a_listener_without_a_certificate_is_accepted_but_not_programmed(graph: Build) -> None:
    status = gateway(graph(GATEWAY.replace("port: 80, protocol: HTTP", "port: 443, protocol: HTTPS")))
    assert said(status)["ResolvedRefs"] == ("False", "ListenersNotResolved")
    assert said(status.listeners[0]) == {
        "Accepted": ("True", "Accepted"),
        "Programmed": ("False", "Invalid"),
        "ResolvedRefs": ("False", "InvalidCertificateRef"),
        "Conflicted": ("False", "NoConflicts"),
    }


def test_a_good_route_is_accepted_and_resolved(graph: Build) -> None:
    (parent,) = route(graph(GATEWAY, ROUTE)).parents
    assert parent.parent_ref.name == "eg"
    assert said(parent) == {"Accepted": ("True", "Accepted"), "ResolvedRefs": ("True", "ResolvedRefs")}


def test_a_missing_backend_leaves_the_route_accepted(graph: Build) -> None:
    (parent,) = route(graph(GATEWAY, ROUTE.replace("name: web", "name: none"))).parents
    assert said(parent) == {"Accepted": ("True", "Accepted"), "ResolvedRefs": ("False", "BackendNotFound")}


def test_a_route_with_some_invalid_rules_is_partially_invalid(graph: Build) -> None:
    (parent,) = route(graph(GATEWAY, ROUTE.replace("rules: [", "rules: [{filters: [{type: CORS}]}, "))).parents
    assert said(parent)["Accepted"] == ("True", "Accepted")
    assert said(parent)["PartiallyInvalid"] == ("True", "UnsupportedValue")
    assert parent.conditions[-1].message.startswith("Dropped Rule(s) [0]")


def test_a_route_with_no_valid_rule_is_not_accepted(graph: Build) -> None:
    (parent,) = route(graph(GATEWAY, ROUTE.replace("rules: [{", "rules: [{filters: [{type: CORS}], "))).parents
    assert said(parent) == {"Accepted": ("False", "UnsupportedValue"), "ResolvedRefs": ("True", "ResolvedRefs")}


def test_each_parent_ref_has_its_own_entry(graph: Build) -> None:
    refs = "parentRefs: [{name: eg, sectionName: http}, {name: eg, sectionName: none}, {name: elsewhere}]"
    parents = route(graph(GATEWAY, ROUTE.replace("parentRefs: [{name: eg}]", refs))).parents
    assert [(one.parent_ref.section_name, said(one)["Accepted"][1]) for one in parents] == [
        ("http", "Accepted"),
        ("none", "NoMatchingParent"),
    ]


def test_a_younger_tcp_route_is_accepted_and_told_what_it_waits_behind(graph: Build) -> None:
    text = """
    kind: TCPRoute
    metadata: {{name: {0}, creationTimestamp: "{1}"}}
    spec: {{parentRefs: [{{name: eg}}], rules: [{{backendRefs: [{{name: web, port: 80}}]}}]}}
    """
    built = graph(GATEWAY, text.format("new", "2026-01-02T00:00:00Z"), text.format("old", "2026-01-01T00:00:00Z"))
    messages = [route(built, "TCPRoute", name).parents[0].conditions[0] for name in ("old", "new")]
    assert [one.status for one in messages] == ["True", "True"]
    assert ["default/old" in one.message for one in messages] == [False, True]


def test_entries_of_a_route_that_left_us_are_withdrawn(graph: Build) -> None:
    left = ROUTE.replace("name: eg", "name: elsewhere")
    ours = left + "status: {parents: [{parentRef: {name: eg}, controllerName: %s}]}"
    built = graph(GATEWAY, ours % "gateway.envoyproxy.io/gatewayclass-controller")
    assert route(built) == RouteStatus(controller_name=built.settings.controller_name, parents=())


def test_the_entries_of_others_are_not_touched(graph: Build) -> None:
    left = ROUTE.replace("name: eg", "name: elsewhere")
    theirs = left + "status: {parents: [{parentRef: {name: eg}, controllerName: example.com/other}]}"
    statuses = build_statuses(graph(GATEWAY, theirs), FleetReport(), InfraReport())
    assert StatusKey(kind="HTTPRoute", key=ObjectKey("default", "r")) not in statuses


@pytest.mark.parametrize(
    ("available", "effect"), [(0, "Its proxies cannot run"), (1, "Changes of its proxies are ref")]
)
def test_proxies_that_run_are_not_said_not_to(available: int, effect: str, graph: Build) -> None:
    infra = GatewayInfra(addresses=UP.addresses, replicas_wanted=1, replicas_ready=available, problem="quota")
    (programmed,) = [one for one in gateway(graph(GATEWAY), infra).conditions if one.type == "Programmed"]
    assert programmed.message.startswith(effect)


def test_why_proxies_may_not_be_made_is_said_before_what_they_would_bring(graph: Build) -> None:
    """A load balancer may have an address only once there are pods."""
    infra = GatewayInfra(replicas_wanted=1, shortage="exceeded quota")
    (programmed,) = [one for one in gateway(graph(GATEWAY), infra).conditions if one.type == "Programmed"]
    assert programmed.reason == "NoResources"
    assert programmed.message == "Its proxies cannot run: exceeded quota."


def test_that_more_proxies_may_not_be_made_is_a_remark_while_some_serve(graph: Build) -> None:
    infra = GatewayInfra(addresses=UP.addresses, replicas_wanted=2, replicas_ready=1, shortage="exceeded quota")
    (programmed,) = [one for one in gateway(graph(GATEWAY), infra).conditions if one.type == "Programmed"]
    assert programmed.status == "True"
    assert programmed.message.endswith("1 of 2 proxies are ready. More cannot be made: exceeded quota.")
