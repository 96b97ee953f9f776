"""Which conditions `lychgate status` shows in red and fails for, and which tell of mistakes in what was written."""

import msgspec
import pytest

from gateway_api.status.catalogue import NEGATIVE
from k8s_apply.status_report import DELIBERATE, StatusReport, StatusRow


def row(type_: str, status: str = "True", parent: str = "") -> StatusRow:
    condition = {"type": type_, "status": status, "reason": "Reason", "message": "", "parent": parent}
    object_ = {"kind": "Gateway", "namespace": "default", "name": "eg", "observedGeneration": 1}
    return msgspec.convert(object_ | condition | {"lastTransitionTime": ""}, StatusRow)


@pytest.mark.parametrize("type_", ["Accepted", "Programmed", "ResolvedRefs"])
def test_what_should_be_is_bad_unless_it_is_true(type_: str) -> None:
    assert [row(type_, status).is_bad for status in ("True", "False", "Unknown")] == [False, True, True]


@pytest.mark.parametrize("type_", sorted(NEGATIVE - DELIBERATE))
def test_a_warning_is_bad_unless_it_is_false(type_: str) -> None:
    assert [row(type_, status).is_bad for status in ("True", "False", "Unknown")] == [True, False, True]


def test_what_the_user_chose_is_not_bad() -> None:
    assert not row("InsecureFrontendValidationMode").is_bad


def test_a_missing_proxy_is_no_mistake_of_who_wrote_the_object() -> None:
    listener = row("Conflicted", "True", "listener/a")
    rows = row("Accepted"), row("Programmed", "False"), listener
    assert StatusReport(rows=rows).mistakes == (listener,)
    assert listener.place == "Gateway/default/eg at listener/a"
