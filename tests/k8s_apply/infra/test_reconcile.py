"""Every wished Gateway gets its objects, keeps them, and takes nobody else's."""

import base64
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from k8s_apply.certificates import CLIENT_LIFE, BadCertificateError, make_authority
from k8s_apply.infra.names import infra_key, secret_key
from k8s_apply.infra.reconcile import PARTING
from k8s_apply.infra.settings import InfraSettings
from k8s_apply.infra.trouble import REMEDY
from k8s_apply.kinds import INFRASTRUCTURE, SERVICE_ACCOUNT
from k8s_watch.api import ApiError
from k8s_watch.keys import ObjectKey
from k8s_watch.kinds import CONFIG_MAP, DEPLOYMENT, SECRET, SERVICE
from tests.certificates import UNKNOWN_KEY
from tests.flow.virtual_clock import VirtualClock, settle
from tests.k8s_apply.fake_writer import EVERYWHERE, FakeWriter, names
from tests.k8s_apply.gateways import EG, EG_INFRA, OWN_NAMESPACE, SETTINGS, infra
from tests.k8s_apply.running import running
from tests.k8s_apply.site import Site

OTHER = ObjectKey("default", "other")
OTHER_INFRA = infra_key(OTHER, SETTINGS)


async def test_a_gateway_gets_its_objects_the_deployment_last(site: Site) -> None:
    async with running(site.reconciler.run()):
        await site.want(infra())
    assert names(site.api.writes) == [
        f"apply {kind.name} {EG_INFRA.name}" for kind in (SERVICE_ACCOUNT, CONFIG_MAP, SECRET, SERVICE, DEPLOYMENT)
    ]


async def test_the_same_wish_again_costs_no_call(site: Site) -> None:
    async with running(site.reconciler.run()):
        await site.want(infra())
        site.api.calls.clear()
        await site.want(infra())
        await site.clock.advance(100)
    assert not site.api.calls


async def test_a_new_leader_writes_nothing_when_nothing_differs(site: Site) -> None:
    """The digest and the fields are compared, not re-applied."""
    async with running(site.reconciler.run()):
        await site.want(infra(), infra(OTHER))
    site.api.calls.clear()
    successor = Site(site.clock, site.api)
    successor.authority = site.authority
    async with running(successor.reconciler.run()):
        await successor.want(infra(), infra(OTHER))
        await site.clock.advance(1000)
    assert site.api.seen("list")
    assert not site.api.writes


async def test_a_new_listener_changes_the_service_alone(site: Site) -> None:
    async with running(site.reconciler.run()):
        await site.want(infra())
        site.api.calls.clear()
        await site.want(infra(EG, 80, 8080))
    assert names(site.api.calls) == [f"apply Service {EG_INFRA.name}"]


async def test_a_deleted_gateway_takes_everything_of_its_own_and_nothing_else(site: Site) -> None:
    async with running(site.reconciler.run()):
        await site.want(infra(), infra(OTHER))
        other = {kind.name: site.api.peek(kind, OTHER_INFRA) for kind in INFRASTRUCTURE}
        await site.want(infra(OTHER))
        await site.clock.advance(PARTING)
    assert site.present() == {OTHER_INFRA: 5}
    assert {kind.name: site.api.peek(kind, OTHER_INFRA) for kind in INFRASTRUCTURE} == other


async def test_a_gateway_that_is_made_again_at_once_keeps_what_it_has(site: Site) -> None:
    """`kubectl replace --force` deletes it first: its load balancer would get another address."""
    async with running(site.reconciler.run()):
        await site.want(infra())
        site.api.calls.clear()
        await site.want()
        await site.clock.advance(PARTING / 2)
        again = msgspec.structs.replace(infra().owner, uid="another")
        await site.want(msgspec.structs.replace(infra(), owner=again))
        await site.clock.advance(60)
        assert not site.api.writes


async def test_who_leads_anew_waits_as_long_for_a_gateway_that_is_made_again(site: Site) -> None:
    async with running(site.reconciler.run()):
        await site.want(infra(), infra(OTHER))
    successor = Site(site.clock, site.api)
    site.api.calls.clear()
    async with running(successor.reconciler.run()):
        await successor.want(infra(OTHER))
        await site.clock.advance(PARTING / 2)
        await successor.want(infra(), infra(OTHER))
        await site.clock.advance(60)
    assert not site.api.seen("delete")


async def test_what_a_gateway_left_behind_while_nobody_led_is_removed(site: Site) -> None:
    async with running(site.reconciler.run()):
        await site.want(infra(), infra(OTHER))
    successor = Site(site.clock, site.api)
    async with running(successor.reconciler.run()):
        await successor.want(infra(OTHER))
        await site.clock.advance(PARTING)
    assert set(site.present()) == {OTHER_INFRA}


async def test_nothing_is_removed_before_the_first_wish(site: Site) -> None:
    """An empty world is fatal: no wish is not a wish for nothing."""
    async with running(site.reconciler.run()):
        await site.want(infra())
    successor = Site(site.clock, site.api)
    site.api.calls.clear()
    async with running(successor.reconciler.run()):
        await site.clock.advance(3600)
        assert not site.api.calls
        await successor.want()
        await site.clock.advance(PARTING)
        assert not site.present()


async def test_a_gateway_that_we_cannot_translate_keeps_what_it_has(site: Site) -> None:
    """A defect of ours must not take down what works; a deletion still does."""
    async with running(site.reconciler.run()):
        await site.want(infra(), infra(OTHER))
    successor = Site(site.clock, site.api)
    async with running(successor.reconciler.run()):
        successor.reconciler.want({OTHER: infra(OTHER)}, keep={EG})
        await site.clock.advance(1000)
        assert site.present() == {EG_INFRA: 5, OTHER_INFRA: 5}
        await successor.want(infra(OTHER))
        await site.clock.advance(PARTING)
        assert site.present() == {OTHER_INFRA: 5}


async def test_a_deletion_names_the_uid_so_that_a_newcomer_of_that_name_stays(site: Site) -> None:
    async with running(site.reconciler.run()):
        await site.want(infra())
        site.api.drop(SERVICE, EG_INFRA)
        site.api.put(SERVICE, EG_INFRA, spec={"type": "ClusterIP"})
        await site.want()
        await site.clock.advance(PARTING)
    assert site.present() == {EG_INFRA: 1}


async def test_another_controllers_proxies_are_not_ours_to_remove(clock: VirtualClock, api: FakeWriter) -> None:
    theirs = msgspec.structs.replace(OWN_NAMESPACE, system_namespace="their-system")
    other = Site(clock, api, theirs)
    async with running(other.reconciler.run()):
        await other.want(infra(OTHER))
    ours = Site(clock, api, OWN_NAMESPACE)
    async with running(ours.reconciler.run()):
        await ours.want(infra())
        await clock.advance(1000)
    assert ours.present() == IN_OWN_NAMESPACE | {OTHER: 4, ObjectKey(OTHER.namespace, OTHER_INFRA.name): 1}


IN_OWN_NAMESPACE = {EG: 4, ObjectKey(EG.namespace, EG_INFRA.name): 1}
"""How many objects of EG bear each key in its own namespace: the Secret has a name of its own."""


async def test_a_gateway_moves_when_the_mode_changes_and_back(clock: VirtualClock, api: FakeWriter) -> None:
    for settings, present in ((SETTINGS, {EG_INFRA: 5}), (OWN_NAMESPACE, IN_OWN_NAMESPACE), (SETTINGS, {EG_INFRA: 5})):
        site = Site(clock, api, settings)
        async with running(site.reconciler.run()):
            await site.want(infra())
        assert site.present() == present


async def test_without_leave_to_look_elsewhere_we_look_after_our_own_namespace(site: Site) -> None:
    site.api.refuse[EVERYWHERE] = ApiError(403, "forbidden")
    async with running(site.reconciler.run()):
        await site.want(infra(), infra(OTHER))
        await site.want(infra(OTHER))
        await site.clock.advance(400)
    assert site.present() == {OTHER_INFRA: 5}
    assert not site.reconciler.problems.value


async def test_what_envoy_gateway_made_for_the_gateway_is_taken_over(site: Site) -> None:
    """The Service is the same object, so its address stays; the selector, which cannot be changed, is theirs."""
    theirs = {
        "app.kubernetes.io/name": "envoy",
        "app.kubernetes.io/component": "proxy",
        "app.kubernetes.io/managed-by": "envoy-gateway",
        "gateway.envoyproxy.io/owning-gateway-name": "eg",
        "gateway.envoyproxy.io/owning-gateway-namespace": "default",
    }
    before = site.api.put(SERVICE, EG_INFRA, metadata={"labels": theirs}, spec={"clusterIP": "10.0.0.7"})
    async with running(site.reconciler.run()):
        await site.want(infra())
    after = site.api.peek(SERVICE, EG_INFRA) or {}
    assert not site.reconciler.problems.value
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["spec"]["clusterIP"] == "10.0.0.7"
    assert (site.api.peek(DEPLOYMENT, EG_INFRA) or {})["spec"]["selector"] == {"matchLabels": theirs}


@pytest.mark.parametrize("kind", [SERVICE_ACCOUNT, DEPLOYMENT])
@pytest.mark.parametrize("settings", [SETTINGS, OWN_NAMESPACE])
async def test_an_object_that_is_not_labelled_as_ours_is_not_taken(
    clock: VirtualClock, api: FakeWriter, settings: InfraSettings, kind: Any
) -> None:
    site = Site(clock, api, settings)
    key = EG if settings.gateway_namespace_mode else EG_INFRA
    api.put(kind, key, metadata={"labels": {"app": "theirs"}})
    async with running(site.reconciler.run()):
        await site.want(infra(), infra(OTHER))
        assert site.present()[key] == 1
        assert "delete or rename it" in site.reconciler.problems.value[EG]
        assert OTHER not in site.reconciler.problems.value
        api.drop(kind, key)
        await clock.advance(120)
        assert sum(site.present().values()) == 10
        assert not site.reconciler.problems.value


NOT_ALLOWED = 'deployments.apps "envoy" is forbidden: User "system:serviceaccount:a:b" cannot patch resource'


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ApiError(401, "token expired"), False),
        (ApiError(403, NOT_ALLOWED), False),
        (ApiError(403, "exceeded quota"), True),
        (ApiError(408, "too slow"), False),
        (ApiError(422, "invalid"), True),
        (ApiError(409, "conflict"), False),
        (ApiError(429, "slow down"), False),
        (ApiError(503, "unavailable"), False),
        (ConnectionResetError("reset"), False),
    ],
)
async def test_a_refusal_is_the_gateways_problem_and_an_outage_is_not(site: Site, error: Exception, told: bool) -> None:
    site.api.refuse["apply"] = error
    async with running(site.reconciler.run()):
        await site.want(infra())
        assert site.reconciler.problems.value == ({EG: str(error)} if told else {})


async def test_one_failing_gateway_does_not_hold_up_another(site: Site) -> None:
    site.api.refuse[EG_INFRA.name] = ApiError(500, "quota")
    async with running(site.reconciler.run()):
        await site.want(infra(), infra(OTHER))
        await site.clock.advance(60)
        assert site.present() == {OTHER_INFRA: 5}
        assert len([call for call in site.api.calls if call.key == EG_INFRA]) < 20
        site.api.refuse.clear()
        await site.clock.advance(60)
    assert site.present() == {OTHER_INFRA: 5, EG_INFRA: 5}


@pytest.mark.parametrize("when", [3, 60])
async def test_who_comes_after_many_whose_objects_take_long_to_fail_does_not_wait(site: Site, when: int) -> None:
    """A webhook may mind the objects of some alone, and never answer."""
    wished = [infra(ObjectKey("bad", f"g{n}")) for n in range(200)]
    for each in wished:
        name = infra_key(each.gateway, SETTINGS).name
        site.api.slow[name], site.api.refuse[name] = 10.0, ApiError(500, "failed calling webhook")
    async with running(site.reconciler.run()):
        await site.want(*wished)
        await site.clock.pass_slowly(when)
        for n in range(5):
            wished.append(good := infra(ObjectKey("good", f"g{n}")))
            await site.want(*wished)
            await site.clock.pass_slowly(1)
            assert site.api.peek(DEPLOYMENT, infra_key(good.gateway, SETTINGS))
    assert site.api.most_in_flight < 25


async def test_what_may_not_be_deleted_holds_up_neither_the_living_nor_others_remains(site: Site) -> None:
    third = ObjectKey("apps", "third")
    async with running(site.reconciler.run()):
        await site.want(infra(), infra(third))
    site.api.refuse[EG_INFRA.name] = ApiError(403, "a policy protects what is here")
    successor = Site(site.clock, site.api)
    async with running(successor.reconciler.run()):
        await successor.want(infra(OTHER))
        await site.clock.advance(60)
        assert site.present() == {EG_INFRA: 5, OTHER_INFRA: 5}
        site.api.put(SERVICE, OTHER_INFRA, spec={"type": "ClusterIP"})
        await site.clock.advance(1000)
        service = site.api.peek(SERVICE, OTHER_INFRA) or {}
        assert service["spec"]["type"] == "LoadBalancer"
        site.api.refuse.clear()
        await site.clock.advance(120)
    assert site.present() == {OTHER_INFRA: 5}


async def test_an_outage_at_the_start_is_waited_out(site: Site) -> None:
    """Fewer than two calls a second."""
    site.api.refuse["*"] = ConnectionRefusedError("down")
    async with running(site.reconciler.run()):
        await site.want(infra())
        await site.clock.advance(60)
        assert len(site.api.calls) < 20
        site.api.refuse.clear()
        await site.clock.advance(60)
    assert site.present() == {EG_INFRA: 5}


async def test_a_follower_touches_nothing(site: Site) -> None:
    """Neither before it leads nor after it has lost."""
    site.leading.publish(False)
    async with running(site.reconciler.run()):
        await site.want(infra())
        site.reconciler.saw(site.snapshot())
        await site.clock.advance(1000)
        assert not site.api.calls
        site.leading.publish(True)
        await settle()
        assert site.present() == {EG_INFRA: 5}
        site.leading.publish(False)
        await settle()
        site.api.calls.clear()
        await site.want()
        await site.clock.advance(1000)
        assert not site.api.calls


async def test_a_gateway_without_ports_keeps_its_address(site: Site) -> None:
    async with running(site.reconciler.run()):
        await site.want(infra())
        await site.want(msgspec.structs.replace(infra(), ports=()))
        assert site.present() == {EG_INFRA: 5}
        await site.want()
        await site.clock.advance(PARTING)
        assert not site.present()


async def test_an_object_under_deletion_is_made_again_once_it_is_gone(site: Site) -> None:
    async with running(site.reconciler.run()):
        await site.want(infra())
        cleanup = {"finalizers": ["service.kubernetes.io/load-balancer-cleanup"]}
        service = site.api.put(SERVICE, EG_INFRA, metadata=cleanup)
        await site.api.delete(SERVICE, EG_INFRA, uid=service["metadata"]["uid"])
        await site.want(infra(EG, 81))
        site.api.drop(SERVICE, EG_INFRA)
        await site.clock.advance(5)
    assert "deletionTimestamp" not in (site.api.peek(SERVICE, EG_INFRA) or {})["metadata"]


async def test_an_object_that_cannot_go_is_said_and_looked_at_ever_more_rarely(site: Site) -> None:
    """And when it is seen to be gone, made again at once."""
    async with running(site.reconciler.run()):
        await site.want(infra())
        stuck = {"finalizers": ["example.com/a", "example.com/b"], "deletionTimestamp": "now"}
        site.api.put(SERVICE, EG_INFRA, metadata=stuck)
        await site.clock.advance(600)
        text = f"Service {EG_INFRA} is being deleted and waits for its finalizers: example.com/a, example.com/b"
        assert site.reconciler.problems.value == {EG: text}
        assert site.reconciler.failing == 1
        site.api.calls.clear()
        await site.clock.advance(600)
        assert len(site.api.seen("get")) < 40
        site.api.drop(SERVICE, EG_INFRA)
        site.reconciler.saw(site.snapshot())
        await settle()
        assert site.present() == {EG_INFRA: 5}
        assert not site.reconciler.problems.value


def certificate(site: Site) -> dict[str, bytes]:
    secret = site.api.peek(SECRET, EG_INFRA) or {}
    return {name: base64.b64decode(text) for name, text in secret["data"].items()}


async def test_the_client_certificate_is_renewed_in_time_and_nothing_else_moves(
    clock: VirtualClock, api: FakeWriter
) -> None:
    site = Site(clock, api, resync=24 * 3600.0)
    async with running(site.reconciler.run()):
        await site.want(infra())
        first = certificate(site)
        await site.clock.advance(CLIENT_LIFE.total_seconds() * 0.6)
        assert certificate(site) == first
        site.api.calls.clear()
        await site.clock.advance(CLIENT_LIFE.total_seconds() * 0.1)
        assert certificate(site) != first
    assert names(site.api.writes) == [f"apply Secret {EG_INFRA.name}"]


async def test_a_new_authority_signs_every_client_anew(site: Site) -> None:
    async with running(site.reconciler.run()):
        await site.want(infra())
        site.authority = make_authority(site.clock.now(), before=site.ca())
        await site.clock.advance(400)
        assert certificate(site)["ca.crt"] == site.authority.bundle


async def test_a_key_that_nobody_can_read_is_replaced(clock: VirtualClock, api: FakeWriter) -> None:
    """In its own namespace, a Gateway's Secret is its tenant's to write."""
    site, key = Site(clock, api, OWN_NAMESPACE), secret_key(EG, OWN_NAMESPACE)
    async with running(site.reconciler.run()):
        await site.want(infra())
        secret = api.peek(SECRET, key) or {}
        api.put(SECRET, key, data=secret["data"] | {"tls.key": base64.b64encode(UNKNOWN_KEY).decode()})
        await clock.advance(400)
    after = api.peek(SECRET, key) or {}
    assert after["data"]["tls.crt"] != secret["data"]["tls.crt"]
    assert load_pem_private_key(base64.b64decode(after["data"]["tls.key"]), password=None)


async def test_without_an_authority_the_problem_says_so(site: Site) -> None:
    good, site.authority = site.ca(), BadCertificateError("no ca.crt")
    async with running(site.reconciler.run()):
        await site.want(infra())
        assert site.reconciler.problems.value == {EG: "no ca.crt"}
        site.authority = good
        await site.clock.advance(60)
    assert site.present() == {EG_INFRA: 5}


async def test_what_is_forbidden_for_good_is_the_gateways_problem_after_some_seconds(site: Site) -> None:
    """One of several API servers that starts up forbids for a moment, while the proxies run and serve."""
    site.api.refuse["apply"] = ApiError(403, NOT_ALLOWED)
    async with running(site.reconciler.run()):
        await site.want(infra())
        took = await site.clock.until(lambda: EG in site.reconciler.problems.value)
        assert 3 < took < 6
        assert site.reconciler.problems.value == {EG: f"403 {NOT_ALLOWED}"}


async def test_who_may_not_look_at_what_is_there_says_so_at_every_gateway(clock: VirtualClock, api: FakeWriter) -> None:
    """As without the ClusterRole of gateway namespace mode: nothing is made."""
    site, forbidden = Site(clock, api, OWN_NAMESPACE), 'User "us" cannot list resource "serviceaccounts"'
    api.refuse[EVERYWHERE] = ApiError(403, forbidden)
    async with running(site.reconciler.run()):
        await site.want(infra())
        took = await clock.until(lambda: EG in site.reconciler.problems.value)
        assert 3 < took < 6
        await site.want(infra(), infra(OTHER))
        assert site.reconciler.problems.value == dict.fromkeys([EG, OTHER], f"403 {forbidden}; {REMEDY}")
        assert site.reconciler.failing == 2
        api.refuse.clear()
        await clock.until(lambda: not site.reconciler.problems.value, at_most=60)
        await clock.advance(0)
        assert site.reconciler.failing == 0
    assert sum(site.present().values()) == 10


async def test_who_may_look_no_more_says_nothing_while_all_is_in_place(site: Site) -> None:
    async with running(site.reconciler.run()):
        await site.want(infra())
        site.api.refuse["list"] = ApiError(403, "forbidden")
        await site.clock.advance(1000)
        assert not site.reconciler.problems.value
        assert site.reconciler.failing == 0
        assert site.reconciler.failures


async def test_who_leads_again_and_may_look_no_more_says_so(site: Site) -> None:
    """What it saw when it led before is no knowledge."""
    async with running(site.reconciler.run()):
        await site.want(infra())
        site.leading.publish(False)
        await site.clock.advance(0)
        site.api.refuse["list"] = ApiError(403, "forbidden")
        site.leading.publish(True)
        await site.clock.until(lambda: EG in site.reconciler.problems.value, at_most=60)
        assert site.reconciler.failing == 1


async def test_a_problem_stays_told_until_it_is_over(site: Site) -> None:
    site.api.refuse["apply"] = ApiError(403, "exceeded quota")
    async with running(site.reconciler.run()):
        await site.want(infra())
        site.api.refuse["apply"] = ApiError(503, "unavailable")
        await site.clock.advance(60)
        assert site.reconciler.problems.value == {EG: "403 exceeded quota"}
        site.api.refuse.clear()
        await site.clock.advance(60)
        assert not site.reconciler.problems.value
