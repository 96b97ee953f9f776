"""How many proxies a Gateway has is others' to say, unless it is set; so is who reaches them, and where they run."""

from typing import Literal

import pytest

from k8s_apply.api import Json
from k8s_apply.infra.handover import handover
from k8s_apply.infra.settings import FIELD_MANAGER, InfraSettings
from k8s_watch.kinds import DEPLOYMENT, SERVICE
from tests.flow.virtual_clock import VirtualClock, settle
from tests.k8s_apply.fake_writer import FakeWriter, names
from tests.k8s_apply.gateways import EG_INFRA, infra, objects
from tests.k8s_apply.running import running
from tests.k8s_apply.site import Site, deployment, edit

THREE = InfraSettings(replicas=3)


def scaled(manager: str, operation: str) -> Json:
    """A Deployment with five replicas, which somebody said in this way last."""
    ours = objects(infra())["Deployment"]
    said = {"manager": manager, "operation": operation, "fieldsV1": {"f:spec": {"f:replicas": {}}}}
    metadata = ours["metadata"] | {"resourceVersion": "1", "managedFields": [said]}
    return ours | {"metadata": metadata, "spec": ours["spec"] | {"replicas": 5}}


@pytest.mark.parametrize(
    ("manager", "operation"), [(FIELD_MANAGER, "Update"), ("kubectl", "Apply"), ("kube-controller-manager", "Update")]
)
def test_what_is_others_already_is_not_handed_over(manager: str, operation: str) -> None:
    assert handover(scaled(manager, operation), objects(infra())["Deployment"]) is None


def test_what_is_ours_is_handed_over_once_it_is_said_no_more() -> None:
    live = scaled(FIELD_MANAGER, "Apply")
    handed = handover(live, objects(infra())["Deployment"])
    assert handed
    assert (handed["metadata"]["resourceVersion"], handed["spec"]) == ("1", {"replicas": 5})
    assert handover(live, objects(infra(), THREE)["Deployment"]) is None


async def test_a_new_deployment_has_one_replica(site: Site) -> None:
    async with running(site.reconciler.run()):
        await site.want(infra())
    assert deployment(site.api)["replicas"] == 1


async def test_a_number_that_is_set_is_kept(clock: VirtualClock, api: FakeWriter) -> None:
    site = Site(clock, api, THREE)
    async with running(site.reconciler.run()):
        await site.want(infra())
        edit(api, replicas=5)
        site.reconciler.saw(site.snapshot())
        await settle()
    assert deployment(api)["replicas"] == 3


async def test_who_scales_a_deployment_is_not_interfered_with(site: Site) -> None:
    """By hand or by an autoscaler: neither at once, nor by a resync, nor by our next change, nor by a new leader."""
    async with running(site.reconciler.run()):
        await site.want(infra())
        edit(site.api, replicas=5)
        site.api.calls.clear()
        site.reconciler.saw(site.snapshot())
        await site.clock.advance(1000)
        assert not site.api.writes
        await site.want(infra(labels={"team": "a"}))
        assert f"apply Deployment {EG_INFRA.name}" in names(site.api.writes)
        assert deployment(site.api)["replicas"] == 5
    successor = Site(site.clock, site.api)
    async with running(successor.reconciler.run()):
        await successor.want(infra())
        assert deployment(site.api)["replicas"] == 5


async def test_a_number_that_is_set_no_more_stays_and_is_others_from_then_on(
    clock: VirtualClock, api: FakeWriter
) -> None:
    before = Site(clock, api, THREE)
    async with running(before.reconciler.run()):
        await before.want(infra())
    site = Site(clock, api)
    async with running(site.reconciler.run()):
        await site.want(infra())
        assert deployment(api)["replicas"] == 3
        for replicas in (7, 2):
            edit(api, replicas=replicas)
            site.reconciler.saw(site.snapshot())
            await site.want(infra(labels={"scaled-to": str(replicas)}))
            assert deployment(api)["replicas"] == replicas
    again = Site(clock, api, THREE)
    async with running(again.reconciler.run()):
        await again.want(infra())
    assert deployment(api)["replicas"] == 3


async def test_the_number_of_a_predecessor_of_the_same_manager_stays(site: Site) -> None:
    """Envoy Gateway's, and ours of a version that always applied one."""
    ours = objects(infra())["Deployment"]
    theirs = ours | {"spec": {"replicas": 5, "selector": ours["spec"]["selector"]}}
    await site.api.apply(DEPLOYMENT, theirs, field_manager=FIELD_MANAGER)
    async with running(site.reconciler.run()):
        await site.want(infra())
    assert deployment(site.api)["replicas"] == 5
    assert "template" in deployment(site.api)


PLACED = {
    "affinity": {"nodeAffinity": {}},
    "nodeSelector": {"pool": "edge"},
    "priorityClassName": "high",
    "tolerations": [{"key": "edge"}],
    "topologySpreadConstraints": [{"topologyKey": "zone"}],
}


async def test_where_a_predecessor_of_the_same_manager_had_pods_run_stays_and_is_others(site: Site) -> None:
    """And so does its number, whichever comes first."""
    ours = objects(infra())["Deployment"]
    template = {"spec": {**PLACED, "hostNetwork": True}}
    theirs = ours | {"spec": {"replicas": 5, "selector": ours["spec"]["selector"], "template": template}}
    await site.api.apply(DEPLOYMENT, theirs, field_manager=FIELD_MANAGER)
    async with running(site.reconciler.run()):
        await site.want(infra())
        pod = deployment(site.api)["template"]["spec"]
        assert PLACED.items() <= pod.items()
        assert "hostNetwork" not in pod
        assert deployment(site.api)["replicas"] == 5
        template = deployment(site.api)["template"]
        edit(site.api, template=template | {"spec": pod | {"nodeSelector": {"pool": "other"}}})
        await site.want(infra(labels={"team": "a"}))
        assert deployment(site.api)["template"]["spec"]["nodeSelector"] == {"pool": "other"}


async def test_a_number_that_is_let_go_takes_nothing_along_that_was_handed_over(
    clock: VirtualClock, api: FakeWriter
) -> None:
    ours = objects(infra())["Deployment"]
    theirs = ours | {"spec": {"selector": ours["spec"]["selector"], "template": {"spec": PLACED}}}
    await api.apply(DEPLOYMENT, theirs, field_manager=FIELD_MANAGER)
    for settings, number in ((THREE, 3), (InfraSettings(), 3)):
        site = Site(clock, api, settings)
        async with running(site.reconciler.run()):
            await site.want(infra())
        assert PLACED.items() <= deployment(api)["template"]["spec"].items()
        assert deployment(api)["replicas"] == number


async def test_a_load_balancer_that_a_predecessor_restricted_stays_so(site: Site) -> None:
    """Without source ranges it is open to all."""
    restricted = {"loadBalancerSourceRanges": ["192.0.2.0/24"], "loadBalancerClass": "example.com/internal"}
    ours = objects(infra())["Service"]
    theirs = ours | {"spec": ours["spec"] | restricted | {"loadBalancerIP": "192.0.2.1"}}
    await site.api.apply(SERVICE, theirs, field_manager=FIELD_MANAGER)
    async with running(site.reconciler.run()):
        await site.want(infra())
        await site.want(infra(labels={"team": "a"}))
    spec = (site.api.peek(SERVICE, EG_INFRA) or {})["spec"]
    assert restricted.items() <= spec.items()
    assert "loadBalancerIP" not in spec


@pytest.mark.parametrize("types", [["ClusterIP"], ["LoadBalancer", "NodePort"]])
async def test_a_service_of_another_type_has_nothing_of_a_load_balancers(
    clock: VirtualClock, api: FakeWriter, types: list[Literal["LoadBalancer", "NodePort", "ClusterIP"]]
) -> None:
    """The API server would refuse it."""
    ours = objects(infra())["Service"]
    theirs = ours | {"spec": ours["spec"] | {"loadBalancerSourceRanges": ["192.0.2.0/24"]}}
    await api.apply(SERVICE, theirs, field_manager=FIELD_MANAGER)
    for type_ in types:
        site = Site(clock, api, InfraSettings(service_type=type_))
        async with running(site.reconciler.run()):
            await site.want(infra())
    assert "loadBalancerSourceRanges" not in (api.peek(SERVICE, EG_INFRA) or {})["spec"]


async def test_who_scales_while_we_let_go_of_the_number_wins(clock: VirtualClock, api: FakeWriter) -> None:
    before = Site(clock, api, THREE)
    async with running(before.reconciler.run()):
        await before.want(infra())
    site = Site(clock, api)
    site.authority = before.authority
    api.before_write.append(lambda: edit(api, replicas=9))
    async with running(site.reconciler.run()):
        await site.want(infra())
        await clock.advance(5)
    assert not api.before_write
    assert not site.reconciler.problems.value
    assert deployment(api)["replicas"] == 9
