"""More entries of ours than a status can hold."""

from typing import Any

import pytest

from gateway_api.status.types import AncestorStatus, Condition, PolicyStatus
from k8s_apply.status_merge import ANCESTORS, merge
from k8s_watch.objects.routes import ParentReference

OURS = "example.com/ours"


def wish(count: int, last: str = "Accepted") -> PolicyStatus:
    def ancestor(i: int) -> AncestorStatus:
        reason = last if i == count - 1 else "Accepted"
        condition = Condition(type="Accepted", status="True", reason=reason, message="Said.", observed_generation=1)
        return AncestorStatus(ancestor_ref=ParentReference(name=f"g{i}"), conditions=(condition,))

    return PolicyStatus(controller_name=OURS, ancestors=tuple(map(ancestor, range(count))))


def others(count: int) -> dict[str, Any]:
    said = [{"type": "Accepted", "status": "True", "message": "Theirs."}]
    theirs = [{"ancestorRef": {"name": f"t{i}"}, "controllerName": "theirs", "conditions": said} for i in range(count)]
    return {"metadata": {"name": "p", "namespace": "default"}, "status": {"ancestors": theirs}}


def messages(observed: dict[str, Any]) -> list[str]:
    entries = [entry for entry in observed["status"]["ancestors"] if entry["controllerName"] == OURS]
    return [entry["conditions"][0]["message"] for entry in entries]


def merged(observed: dict[str, Any], wanted: PolicyStatus) -> dict[str, Any]:
    found = merge(observed, wanted, now="2026-01-01T00:00:00Z")
    assert found is not None
    return found


@pytest.mark.parametrize("theirs", [0, 3, ANCESTORS.at_most - 1])
def test_the_last_of_ours_that_fits_says_which_does_not(theirs: int) -> None:
    room = ANCESTORS.at_most - theirs
    said = messages(merged(others(theirs), wish(room + 1, "Conflicted")))
    assert said == ["Said."] * (room - 1) + [f"Said. Not listed for want of room: default/g{room} (Conflicted)."]


def test_what_is_said_of_the_rest_is_written_once_and_goes_when_they_fit() -> None:
    full = merged(others(0), wish(ANCESTORS.at_most + 2))
    assert merge(full, wish(ANCESTORS.at_most + 2), now="2026-02-02T00:00:00Z") is None
    assert messages(merged(full, wish(ANCESTORS.at_most))) == ["Said."] * ANCESTORS.at_most


def test_where_others_leave_no_room_nothing_is_written() -> None:
    assert merge(others(ANCESTORS.at_most), wish(1), now="2026-01-01T00:00:00Z") is None
