"""What others change of a Gateway's objects is set right: at once, ever later if they insist, and theirs stays."""

from typing import Any

import pytest

from k8s_apply.api import Json
from k8s_apply.infra.names import infra_key
from k8s_apply.kinds import INFRASTRUCTURE, SERVICE_ACCOUNT
from k8s_watch.keys import AnyKind, ObjectKey
from k8s_watch.kinds import CONFIG_MAP, DEPLOYMENT, SECRET, SERVICE
from tests.flow.virtual_clock import VirtualClock, settle
from tests.k8s_apply.fake_writer import FakeWriter, names
from tests.k8s_apply.gateways import EG, EG_INFRA, SETTINGS, infra
from tests.k8s_apply.running import running
from tests.k8s_apply.site import Site, deployment, edit

OTHER = ObjectKey("default", "other")
OTHER_INFRA = infra_key(OTHER, SETTINGS)


@pytest.mark.parametrize("kind", [DEPLOYMENT, SERVICE, CONFIG_MAP, SECRET])
async def test_an_object_that_somebody_deleted_comes_back_at_once(site: Site, kind: Any) -> None:
    async with running(site.reconciler.run()):
        await site.want(infra())
        site.api.drop(kind, EG_INFRA)
        site.reconciler.saw(site.snapshot({kind.name: frozenset({EG_INFRA})}))
        await settle()
    assert site.present() == {EG_INFRA: 5}


async def test_what_a_snapshot_told_of_that_we_were_not_shown_is_found_in_the_next(site: Site) -> None:
    async with running(site.reconciler.run()):
        await site.want(infra())
        site.reconciler.saw(site.snapshot({}))
        site.api.drop(SERVICE, EG_INFRA)
        site.reconciler.saw(site.snapshot({}, revision=3))
        await settle()
        assert site.api.peek(SERVICE, EG_INFRA)


async def test_what_went_while_everything_was_looked_at_comes_back(site: Site) -> None:
    """A slow server lists one kind after the other, for half a minute in all: by then the first is old."""
    async with running(site.reconciler.run()):
        await site.want(infra())
        site.leading.publish(False)
        await settle()
        site.api.slow = {"list": 5.0}
        site.leading.publish(True)
        await site.clock.advance(5.0 * (len(INFRASTRUCTURE) + 1) - 2.5)
        assert site.api.seen("list")[-1].kind == INFRASTRUCTURE[-1].name  # the Deployments have been listed
        site.api.drop(DEPLOYMENT, EG_INFRA)
        site.reconciler.saw(site.snapshot({"Deployment": frozenset({EG_INFRA})}))
        await site.clock.advance(10)
    assert site.present() == {EG_INFRA: 5}


async def test_a_deployment_that_somebody_edited_is_set_right(site: Site) -> None:
    async with running(site.reconciler.run()):
        await site.want(infra())
        edit(site.api, revisionHistoryLimit=10)
        site.reconciler.saw(site.snapshot())
        await settle()
    assert deployment(site.api)["revisionHistoryLimit"] == 2


async def test_a_service_that_somebody_edited_is_set_right(site: Site) -> None:
    """At once: it has no generation, and nobody can come until then."""
    async with running(site.reconciler.run()):
        await site.want(infra())
        service = site.api.peek(SERVICE, EG_INFRA) or {}
        site.api.put(SERVICE, EG_INFRA, spec=service["spec"] | {"type": "ClusterIP"})
        site.reconciler.saw(site.snapshot())
        await settle()
    assert (site.api.peek(SERVICE, EG_INFRA) or {})["spec"]["type"] == "LoadBalancer"


async def test_what_somebody_else_undoes_is_repaired_ever_more_slowly(site: Site) -> None:
    """Each time is a rollout of proxies: a quarter of an hour of it. Left alone for as long, it is repaired at once."""
    async with running(site.reconciler.run()):
        await site.want(infra(), infra(OTHER))
        site.api.calls.clear()
        for _ in range(9000):
            if deployment(site.api)["revisionHistoryLimit"] == 2:
                edit(site.api, revisionHistoryLimit=10)
                site.reconciler.saw(site.snapshot())
            await site.clock.advance(0.1)
        assert 5 < len(site.api.writes) < 15
        await site.clock.advance(900)
        edit(site.api, revisionHistoryLimit=10)
        site.reconciler.saw(site.snapshot())
        await settle()
        assert deployment(site.api)["revisionHistoryLimit"] == 2


class Webhook(FakeWriter):
    """A server that lets somebody change what is written before it is stored."""

    async def apply(self, kind: AnyKind, manifest: Json, /, *, field_manager: str) -> Json:
        written = await super().apply(kind, manifest, field_manager=field_manager)
        theirs = {"Deployment": {"revisionHistoryLimit": 10}, "Service": {"type": "NodePort"}}
        if kind.name not in theirs:
            return written
        return self.put(kind, EG_INFRA, spec=written["spec"] | theirs[kind.name])


async def test_what_is_changed_as_we_write_it_is_written_at_each_resync_and_not_in_between(clock: VirtualClock) -> None:
    site = Site(clock, Webhook(clock))
    async with running(site.reconciler.run()):
        await site.want(infra())
        site.api.calls.clear()
        for _ in range(600):
            site.reconciler.saw(site.snapshot())
            await site.clock.advance(1)
        assert len(site.api.seen("apply")) <= 3 * 3
        assert len(site.api.seen("get")) <= 1


async def test_what_somebody_deletes_one_after_the_other_is_one_repair(site: Site) -> None:
    async with running(site.reconciler.run()):
        await site.want(infra())
        for kind in (DEPLOYMENT, SERVICE, CONFIG_MAP):
            site.api.drop(kind, EG_INFRA)
            site.reconciler.saw(site.snapshot())
        await settle()
        assert site.present() == {EG_INFRA: 5}


async def test_a_wish_does_not_wait_for_a_repair(site: Site) -> None:
    async with running(site.reconciler.run()):
        await site.want(infra())
        for present in (5, 4):
            site.api.drop(SERVICE, EG_INFRA)
            site.reconciler.saw(site.snapshot())
            await settle()
            assert site.present() == {EG_INFRA: present}
        await site.want(infra(EG, 80, 8080))
        assert site.present() == {EG_INFRA: 5}


async def test_who_scales_again_and_again_is_no_repair(site: Site) -> None:
    """Nothing is written of what is others', so what is ours is set right as soon as ever."""
    async with running(site.reconciler.run()):
        await site.want(infra())
        for number in range(2, 12):
            edit(site.api, replicas=number)
            site.reconciler.saw(site.snapshot())
            await settle()
        edit(site.api, revisionHistoryLimit=10)
        site.reconciler.saw(site.snapshot())
        await settle()
    assert (deployment(site.api)["revisionHistoryLimit"], deployment(site.api)["replicas"]) == (2, 11)


async def ports_edited(site: Site, *ports: dict[str, Any]) -> list[dict[str, Any]]:
    """Have somebody set the ports of EG's Service; return what they are after a resync, which settles it."""
    async with running(site.reconciler.run()):
        await site.want(infra())
        service = site.api.peek(SERVICE, EG_INFRA) or {}
        site.api.put(SERVICE, EG_INFRA, spec=service["spec"] | {"ports": list(ports)})
        await site.clock.advance(400)
        assert not site.reconciler.problems.value
        site.api.calls.clear()
        await site.clock.advance(1000)
        assert not site.api.writes
    found: list[dict[str, Any]] = (site.api.peek(SERVICE, EG_INFRA) or {})["spec"]["ports"]
    return found


HTTP = {"name": "http-80", "protocol": "TCP", "port": 80, "targetPort": 10080}


async def test_a_service_port_that_somebody_renumbered_is_set_right(site: Site) -> None:
    """An apply alone is invalid: it leaves theirs, which has the name of ours."""
    assert await ports_edited(site, HTTP | {"port": 81}) == [HTTP]


async def test_a_service_port_that_somebody_added_is_closed(site: Site) -> None:
    """An apply alone leaves it, and would be repeated at each resync."""
    assert await ports_edited(site, HTTP, HTTP | {"name": "more", "port": 81}) == [HTTP]


async def test_what_was_wished_while_ports_were_set_right_goes_with_the_wish(site: Site) -> None:
    async with running(site.reconciler.run()):
        await site.want(infra())
        live = site.api.peek(SERVICE, EG_INFRA) or {}
        site.api.put(SERVICE, EG_INFRA, spec=live["spec"] | {"ports": [HTTP | {"port": 81}]})
        await site.want(infra(annotations={"internal": "true"}, labels={"team": "a"}, addresses=("10.0.0.9",)))
        between = site.api.peek(SERVICE, EG_INFRA) or {}
        assert between["spec"]["loadBalancerIP"] == "10.0.0.9"
        assert between["metadata"]["annotations"]["internal"] == "true"
        assert between["spec"]["ports"] == [HTTP]
        await site.want(infra())
    after = site.api.peek(SERVICE, EG_INFRA) or {}
    assert "loadBalancerIP" not in after["spec"]
    assert "internal" not in after["metadata"]["annotations"]
    assert "team" not in after["metadata"]["labels"]


async def test_a_sidecar_that_somebody_added_stays_and_costs_no_call(site: Site) -> None:
    sidecar = {"name": "sidecar", "image": "theirs"}
    async with running(site.reconciler.run()):
        await site.want(infra())
        template = deployment(site.api)["template"]
        pod = template["spec"] | {"containers": [sidecar, *template["spec"]["containers"]]}
        edit(site.api, template=template | {"spec": pod})
        site.api.calls.clear()
        site.reconciler.saw(site.snapshot())
        await site.clock.advance(1000)
        assert not site.api.writes
        await site.want(infra(labels={"team": "a"}))
        assert f"apply Deployment {EG_INFRA.name}" in names(site.api.writes)
    assert sidecar in deployment(site.api)["template"]["spec"]["containers"]


async def test_a_resync_finds_what_nobody_told_of(site: Site) -> None:
    async with running(site.reconciler.run()):
        await site.want(infra())
        site.api.drop(SERVICE_ACCOUNT, EG_INFRA)
        await site.clock.advance(400)
    assert site.present() == {EG_INFRA: 5}


async def test_our_own_writes_and_a_rollout_are_no_drift(site: Site) -> None:
    async with running(site.reconciler.run()):
        await site.want(infra())
        site.api.put(DEPLOYMENT, EG_INFRA, status={"readyReplicas": 1})
        site.api.calls.clear()
        site.reconciler.saw(site.snapshot())
        await settle()
    assert not site.api.calls
