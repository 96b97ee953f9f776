"""The versions of the Gateway API's CRDs are looked up at start and now and then."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from aiohttp import web

from flow.latest import Latest
from k8s_watch.connection import connect
from k8s_watch.http import HttpReader
from k8s_watch.kinds import CRD
from lychgate.in_cluster.bundles import PAUSE, SOON, VERSION, look_at_bundles
from tests.flow.virtual_clock import VirtualClock
from tests.k8s_watch.fake_api import FORBIDDEN, UNAVAILABLE, FakeApi
from tests.k8s_watch.http_server import ApiServer

HTTP = "httproutes.gateway.networking.k8s.io"

type Found = Latest[Mapping[str, str] | None]


@asynccontextmanager
async def looking(api: FakeApi, clock: VirtualClock) -> AsyncIterator[Found]:
    found: Found = Latest(None)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(look_at_bundles(api, found, clock=clock))
        await clock.advance(1)
        yield found
        task.cancel()


async def test_each_crd_of_the_gateway_api_has_its_version_and_no_other_is_named() -> None:
    clock = VirtualClock()
    api = FakeApi(clock, page_size=2)
    api.put(CRD, HTTP, metadata={"annotations": {VERSION: "v1.6.3"}})
    api.put(CRD, "xbackends.gateway.networking.x-k8s.io")
    api.put(CRD, "backends.gateway.envoyproxy.io")
    async with looking(api, clock) as found:
        assert found.value == {HTTP: "v1.6.3", "xbackends.gateway.networking.x-k8s.io": ""}
        api.put(CRD, HTTP, metadata={"annotations": {VERSION: "v1.7.0"}})
        await clock.advance(PAUSE)
        assert (found.value or {})[HTTP] == "v1.7.0"


async def test_crds_that_come_after_us_are_seen_soon() -> None:
    clock = VirtualClock()
    api = FakeApi(clock)
    async with looking(api, clock) as found:
        assert found.value == {}
        api.put(CRD, HTTP, metadata={"annotations": {VERSION: "v1.6.3"}})
        await clock.advance(SOON)
        assert found.value == {HTTP: "v1.6.3"}


async def test_without_permission_nothing_is_known_and_through_an_outage_what_was() -> None:
    clock = VirtualClock()
    api = FakeApi(clock)
    api.put(CRD, HTTP, metadata={"annotations": {VERSION: "v1.6.3"}})
    with structlog.testing.capture_logs() as lines:
        async with looking(api, clock) as found:
            api.refuse[CRD.name] = UNAVAILABLE
            await clock.advance(PAUSE)
            assert found.value == {HTTP: "v1.6.3"}
            api.refuse[CRD.name] = FORBIDDEN
            await clock.advance(3 * PAUSE)
            assert found.value is None
    assert [line["log_level"] for line in lines] == ["info"]


async def test_no_more_than_metadata_is_asked_for(tmp_path: Path) -> None:
    """CRDs are the largest objects of a cluster."""
    server = ApiServer()
    async with server.serving(), await connect(server.kubeconfig(tmp_path)) as connection:
        server.answers = [web.json_response({"metadata": {}, "items": []})]
        await HttpReader(connection, clock=VirtualClock()).list_page(CRD, "v1", limit=500, continue_token="")
    [request] = server.requests
    assert "as=PartialObjectMetadataList" in request.headers["Accept"]
