"""What runs for a Gateway is read from its own objects only."""

from typing import Any

import msgspec
import pytest

import k8s_apply
from gateway_api.ir.infra import Address, GatewayInfra
from k8s_apply.infra.names import infra_key
from k8s_apply.infra.observed import InfraKeeper, Nodes, observe
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.core import Deployment, Service
from k8s_watch.objects.meta import Meta
from k8s_watch.snapshot import ClusterSnapshot
from tests.k8s_apply.gateways import EG, EG_INFRA, SETTINGS, infra, objects
from tests.lines import lines_run

NODES = {"n3": ("192.0.2.3",), "n1": ("192.0.2.1", "2001:db8::1"), "n2": ("192.0.2.2", "192.0.2.1")}


def seen(
    spec: dict[str, Any] | None = None,
    status: dict[str, Any] | None = None,
    *,
    nodes: Nodes | None = None,
    **labels: str,
) -> GatewayInfra:
    """What is observed of EG when its Service differs from the desired one in this."""
    made = objects(infra())
    service = made["Service"] | {"spec": made["Service"]["spec"] | (spec or {}), "status": status or {}}
    service["metadata"] = service["metadata"] | {"labels": service["metadata"]["labels"] | labels}
    deployment = made["Deployment"] | {"status": {"readyReplicas": 1}}
    cluster = ClusterSnapshot(
        revision=1,
        services={EG_INFRA: msgspec.convert(service, Service)},
        deployments={EG_INFRA: msgspec.convert(deployment, Deployment)},
    )
    return observe(cluster, SETTINGS, [EG], {}, nodes).gateways[EG]


@pytest.mark.parametrize(
    ("spec", "status", "addresses"),
    [
        ({}, {}, ()),
        ({}, {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}, {"ip": "192.0.2.1"}]}}, ("192.0.2.1",)),
        ({}, {"loadBalancer": {"ingress": [{"hostname": "lb.example"}]}}, ("lb.example",)),
        ({"loadBalancerIP": "192.0.2.9"}, {}, ()),
        ({"loadBalancerIP": "192.0.2.9"}, {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}, ("192.0.2.1",)),
        ({"type": "ClusterIP", "clusterIP": "10.0.0.1"}, {}, ("10.0.0.1",)),
        (
            {"type": "NodePort", "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1", "fd00::1"]},
            {},
            ("10.0.0.1", "fd00::1"),
        ),
        ({"type": "ClusterIP", "clusterIP": "None"}, {}, ()),
    ],
)
def test_addresses_come_from_the_service(
    spec: dict[str, Any], status: dict[str, Any], addresses: tuple[str, ...]
) -> None:
    assert tuple(address.value for address in seen(spec, status).addresses) == addresses


def test_a_service_that_is_being_deleted_has_no_addresses() -> None:
    service = objects(infra())["Service"] | {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}
    service["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    cluster = ClusterSnapshot(revision=1, services={EG_INFRA: msgspec.convert(service, Service)})
    assert observe(cluster, SETTINGS, [EG], {}).gateways[EG].addresses == ()


@pytest.mark.parametrize(
    ("ips", "nodes", "addresses"),
    [
        (["10.0.0.1"], Nodes(NODES, None), ("192.0.2.1", "192.0.2.2", "192.0.2.3")),
        (["fd00::1"], Nodes(NODES, None), ("2001:db8::1",)),
        (["10.0.0.1", "fd00::1"], Nodes(NODES, {EG_INFRA: {"n1", "gone"}}), ("192.0.2.1", "2001:db8::1")),
        (["10.0.0.1"], Nodes(NODES, {}), ()),
        (
            ["10.0.0.1"],
            Nodes({str(n): (f"192.0.2.{n}",) for n in range(10, 50)}, None),
            tuple(f"192.0.2.{n}" for n in range(10, 26)),
        ),
    ],
    ids=["all", "of the family", "with a proxy", "no proxy", "as many as a status has room for"],
)
def test_ports_of_nodes_are_at_the_nodes(ips: list[str], nodes: Nodes, addresses: tuple[str, ...]) -> None:
    spec = {"type": "NodePort", "clusterIP": ips[0], "clusterIPs": ips}
    assert tuple(address.value for address in seen(spec, nodes=nodes).addresses) == addresses


def test_a_name_is_a_hostname_and_a_number_an_ip_address() -> None:
    found = seen({}, {"loadBalancer": {"ingress": [{"hostname": "lb.example", "ip": "192.0.2.1"}]}})
    assert found.addresses == (Address("IPAddress", "192.0.2.1"), Address("Hostname", "lb.example"))


def test_replicas_come_from_the_deployment() -> None:
    found = seen()
    assert (found.replicas_wanted, found.replicas_ready) == (1, 1)


def test_somebody_elses_service_of_that_name_does_not_count() -> None:
    ingress = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
    others: dict[str, Any] = {"gateway.envoyproxy.io/owning-gateway-name": "other"}
    assert seen({}, ingress, **others).addresses == ()


def test_a_gateway_without_anything_has_nothing() -> None:
    nothing = observe(ClusterSnapshot(revision=1), SETTINGS, [ObjectKey("default", "new")], {})
    assert nothing.gateways == {ObjectKey("default", "new"): GatewayInfra()}


def test_what_stands_in_a_gateways_way_is_its_own_problem() -> None:
    report = observe(ClusterSnapshot(revision=1), SETTINGS, [EG, ObjectKey("default", "new")], {EG: "name is taken"})
    assert [of.problem for of in report.gateways.values()] == ["name is taken", ""]


def test_why_pods_may_not_be_made_is_in_the_deployment() -> None:
    quota = 'pods "envoy-x" is forbidden: exceeded quota: none.'
    assert _with_condition("ReplicaFailure", "True", quota).shortage == quota.rstrip(".")
    assert _with_condition("ReplicaFailure", "False", quota).shortage == ""
    assert _with_condition("Available", "True", "it is").shortage == ""


def _with_condition(type_: str, status: str, message: str) -> GatewayInfra:
    made = objects(infra())["Deployment"]
    made |= {"status": {"conditions": [{"type": type_, "status": status, "message": message}]}}
    cluster = ClusterSnapshot(revision=1, deployments={EG_INFRA: msgspec.convert(made, Deployment)})
    return observe(cluster, SETTINGS, [EG], {}).gateways[EG]


NEW, OTHER = ObjectKey("default", "new"), ObjectKey("apps", "eg")


def owned(gateway: ObjectKey, ip: str) -> dict[ObjectKey, Service]:
    """The Service of a Gateway's proxies, at this address."""
    made = objects(infra(gateway))["Service"] | {"status": {"loadBalancer": {"ingress": [{"ip": ip}]}}}
    return {infra_key(gateway, SETTINGS): msgspec.convert(made, Service)}


def test_what_is_kept_equals_what_is_observed_as_gateways_and_their_services_come_and_go() -> None:
    keeper = InfraKeeper(SETTINGS)
    user = {ObjectKey("default", "web"): Service(metadata=Meta(name="web", namespace="default"))}
    keys = {gateway: infra_key(gateway, SETTINGS) for gateway in (EG, NEW, OTHER)}
    steps: list[tuple[dict[ObjectKey, Service], set[ObjectKey], set[ObjectKey] | None]] = [
        (owned(EG, "192.0.2.1"), {EG}, None),
        (owned(EG, "192.0.2.2"), {EG}, {keys[EG]}),
        (owned(EG, "192.0.2.2"), {EG, NEW, OTHER}, set()),
        (owned(EG, "192.0.2.2") | owned(NEW, "192.0.2.3") | user, {EG, NEW, OTHER}, {keys[NEW], *user}),
        (owned(NEW, "192.0.2.3") | owned(OTHER, "192.0.2.4"), {EG, OTHER}, {keys[EG], keys[OTHER]}),
        (owned(NEW, "192.0.2.5") | owned(OTHER, "192.0.2.4"), {EG, OTHER}, {keys[NEW]}),
        (owned(NEW, "192.0.2.5") | owned(OTHER, "192.0.2.4"), {NEW}, set()),
    ]
    for revision, (services, gateways, moved) in enumerate(steps):
        cluster = ClusterSnapshot(revision=revision, services=services)
        changed = None if moved is None else {"Service": moved}
        kept = keeper.update(cluster, gateways, {}, None, changed=changed)
        assert dict(kept) == observe(cluster, SETTINGS, gateways, {}).gateways


def test_what_is_no_gateways_leaves_all_as_it_was() -> None:
    keeper, cluster, gateways = InfraKeeper(SETTINGS), ClusterSnapshot(revision=1), frozenset({EG, NEW})
    before = keeper.update(cluster, gateways, {}, None, changed=None)
    user = {"Service": {ObjectKey("default", "web")}, "Secret": {infra_key(EG, SETTINGS)}}
    assert keeper.update(cluster, gateways, {}, None, changed=user) is before


def test_what_stands_in_the_way_of_one_gateway_costs_no_look_at_others() -> None:
    """Where it is a quota, it may stand in the way of a thousand, one after the other."""

    def lines(count: int) -> int:
        keeper, cluster = InfraKeeper(SETTINGS), ClusterSnapshot(revision=1)
        gateways = frozenset(ObjectKey("default", f"g{number}") for number in range(count))
        keeper.update(cluster, gateways, {}, None, changed=None)
        problems = {ObjectKey("default", "g0"): "a quota"}

        def look() -> None:
            kept = keeper.update(cluster, gateways, problems, None, changed={})
            assert kept[ObjectKey("default", "g0")].problem == "a quota"

        return lines_run(look, k8s_apply)

    assert lines(40) == lines(10)


def test_other_nodes_are_other_addresses_of_all() -> None:
    made = objects(infra())["Service"]
    service = msgspec.convert(made | {"spec": made["spec"] | {"type": "NodePort"}}, Service)
    cluster, keeper = ClusterSnapshot(revision=1, services={EG_INFRA: service}), InfraKeeper(SETTINGS)
    keeper.update(cluster, {EG}, {}, None, changed=None)
    nodes = Nodes(NODES, None)
    kept = keeper.update(cluster, {EG}, {}, nodes, changed={})
    assert dict(kept) == observe(cluster, SETTINGS, [EG], {}, nodes).gateways
    assert kept[EG].addresses
