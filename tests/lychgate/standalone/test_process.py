"""What a person at a terminal hears of conditions, while `lychgate run` runs."""

import structlog

from flow.latest import Latest
from k8s_apply.status_report import StatusReport, StatusRow
from lychgate.standalone.process import say_mistakes
from tests.flow.virtual_clock import settle
from tests.k8s_apply.running import running


def report(*messages: str, updated: str) -> StatusReport:
    fields = {"namespace": "default", "kind": "HTTPRoute", "name": "web", "parent": "gateway/eg"}
    rows = (
        StatusRow(
            **fields,
            type="ResolvedRefs",
            status="False",
            reason="BackendNotFound",
            message=message,
            observed_generation=1,
            last_transition_time=updated,
        )
        for message in messages
    )
    return StatusReport(updated=updated, rows=tuple(rows))


async def test_a_mistake_is_said_once_and_again_when_it_is_made_again() -> None:
    found: Latest[StatusReport] = Latest(StatusReport())
    with structlog.testing.capture_logs() as said:
        async with running(say_mistakes(found)):
            for number, messages in enumerate((("a",), ("a", "b"), ("b",), ("a", "b"))):
                found.publish(report(*messages, updated=f"t{number}"))
                await settle()
    assert [line["message"] for line in said] == ["a", "b", "a"]
    assert said[0] == {
        "event": "condition is bad",
        "log_level": "warning",
        "object": "HTTPRoute/default/web at gateway/eg",
        "condition": "ResolvedRefs is False",
        "reason": "BackendNotFound",
        "message": "a",
    }
