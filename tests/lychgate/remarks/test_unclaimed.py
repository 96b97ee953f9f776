"""A cluster whose Gateways are all somebody else's looks like one without work: that is said."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import structlog

from flow.latest import Latest
from gateway_api.graph.types import GraphSettings
from k8s_watch.snapshot import ClusterSnapshot
from lychgate.pipeline import Pipeline, Step
from lychgate.remarks.unclaimed import warn_of_unclaimed
from tests.flow.virtual_clock import settle
from tests.gateway_api.conftest import snapshot_of

OURS = "gateway.envoyproxy.io/gatewayclass-controller"
GATEWAY = "{kind: Gateway, metadata: {name: eg}, spec: {gatewayClassName: eg, listeners: []}}"


def gateway_class(controller: str, name: str = "eg") -> str:
    return f"{{kind: GatewayClass, metadata: {{name: {name}}}, spec: {{controllerName: {controller}}}}}"


async def said(*worlds: ClusterSnapshot) -> list[MutableMapping[str, Any]]:
    steps: Latest[Step | None] = Latest(None)
    pipeline = Pipeline(GraphSettings())
    with structlog.testing.capture_logs() as lines:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(warn_of_unclaimed(steps, OURS))
            for world in worlds:
                steps.publish(pipeline.update(world))
                await settle()
            task.cancel()
    return lines


async def test_gateways_without_a_class_of_ours_are_told_once_with_the_classes_that_there_are() -> None:
    theirs = snapshot_of(GATEWAY, gateway_class("example.com/own"))
    [line] = await said(theirs, snapshot_of(GATEWAY, gateway_class("example.com/own"), gateway_class("x.io/y", "z")))
    assert (line["log_level"], line["ours"], line["theirs"]) == ("warning", OURS, {"eg": "example.com/own"})
    assert "LYCHGATE_CONTROLLER_NAME" in line["remedy"]


async def test_it_is_told_again_when_it_is_so_again() -> None:
    theirs, ours = (snapshot_of(GATEWAY, gateway_class(name)) for name in ("example.com/own", OURS))
    assert len(await said(theirs, ours, theirs)) == 2


async def test_where_there_is_nothing_to_serve_there_is_nothing_to_say() -> None:
    assert await said(snapshot_of(gateway_class("example.com/own")), snapshot_of(GATEWAY, gateway_class(OURS))) == []
