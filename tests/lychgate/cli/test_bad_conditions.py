"""Which conditions `lychgate status` shows in red, and fails for."""

import msgspec
import pytest

from gateway_api.status.catalogue import NEGATIVE
from k8s_apply.status_report import StatusRow
from lychgate.cli.bad_conditions import DELIBERATE, is_bad


def is_bad_of(type_: str, status: str) -> bool:
    condition = {"type": type_, "status": status, "reason": "Reason", "message": ""}
    row = {"kind": "Gateway", "namespace": "default", "name": "eg", "observedGeneration": 1, "lastTransitionTime": ""}
    return is_bad(msgspec.convert(row | condition, StatusRow))


@pytest.mark.parametrize("type_", ["Accepted", "Programmed", "ResolvedRefs"])
def test_what_should_be_is_bad_unless_it_is_true(type_: str) -> None:
    assert [is_bad_of(type_, status) for status in ("True", "False", "Unknown")] == [False, True, True]


@pytest.mark.parametrize("type_", sorted(NEGATIVE - DELIBERATE))
def test_a_warning_is_bad_unless_it_is_false(type_: str) -> None:
    assert [is_bad_of(type_, status) for status in ("True", "False", "Unknown")] == [True, False, True]


def test_what_the_user_chose_is_not_bad() -> None:
    assert not is_bad_of("InsecureFrontendValidationMode", "True")
