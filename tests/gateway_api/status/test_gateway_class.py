"""A GatewayClass says whether the CRDs of the Gateway API are of a version that we know."""

from collections.abc import Callable, Mapping

import pytest

from gateway_api.graph.change import GraphChange
from gateway_api.graph.types import Graph
from gateway_api.ir.fleet import FleetReport
from gateway_api.ir.infra import InfraReport
from gateway_api.status.build import build_statuses
from gateway_api.status.keeper import StatusKeeper
from gateway_api.status.types import Condition, GatewayClassStatus, Statuses, StatusKey
from k8s_watch.keys import ObjectKey

EG = StatusKey(kind="GatewayClass", key=ObjectKey("", "eg"))
HTTP, GRPC = "httproutes.gateway.networking.k8s.io", "grpcroutes.gateway.networking.k8s.io"

type Build = Callable[..., Graph]


def conditions(statuses: Statuses) -> dict[str, Condition]:
    found = statuses[EG]
    assert isinstance(found, GatewayClassStatus)
    return {condition.type: condition for condition in found.conditions}


def said(graph: Graph, bundles: Mapping[str, str] | None) -> dict[str, Condition]:
    return conditions(build_statuses(graph, FleetReport(), InfraReport(bundles=bundles)))


def test_crds_of_our_version_are_supported_whatever_their_last_number(graph: Build) -> None:
    version = said(graph(), {HTTP: "v1.6.0", GRPC: "v1.6.3"})["SupportedVersion"]
    assert (version.status, version.reason) == ("True", "SupportedVersion")
    assert "v1.6.0 and v1.6.3" in version.message


@pytest.mark.parametrize("other", ["v1.5.1", "v1.60.0", "v2.0.0", ""])
def test_one_of_another_version_or_of_none_is_named_and_the_class_is_served(other: str, graph: Build) -> None:
    found = said(graph(), {HTTP: "v1.6.3", GRPC: other})
    version = found["SupportedVersion"]
    assert (version.status, version.reason) == ("False", "UnsupportedVersion")
    assert f"{other or 'no version'} ({GRPC})" in version.message
    assert "v1.6" in version.message
    assert HTTP not in version.message
    assert found["Accepted"].status == "True"


def test_many_of_another_version_are_mentioned_in_part(graph: Build) -> None:
    crds = {f"c{number}.gateway.networking.k8s.io": "v1.2.0" for number in range(30)}
    assert len(said(graph(), crds)["SupportedVersion"].message) < 1000


def test_who_may_not_look_says_nothing_of_versions(graph: Build) -> None:
    assert said(graph(), None).keys() == {"Accepted"}


def test_new_crds_are_said_though_nothing_else_changed(graph: Build) -> None:
    keeper, of = StatusKeeper(), graph()
    keeper.update(of, GraphChange(), FleetReport(), InfraReport())
    statuses, changed = keeper.update(of, GraphChange(), FleetReport(), InfraReport(bundles={HTTP: "v1.5.0"}))
    assert changed == {EG}
    assert conditions(statuses)["SupportedVersion"].status == "False"
