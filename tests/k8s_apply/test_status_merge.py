"""Our part of a status changes, and nobody else's."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_api.ir.infra import Address
from gateway_api.status.types import (
    AncestorStatus,
    Condition,
    GatewayClassStatus,
    GatewayStatus,
    ListenerSetStatus,
    ListenerStatus,
    ParentStatus,
    PolicyStatus,
    RouteStatus,
)
from k8s_apply.status_merge import ANCESTORS, MAX_MESSAGE, PARENTS, has_others_entries, merge
from k8s_watch.objects.gateway import RouteGroupKind
from k8s_watch.objects.routes import ParentReference

OURS, THEIRS = "example.com/ours", "example.com/theirs"
THEN, NOW = "2026-01-01T00:00:00Z", "2026-02-02T00:00:00Z"


def condition(type_: str = "Accepted", status: str = "True", message: str = "", generation: int = 1) -> Condition:
    return Condition(type=type_, status=status, reason=type_, message=message, observed_generation=generation)


def route_wish(*parents: ParentReference | str, status: str = "True") -> RouteStatus:
    refs = [ParentReference(name=parent) if isinstance(parent, str) else parent for parent in parents]
    entries = tuple(ParentStatus(parent_ref=ref, conditions=(condition(status=status),)) for ref in refs)
    return RouteStatus(controller_name=OURS, parents=entries)


def entry(name: str, controller: str = OURS, since: str = THEN, **ref: Any) -> dict[str, Any]:
    observed = {"type": "Accepted", "status": "True", "reason": "Accepted", "message": ""}
    observed |= {"observedGeneration": 1, "lastTransitionTime": since}
    return {"parentRef": {"name": name} | ref, "controllerName": controller, "conditions": [observed]}


def route(*parents: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": "r", "namespace": "default"}, "status": {"parents": list(parents)}}


def merged_parents(observed: dict[str, Any], wanted: RouteStatus) -> list[dict[str, Any]]:
    merged = merge(observed, wanted, now=NOW)
    assert merged is not None
    parents: list[dict[str, Any]] = merged["status"]["parents"]
    return parents


def test_an_object_without_status_gets_one() -> None:
    (parent,) = merged_parents({"metadata": {"namespace": "default"}}, route_wish("eg"))
    assert parent["parentRef"] == {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "eg"}
    assert parent["controllerName"] == OURS
    assert parent["conditions"][0]["lastTransitionTime"] == NOW


def test_what_is_as_wished_is_left_alone() -> None:
    assert merge(route(entry("eg")), route_wish("eg"), now=NOW) is None


@pytest.mark.parametrize(
    "ref",
    [
        ParentReference(name="eg", namespace="default"),
        ParentReference(name="eg", namespace="default", section_name="http", port=80),
    ],
)
def test_a_parent_is_found_whether_defaults_are_spelled_out_or_not(ref: ParentReference) -> None:
    observed = entry("eg", group="gateway.networking.k8s.io", kind="Gateway")
    observed["parentRef"] |= {"sectionName": ref.section_name, "port": ref.port} if ref.port else {}
    (parent,) = merged_parents(route(observed), route_wish(ref))
    assert parent["parentRef"]["namespace"] == "default"
    assert parent["conditions"] == observed["conditions"]


def test_sections_and_ports_are_parents_of_their_own() -> None:
    refs = [
        ParentReference(name="eg"),
        ParentReference(name="eg", section_name="a"),
        ParentReference(name="eg", port=80),
    ]
    assert len(merged_parents(route(), route_wish(*refs))) == 3


def test_a_changed_status_is_stamped_and_an_unchanged_one_keeps_its_time() -> None:
    (parent,) = merged_parents(route(entry("eg")), route_wish("eg", status="False"))
    assert parent["conditions"][0]["lastTransitionTime"] == NOW
    wanted = RouteStatus(
        controller_name=OURS,
        parents=(ParentStatus(parent_ref=ParentReference(name="eg"), conditions=(condition(generation=2),)),),
    )
    (parent,) = merged_parents(route(entry("eg")), wanted)
    assert (parent["conditions"][0]["observedGeneration"], parent["conditions"][0]["lastTransitionTime"]) == (2, THEN)


def test_others_entries_stay_in_their_place() -> None:
    """Only our controllerName's entries are touched."""
    observed = route(entry("a", THEIRS, unknown={"field": 1}), entry("old"), entry("eg", THEIRS), entry("eg"))
    parents = merged_parents(observed, route_wish("eg", "new"))
    assert [(p["parentRef"]["name"], p["controllerName"]) for p in parents] == [
        ("a", THEIRS),
        ("eg", THEIRS),
        ("eg", OURS),
        ("new", OURS),
    ]
    assert parents[0] is observed["status"]["parents"][0]


def test_withdrawing_leaves_others_only() -> None:
    assert merged_parents(route(entry("eg"), entry("eg", THEIRS)), route_wish()) == [entry("eg", THEIRS)]
    assert merge(route(entry("eg", THEIRS)), route_wish(), now=NOW) is None


def test_more_parents_than_fit_are_cut_from_ours() -> None:
    theirs = [entry(f"g{n}", THEIRS) for n in range(30)]
    parents = merged_parents(route(*theirs), route_wish("a", "b", "c"))
    assert parents[:30] == theirs
    assert len(parents) == PARENTS.at_most


def test_a_policys_ancestors_are_shared_as_a_routes_parents_are() -> None:
    refs = (ParentReference(name=f"g{n}", namespace="default") for n in range(20))
    wanted = PolicyStatus(
        controller_name=OURS,
        ancestors=tuple(AncestorStatus(ancestor_ref=ref, conditions=(condition(),)) for ref in refs),
    )
    theirs = {"ancestorRef": {"name": "g0"}, "controllerName": THEIRS, "conditions": []}
    observed = {"metadata": {"name": "p", "namespace": "default"}, "status": {"ancestors": [theirs]}}
    merged = merge(observed, wanted, now=NOW)
    assert merged is not None
    ancestors = merged["status"]["ancestors"]
    assert (len(ancestors), ancestors[0]) == (ANCESTORS.at_most, theirs)
    assert has_others_entries(merged, OURS)
    assert merge(merged, wanted, now="later") is None
    withdrawn = merge(merged, PolicyStatus(controller_name=OURS, ancestors=()), now=NOW)
    assert withdrawn == observed


def test_a_stale_condition_of_ours_goes_and_a_policys_stays() -> None:
    observed = entry("eg")
    policy = {"type": "colors.example.com/PolicyAffected", "status": "True", "lastTransitionTime": THEN}
    observed["conditions"] += [{"type": "PartiallyInvalid", "status": "True"}, policy]
    (parent,) = merged_parents(route(observed), route_wish("eg"))
    assert [c["type"] for c in parent["conditions"]] == ["Accepted", "colors.example.com/PolicyAffected"]


def test_a_gateway_gets_addresses_and_listeners() -> None:
    kinds = (RouteGroupKind(kind="HTTPRoute"),)
    listener = ListenerStatus(name="http", supported_kinds=kinds, attached_routes=2, conditions=(condition(),))
    wanted = GatewayStatus(
        conditions=(condition(), condition("Programmed", "False")),
        listeners=(listener,),
        addresses=(Address("IPAddress", "192.0.2.1"),),
    )
    default = {
        "type": "Accepted",
        "status": "Unknown",
        "reason": "Pending",
        "lastTransitionTime": "1970-01-01T00:00:00Z",
    }
    gone = {"name": "gone", "attachedRoutes": 1, "conditions": []}
    observed = {"metadata": {"name": "eg"}, "status": {"conditions": [default], "listeners": [gone], "others": 1}}
    merged = merge(observed, wanted, now=NOW)
    assert merged is not None
    status = merged["status"]
    assert status["addresses"] == [{"type": "IPAddress", "value": "192.0.2.1"}]
    assert [(listener["name"], listener["attachedRoutes"]) for listener in status["listeners"]] == [("http", 2)]
    assert [c["lastTransitionTime"] for c in status["conditions"]] == [NOW, NOW]
    assert status["others"] == 1
    assert merge(merged, wanted, now="later") is None


def test_what_the_watch_leaves_out_is_a_default_not_a_difference() -> None:
    kinds = (RouteGroupKind(kind="HTTPRoute"),)
    plain = condition(generation=0)
    listener = ListenerStatus(name="http", supported_kinds=kinds, attached_routes=0, conditions=(plain,))
    seen = {"type": "Accepted", "status": "True", "reason": "Accepted", "lastTransitionTime": THEN}
    observed = {"status": {"conditions": [seen], "listeners": [{"name": "http", "conditions": [seen]}]}}
    observed["status"]["listeners"][0]["supportedKinds"] = [{"kind": "HTTPRoute"}]
    observed["status"]["addresses"] = [{"value": "192.0.2.1"}]
    wanted = GatewayStatus(conditions=(plain,), listeners=(listener,), addresses=(Address("IPAddress", "192.0.2.1"),))
    assert merge(observed, wanted, now=NOW) is None


def test_a_gateway_class_publishes_its_features_sorted() -> None:
    wanted = GatewayClassStatus(conditions=(condition(),), supported_features=("HTTPRoute", "Gateway"))
    merged = merge({"metadata": {"name": "eg"}}, wanted, now=NOW)
    assert merged is not None
    assert merged["status"]["supportedFeatures"] == [{"name": "Gateway"}, {"name": "HTTPRoute"}]


def test_a_message_that_is_too_long_is_cut() -> None:
    wanted = GatewayClassStatus(conditions=(condition(message="x" * 40000),))
    merged = merge({}, wanted, now=NOW)
    assert merged is not None
    assert len(merged["status"]["conditions"][0]["message"]) == MAX_MESSAGE
    assert merge(merged, wanted, now=NOW) is None


def test_a_route_that_is_wrong_in_all_for_all_its_parents_can_be_told_so() -> None:
    """An API server takes no object of more than 1.5 MiB, and this route has a fifth of it."""
    long = tuple(condition(type_, message="😀" * 40_000) for type_ in ("Accepted", "ResolvedRefs"))
    parents = tuple(ParentStatus(parent_ref=ParentReference(name=f"g{n}"), conditions=long) for n in range(32))
    merged = merge(route(), RouteStatus(controller_name=OURS, parents=parents), now=NOW)
    assert len(msgspec.json.encode(merged)) < 1.2 * 1024 * 1024


GATEWAYS = st.sampled_from(["a", "b", "c"])
REFS = st.builds(
    ParentReference,
    name=GATEWAYS,
    namespace=st.sampled_from([None, "default", "other"]),
    section_name=st.sampled_from([None, "s"]),
    port=st.sampled_from([None, 80]),
)
WISHES = st.builds(
    RouteStatus,
    controller_name=st.just(OURS),
    parents=st.lists(
        st.builds(
            ParentStatus,
            parent_ref=REFS,
            conditions=st.lists(
                st.builds(condition, st.sampled_from(["Accepted", "ResolvedRefs"]), st.sampled_from(["True", "False"])),
                max_size=3,
                unique_by=lambda c: c.type,
            ).map(tuple),
        ),
        max_size=4,
    ).map(tuple),
)
JUNK = st.fixed_dictionaries({}, optional={"extra": st.integers(), "namespace": st.sampled_from(["default", "other"])})
ENTRIES = st.lists(
    st.builds(
        lambda name, controller, junk: entry(name, controller, **junk), GATEWAYS, st.sampled_from([OURS, THEIRS]), JUNK
    ),
    max_size=6,
)


@given(ENTRIES, WISHES)
def test_merging_twice_is_merging_once(entries: list[dict[str, Any]], wanted: RouteStatus) -> None:
    observed = route(*entries)
    merged = merge(observed, wanted, now=NOW) or observed
    assert merge(merged, wanted, now="later") is None


@given(ENTRIES, WISHES)
def test_no_wish_touches_anybody_elses_entries(entries: list[dict[str, Any]], wanted: RouteStatus) -> None:
    observed = route(*entries)
    merged = merge(observed, wanted, now=NOW) or observed
    theirs = [e for e in merged["status"]["parents"] if e["controllerName"] == THEIRS]
    assert theirs == [e for e in entries if e["controllerName"] == THEIRS]


@given(ENTRIES, WISHES)
def test_ours_is_exactly_what_was_wished(entries: list[dict[str, Any]], wanted: RouteStatus) -> None:
    observed = route(*entries)
    merged = merge(observed, wanted, now=NOW) or observed
    refs = [e["parentRef"] for e in merged["status"]["parents"] if e["controllerName"] == OURS]
    found = {(r["name"], r.get("namespace", "default"), r.get("sectionName"), r.get("port")) for r in refs}
    wished = {
        (p.parent_ref.name, p.parent_ref.namespace or "default", p.parent_ref.section_name, p.parent_ref.port)
        for p in wanted.parents
    }
    assert found == wished
    assert len(refs) == len(wished)


def test_the_listeners_of_a_listener_set_are_merged_like_a_gateways() -> None:
    listener = ListenerStatus(name="l", supported_kinds=(), attached_routes=0, conditions=(condition(),))
    wanted = ListenerSetStatus(conditions=(condition(),), listeners=(listener,))
    written = merge({"metadata": {"name": "s"}, "status": {}}, wanted, now=THEN)
    assert written is not None
    assert [one["name"] for one in written["status"]["listeners"]] == ["l"]
    assert merge(written, wanted, now=NOW) is None


def test_a_gateway_without_listener_sets_is_in_place_without_a_count() -> None:
    wanted = GatewayStatus(conditions=(), listeners=(), attached_listener_sets=0)
    assert merge({"metadata": {"name": "g"}, "status": {}}, wanted, now=NOW) is None
    written = merge({"metadata": {"name": "g"}, "status": {"attachedListenerSets": 2}}, wanted, now=NOW)
    assert written is not None
    assert written["status"]["attachedListenerSets"] == 0
