"""A proxy of an Envoy that may not know what we send is told of, once."""

from collections.abc import MutableMapping
from typing import Any

import pytest
import structlog

from protos import core
from tests.xds_server.serve.conftest import EG, OTHER, Serve
from xds_server.serve import old_proxies
from xds_server.serve.old_proxies import OLDEST, OldProxies
from xds_server.serve.wire import Node

OLD = 1, OLDEST[1] - 1


def told(said: list[MutableMapping[str, Any]]) -> list[tuple[str, str]]:
    return [(line["gateway"], line["version"]) for line in said]


async def test_its_version_is_what_its_first_request_says(serve: Serve) -> None:
    node = core.Node(id="proxy-1", cluster="default/eg")
    node.user_agent_build_version.version.major_number, node.user_agent_build_version.version.minor_number = OLD
    with structlog.testing.capture_logs() as said:
        async with serve() as running:
            stream = await running.open()
            await stream.say(node=node)
            await stream.say(node=core.Node(id="somebody else"))
            await stream.ending()
    line, _ = said
    assert (line["log_level"], line["gateway"], line["version"]) == ("warning", "default/eg", "1.39")
    assert line["oldest"] == "1.40"


@pytest.mark.parametrize("version", [OLDEST, (2, 0), (0, 0)])
def test_who_is_no_older_and_who_is_no_envoy_is_no_line(version: tuple[int, int]) -> None:
    with structlog.testing.capture_logs() as said:
        OldProxies().look(EG, Node("p", "c", version))
    assert said == []


def test_each_gateway_and_version_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    old = OldProxies()
    with structlog.testing.capture_logs() as said:
        for _ in range(3):
            old.look(EG, Node("p", "c", OLD))
            old.look(OTHER, Node("p", "c", OLD))
            old.look(EG, Node("q", "c", (1, 30)))
    assert told(said) == [("default/eg", "1.39"), ("default/other", "1.39"), ("default/eg", "1.30")]
    monkeypatch.setattr(old_proxies, "KNOWN", 3)
    with structlog.testing.capture_logs() as said:
        old.look(EG, Node("p", "c", (1, 1)))
        old.look(EG, Node("p", "c", OLD))
    assert told(said) == [("default/eg", "1.1"), ("default/eg", "1.39")]
