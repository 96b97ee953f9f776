"""How one proxy takes another's place: slowly enough for a load balancer that asks the nodes."""

from k8s_apply.infra.settings import InfraSettings
from tests.k8s_apply.gateways import SETTINGS, infra, objects

NOTICED = 30
"""Seconds until a load balancer of a large cloud takes a node in; until it leaves one alone, twice that."""


def test_a_load_balancer_notices_the_new_proxy_before_the_old_one_goes_and_that_before_it_is_gone() -> None:
    spec = objects(infra())["Deployment"]["spec"]
    assert NOTICED <= spec["minReadySeconds"] < spec["progressDeadlineSeconds"]
    assert SETTINGS.drain_seconds >= 2 * NOTICED
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] > SETTINGS.drain_seconds


def test_where_nothing_has_to_notice_a_rollout_does_not_wait() -> None:
    assert "minReadySeconds" not in objects(infra(), InfraSettings(min_ready_seconds=0))["Deployment"]["spec"]


def test_where_a_rollout_stops_the_pods_from_before_begin_again_with_what_they_were_made_with() -> None:
    """All but the template is one for both: a file there must be right for either."""
    before, after = (
        objects(infra(), bootstrap={"bootstrap.yaml": text, "file": "same"}) for text in ('{"a": 1}', '{"a": 2}')
    )
    assert {kind for kind in before if before[kind] != after[kind]} == {"Deployment"}
    assert before["ConfigMap"]["data"] == {"file": "same"}


def test_no_part_of_a_bootstrap_is_taken_for_a_variable() -> None:
    made = objects(infra(), bootstrap={"bootstrap.yaml": '{"regex": "a$(b)$"}'})["Deployment"]
    (envoy,) = made["spec"]["template"]["spec"]["containers"]
    assert envoy["args"][:2] == ["--config-yaml", '{"regex":"a$$(b)$$"}']
