"""Who is turned away leaves a trace of why, and no flood of them."""

from collections.abc import MutableMapping
from typing import Any

import grpc
import pytest
import structlog

from protos import core
from tests.authority import Authority
from tests.flow.virtual_clock import VirtualClock
from tests.xds_server.serve.conftest import EG, OTHER, Serve
from xds_server.serve import turned_away
from xds_server.serve.credentials import TlsFiles
from xds_server.serve.session import Ending
from xds_server.serve.turned_away import PAUSE, TurnedAwayLog, Visitor

DENIED = Ending(grpc.StatusCode.PERMISSION_DENIED, "no")
FULL = Ending(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many")


def lines_of(said: list[MutableMapping[str, Any]]) -> list[tuple[str, str, int]]:
    return [(line["code"], line["gateway"], line["suppressed"]) for line in said]


async def test_who_speaks_for_another_gateway_is_named_with_all_that_is_known(
    serve: Serve, tls: TlsFiles, authority: Authority
) -> None:
    client = authority.issue_client(OTHER)
    credentials = grpc.ssl_channel_credentials(authority.certificate, client.key, client.certificate)
    with structlog.testing.capture_logs() as said:
        async with serve(tls=tls) as running:
            stream = await running.open(credentials)
            await stream.say(node=core.Node(id="proxy-1", cluster="default/eg"))
            assert await stream.ending() is grpc.StatusCode.PERMISSION_DENIED
    (line,) = said
    assert (line["log_level"], line["code"], line["gateway"]) == ("warning", "PERMISSION_DENIED", "default/other")
    assert (line["node"], line["node_cluster"]) == ("proxy-1", "default/eg")
    assert line["peer"].startswith("ipv4:127.0.0.1:")
    assert "the client certificate is for Gateway default/other" in line["reason"]


async def test_that_we_are_not_ready_yet_is_no_line(serve: Serve) -> None:
    with structlog.testing.capture_logs() as said:
        async with serve(ready=False) as running:
            assert await (await running.open()).ending() is grpc.StatusCode.UNAVAILABLE
    assert said == []


async def test_each_code_and_gateway_has_a_line_a_minute_that_counts_the_others() -> None:
    clock = VirtualClock()
    telling = TurnedAwayLog(clock)
    with structlog.testing.capture_logs() as said:
        for _ in range(3):
            telling.tell(DENIED, Visitor("p", EG))
            telling.tell(FULL, Visitor("p", EG))
            telling.tell(FULL, Visitor("p", OTHER))
        await clock.advance(PAUSE)
        telling.tell(FULL, Visitor("p", EG))
    first = [
        ("PERMISSION_DENIED", str(EG), 0),
        ("RESOURCE_EXHAUSTED", str(EG), 0),
        ("RESOURCE_EXHAUSTED", str(OTHER), 0),
    ]
    assert lines_of(said) == [*first, ("RESOURCE_EXHAUSTED", str(EG), 2)]


async def test_of_many_gateways_those_that_were_silent_for_long_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which shows in what is counted of one that comes back."""
    monkeypatch.setattr(turned_away, "KNOWN", 1)
    clock = VirtualClock()
    telling = TurnedAwayLog(clock)
    with structlog.testing.capture_logs() as said:
        for _ in range(2):
            telling.tell(DENIED, Visitor("p", EG))
        await clock.advance(PAUSE)
        telling.tell(DENIED, Visitor("p", OTHER))
        telling.tell(DENIED, Visitor("p", EG))
    assert lines_of(said) == [("PERMISSION_DENIED", str(each), 0) for each in (EG, OTHER, EG)]
