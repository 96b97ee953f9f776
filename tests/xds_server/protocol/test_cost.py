"""What a client that begins costs for each resource that it is sent: thousands come at once, with thousands each.

Counted in lines of ours that run, which no slow machine can change.
"""

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import xds_server
from tests.xds_server.talk import DeltaTalk
from tests.xds_server.world import CLUSTER, ENDPOINT, world

OURS = str(Path(xds_server.__path__[0]))
LINES = 22
"""For a cluster and its endpoints: sent, acknowledged, and in between asked for."""


def lines(clusters: int) -> int:
    """Lines that run until a client that had nothing has it all."""
    names = " ".join(f"c{number}" for number in range(clusters))
    talk = DeltaTalk(world(clusters=names))
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        talk.say(CLUSTER)
        talk.ack_all()
        talk.say(ENDPOINT, subscribe=names)
        talk.ack_all()
    finally:
        sys.settrace(before)
    assert talk.stream.in_sync
    return count


def test_a_client_that_begins_costs_few_lines_for_each_resource() -> None:
    few, many = lines(50), lines(250)
    assert (many - few) / 200 < LINES
