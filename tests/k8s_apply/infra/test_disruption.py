"""When nodes are emptied, a Gateway's proxies go one at a time; and no proxy waits for what keeps it so."""

import pytest
import structlog

from k8s_apply.infra.names import selector
from k8s_apply.infra.reconcile import PARTING
from k8s_apply.infra.settings import InfraSettings
from k8s_apply.kinds import DISRUPTION_BUDGET
from k8s_watch.api import ApiError
from k8s_watch.kinds import DEPLOYMENT
from tests.flow.virtual_clock import VirtualClock
from tests.k8s_apply.fake_writer import FakeWriter
from tests.k8s_apply.gateways import EG, EG_INFRA, infra, objects
from tests.k8s_apply.running import running
from tests.k8s_apply.site import Site

KIND = DISRUPTION_BUDGET.name


@pytest.fixture
def site(clock: VirtualClock, api: FakeWriter) -> Site:
    return Site(clock, api, InfraSettings())


def test_one_proxy_of_a_gateway_goes_at_a_time() -> None:
    assert objects(infra(), InfraSettings())[KIND]["spec"] == {
        "maxUnavailable": 1,
        "selector": {"matchLabels": selector(EG)},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }


@pytest.mark.parametrize("settings", [InfraSettings(disruption_budget=False), InfraSettings(replicas=1)])
def test_where_it_is_not_wanted_or_useless_there_is_none(settings: InfraSettings) -> None:
    assert KIND not in objects(infra(), settings)


async def test_it_comes_and_goes_with_its_gateway(site: Site) -> None:
    async with running(site.reconciler.run()):
        await site.want(infra())
        assert site.api.keys(DISRUPTION_BUDGET) == {EG_INFRA}
        await site.want()
        await site.clock.advance(PARTING)
        assert not site.present()


async def test_without_the_permission_everything_else_is_made_and_nobody_is_told_of_a_problem(site: Site) -> None:
    site.api.refuse[KIND] = ApiError(403, "poddisruptionbudgets is forbidden")
    with structlog.testing.capture_logs() as lines:
        async with running(site.reconciler.run()):
            await site.want(infra())
            await site.clock.advance(1000)
            assert site.present() == {EG_INFRA: 5}
            assert not site.reconciler.problems.value
            site.api.refuse.clear()
            await site.clock.advance(1000)
    assert [line["log_level"] for line in lines] == ["warning"]
    assert site.api.keys(DISRUPTION_BUDGET) == {EG_INFRA}


async def test_one_of_the_same_name_that_somebody_made_stays_as_it_is(site: Site) -> None:
    theirs = site.api.put(DISRUPTION_BUDGET, EG_INFRA, spec={"minAvailable": 1})
    async with running(site.reconciler.run()):
        await site.want(infra())
        assert site.api.keys(DEPLOYMENT) == {EG_INFRA}
        assert not site.reconciler.problems.value
    assert site.api.peek(DISRUPTION_BUDGET, EG_INFRA) == theirs
