from collections.abc import Callable
from typing import Any

import pytest
import yaml
from immutables import Map

from gateway_api.graph.types import Graph, Parent

type Build = Callable[..., Graph]

GATEWAY = """
kind: Gateway
metadata: {name: eg}
spec:
  gatewayClassName: eg
  listeners:
  - {name: any, port: 80, protocol: HTTP}
  - {name: wild, port: 80, protocol: HTTP, hostname: "*.example.com", allowedRoutes: {namespaces: {from: All}}}
  - {name: exact, port: 8080, protocol: HTTP, hostname: www.example.com}
  - {name: tcp, port: 90, protocol: TCP}
"""


def route(*refs: dict[str, Any], namespace: str = "default", hostnames: tuple[str, ...] = ()) -> str:
    spec = {"parentRefs": list(refs), "hostnames": list(hostnames)}
    return yaml.safe_dump({"kind": "HTTPRoute", "metadata": {"name": "r", "namespace": namespace}, "spec": spec})


def parents(built: Graph, namespace: str = "default") -> tuple[Parent, ...]:
    return built.http["HTTPRoute"].nodes[namespace, "r"].parents


def bound(parent: Parent) -> dict[str, tuple[str, ...]]:
    return {binding.listener: binding.hostnames for binding in parent.bindings}


def reasons(parent: Parent) -> list[str]:
    return [problem.reason for problem in parent.problems]


def attached(built: Graph) -> list[int]:
    return [listener.attached_routes for listener in built.gateways["default", "eg"].listeners]


def test_a_route_is_bound_to_every_listener_that_allows_it(graph: Build) -> None:
    built = graph(GATEWAY, route({"name": "eg"}))
    (parent,) = parents(built)
    assert bound(parent) == {"any": ("*",), "wild": ("*.example.com",), "exact": ("www.example.com",)}
    assert attached(built) == [1, 1, 1, 0]


@pytest.mark.parametrize(
    ("ref", "names"),
    [
        ({"sectionName": "exact"}, ["exact"]),
        ({"port": 80}, ["any", "wild"]),
        ({"sectionName": "wild", "port": 80}, ["wild"]),
        ({"sectionName": ""}, ["any", "wild", "exact"]),
    ],
)
def test_section_name_and_port_select_listeners(ref: dict[str, object], names: list[str], graph: Build) -> None:
    (parent,) = parents(graph(GATEWAY, route({"name": "eg", **ref})))
    assert list(bound(parent)) == names


@pytest.mark.parametrize(
    ("ref", "reason"),
    [
        ({"sectionName": "none"}, "NoMatchingParent"),
        ({"port": 81}, "NoMatchingParent"),
        ({"sectionName": "exact", "port": 80}, "NoMatchingParent"),
        ({"sectionName": "tcp"}, "NotAllowedByListeners"),
        ({"sectionName": "exact"}, "NoMatchingListenerHostname"),
    ],
)
def test_a_parent_that_takes_nothing_says_why(ref: dict[str, object], reason: str, graph: Build) -> None:
    built = graph(GATEWAY, route({"name": "eg", **ref}, hostnames=("other.com",)))
    (parent,) = parents(built)
    assert (bound(parent), reasons(parent)) == ({}, [reason])
    assert attached(built) == [0, 0, 0, 0]
    assert built.http["HTTPRoute"].of == Map()


def test_hostnames_that_a_listener_does_not_have_are_left_out(graph: Build) -> None:
    (parent,) = parents(graph(GATEWAY, route({"name": "eg"}, hostnames=("a.example.com", "other.com"))))
    assert bound(parent) == {"any": ("a.example.com", "other.com"), "wild": ("a.example.com",)}


def test_from_another_namespace_only_listeners_that_allow_it_take_the_route(graph: Build) -> None:
    ref = {"name": "eg", "namespace": "default"}
    (parent,) = parents(graph(GATEWAY, route(ref, namespace="other")), "other")
    assert list(bound(parent)) == ["wild"]
    (parent,) = parents(graph(GATEWAY, route({**ref, "port": 8080}, namespace="other")), "other")
    assert reasons(parent) == ["NotAllowedByListeners"]


@pytest.mark.parametrize(
    ("selector", "allowed"),
    [
        ({"matchLabels": {"team": "a"}}, True),
        ({"matchLabels": {"team": "b"}}, False),
        ({"matchLabels": {"kubernetes.io/metadata.name": "other"}}, True),
        ({"matchExpressions": [{"key": "team", "operator": "In", "values": ["a", "b"]}]}, True),
        ({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["a"]}]}, False),
        ({"matchExpressions": [{"key": "none", "operator": "NotIn", "values": ["a"]}]}, True),
        ({"matchExpressions": [{"key": "team", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}, False),
        ({}, True),
    ],
)
def test_a_selector_chooses_namespaces_by_label(selector: dict[str, object], allowed: bool, graph: Build) -> None:
    gateway = yaml.safe_load(GATEWAY)
    gateway["spec"]["listeners"][0]["allowedRoutes"] = {"namespaces": {"from": "Selector", "selector": selector}}
    namespace = "{kind: Namespace, metadata: {name: other, labels: {team: a}}}"
    theirs = route({"name": "eg", "namespace": "default", "sectionName": "any"}, namespace="other")
    (parent,) = parents(graph(yaml.safe_dump(gateway), namespace, theirs), "other")
    assert bool(parent.bindings) == allowed


def test_from_none_allows_nobody(graph: Build) -> None:
    gateway = GATEWAY.replace("from: All", "from: None")
    (parent,) = parents(graph(gateway, route({"name": "eg", "sectionName": "wild"})))
    assert reasons(parent) == ["NotAllowedByListeners"]


@pytest.mark.parametrize(
    "ref", [{"name": "none"}, {"name": "eg", "kind": "Service"}, {"name": "eg", "group": "x.io"}, {"namespace": "x"}]
)
def test_a_route_of_other_parents_is_not_ours(ref: dict[str, object], graph: Build) -> None:
    assert graph(GATEWAY, route({"name": "eg", **ref})).http["HTTPRoute"].nodes == Map()


def test_each_parent_ref_is_judged_and_a_listener_counts_a_route_once(graph: Build) -> None:
    any_: dict[str, Any] = {"name": "eg", "sectionName": "any"}
    built = graph(GATEWAY, route(any_, {"name": "eg", "port": 80}, {"name": "eg", "sectionName": "no"}, any_))
    assert [reasons(parent) for parent in parents(built)] == [[], [], ["NoMatchingParent"]]
    assert attached(built) == [1, 1, 0, 0]


def test_a_route_stays_attached_while_its_listener_cannot_be_served(graph: Build) -> None:
    gateway = """
    kind: Gateway
    metadata: {name: eg}
    spec: {gatewayClassName: eg, listeners: [{name: s, port: 443, protocol: HTTPS}]}
    """
    built = graph(gateway, route({"name": "eg"}))
    assert bound(parents(built)[0]) == {"s": ("*",)}
    assert attached(built) == [1]


def test_routes_of_a_gateway_come_oldest_first(graph: Build) -> None:
    texts = [
        yaml.safe_dump(
            {
                "kind": "HTTPRoute",
                "metadata": {"name": name, "creationTimestamp": f"2026-01-0{day}T00:00:00Z"},
                "spec": {"parentRefs": [{"name": "eg"}]},
            }
        )
        for name, day in [("a", 2), ("c", 1), ("b", 1)]
    ]
    built = graph(GATEWAY, *texts)
    assert [key.name for key in built.http["HTTPRoute"].of["default", "eg"]] == ["b", "c", "a"]
