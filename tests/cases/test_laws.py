"""What holds for every world, also for one that nobody should write."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_api.graph.types import GraphSettings
from gateway_api.ir.xds import HttpChain
from k8s_watch.objects.gateway import FrontendTls, TlsConfig
from k8s_watch.objects.routes import Route
from tests.cases.case import all_cases, load, run, snapshot_of, world
from tests.cases.closure import missing
from tests.cases.worlds import SETTINGS, Objects, worlds
from tests.envoy.validation import validation_bootstrap
from xds_server.snapshot.isolation import Bluntness
from xds_server.snapshot.resource import ResourceType, Snapshot, make_set
from xds_server.translate.parts import divide


@given(worlds(), SETTINGS)
def test_nothing_is_named_that_is_not_there(objects: Objects, with_settings: GraphSettings) -> None:
    for result in run(snapshot_of(objects), with_settings).gateways.values():
        assert missing(result.ir) == set()


@given(worlds(), SETTINGS)
def test_an_https_listener_that_asks_for_client_certificates_decrypts_for_nobody_without(
    objects: Objects, with_settings: GraphSettings
) -> None:
    """No other listener asks for any. Spec: GEP-91"""
    outcome = run(snapshot_of(objects), with_settings)
    for key, result in outcome.gateways.items():
        tls = outcome.graph.gateways[key].source.spec.tls
        frontend = tls.frontend if tls and tls.frontend else FrontendTls(default=TlsConfig())
        own = {each.port: each.tls for each in frontend.per_port}
        for listener in result.ir.listeners:
            wanted = own.get(listener.port, frontend.default).validation
            for chain in listener.filter_chains:
                asked = chain.tls is not None and chain.tls.client is not None
                assert asked == bool(wanted and chain.tls and isinstance(chain.handler, HttpChain))


@pytest.mark.envoy
@settings(max_examples=60)
@given(objects=worlds(), with_settings=SETTINGS)
def test_a_real_envoy_takes_whatever_users_write(
    envoy_verdict: Callable[[str], str], objects: Objects, with_settings: GraphSettings
) -> None:
    for result in run(snapshot_of(objects), with_settings).gateways.values():
        assert envoy_verdict(validation_bootstrap(result.snapshot)) == ""


@pytest.mark.envoy
@settings(max_examples=20)
@given(objects=worlds(), with_settings=SETTINGS)
def test_a_real_envoy_takes_any_route_that_answers_500_instead(
    envoy_verdict: Callable[[str], str], objects: Objects, with_settings: GraphSettings
) -> None:
    """What a refused route becomes; and whose it is can be told, but for what answers hosts of other connections."""
    titles = {"misdirected", *(of.title for of in objects.values() if isinstance(of, Route))}
    for result in run(snapshot_of(objects), with_settings).gateways.values():
        tables = result.snapshot.of(ResourceType.ROUTE).by_name.values()
        parts = [taken for table in tables if (taken := divide(ResourceType.ROUTE, table))]
        assert {unit.source for each in parts for unit in each.units} <= titles
        failing = [each.blunted(dict.fromkeys(each.units, Bluntness.FAILS)).resource for each in parts]
        blunt = Snapshot({**result.snapshot.by_type, ResourceType.ROUTE: make_set(failing)})
        assert envoy_verdict(validation_bootstrap(blunt)) == ""


@given(st.sampled_from(all_cases()), st.randoms(use_true_random=False))
def test_the_order_of_objects_means_nothing(path: Path, random: Random) -> None:
    case = load(path)
    objects = list({**world(), **case.objects}.items())
    in_order = case.run()
    random.shuffle(objects)
    shuffled = run(snapshot_of(dict(objects)), case.claim.settings)
    assert shuffled.statuses == in_order.statuses
    assert {key: result.ir for key, result in shuffled.gateways.items()} == {
        key: result.ir for key, result in in_order.gateways.items()
    }


@given(worlds(), SETTINGS)
def test_the_same_world_makes_the_same_bytes(objects: Objects, with_settings: GraphSettings) -> None:
    first, second = (run(snapshot_of(objects), with_settings) for _ in range(2))
    for key, result in first.gateways.items():
        assert result.snapshot.by_type == second.gateways[key].snapshot.by_type
