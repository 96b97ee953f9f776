"""What the log says of infrastructure that is not as wished."""

import structlog

from k8s_apply.infra.trouble import Trouble
from k8s_watch.api import ApiError
from k8s_watch.keys import ObjectKey
from tests.flow.virtual_clock import VirtualClock

GATEWAY = ObjectKey("default", "eg")


def test_each_reason_is_said_once_and_that_it_is_over() -> None:
    trouble = Trouble(VirtualClock())
    trouble.want([GATEWAY])
    with structlog.testing.capture_logs() as said:
        for code, reason in ((500, "a"), (500, "a"), (403, "quota"), (403, "quota")):
            trouble.take(GATEWAY, ApiError(code, reason))
        trouble.ends(GATEWAY)
        trouble.ends(GATEWAY)
    assert [(line["log_level"], line.get("error", "")) for line in said] == [
        ("warning", "500 a"),
        ("warning", "403 quota"),
        ("info", ""),
    ]
