"""What Envoy Gateway would serve and we do not is said at start, and when there is more of it."""

import asyncio
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from flow.latest import Latest
from k8s_watch.api import ApiError, KubeReader
from k8s_watch.connection import connect
from k8s_watch.http import HttpReader
from k8s_watch.keys import ObjectKey
from k8s_watch.kinds import UNSERVED
from k8s_watch.objects.core import EndpointSlice
from k8s_watch.objects.meta import Meta
from lychgate.remarks import unserved
from lychgate.remarks.unserved import PAUSE, Slices, warn_of_unserved
from tests.flow.virtual_clock import VirtualClock, settle
from tests.k8s_apply.running import turns_until
from tests.k8s_watch.fake_api import FORBIDDEN, UNAVAILABLE, FakeApi
from tests.k8s_watch.http_server import ApiServer

SECURITY, BACKEND_TRAFFIC, *_ = UNSERVED


async def said(
    api: KubeReader, *between: Callable[[], None], slices: Slices | None = None
) -> list[MutableMapping[str, Any]]:
    """What is said at the first look, and after each of these at the next."""
    clock = VirtualClock()
    with structlog.testing.capture_logs() as lines:
        async with asyncio.TaskGroup() as tasks:
            looking = tasks.create_task(
                warn_of_unserved(api, lambda: slices or {}, once=Latest(initial=True), clock=clock)
            )
            await turns_until(lambda: len(clock.naps) == 1)
            for looks, happens in enumerate(between, start=2):
                happens()
                await clock.advance(PAUSE)
                await turns_until(lambda looks=looks: len(clock.naps) == looks)
            looking.cancel()
    return lines


async def test_each_kind_with_objects_is_one_warning_with_count_and_names() -> None:
    api = FakeApi(VirtualClock(), page_size=3)
    for number in range(7):
        api.put(SECURITY, f"s{number}")
    api.put(BACKEND_TRAFFIC, "b", "other")
    first, second = await said(api)
    names = ", ".join(f"default/s{number}" for number in range(unserved.NAMED))
    assert (first["log_level"], first["kind"], first["count"], first["names"]) == (
        "warning",
        "SecurityPolicy",
        7,
        names,
    )
    assert "OPEN" in first["event"]
    assert (second["kind"], second["count"], second["names"]) == ("BackendTrafficPolicy", 1, "other/b")
    assert "OPEN" not in second["event"]


async def test_services_whose_slices_hold_names_alone_are_one_warning() -> None:
    def piece(service: str, kind: str) -> EndpointSlice:
        return EndpointSlice(metadata=Meta(name=service, namespace="default"), address_type=kind)

    slices = {
        ObjectKey("default", "named"): (piece("named", "FQDN"), piece("named", "FQDN")),
        ObjectKey("default", "both"): (piece("both", "FQDN"), piece("both", "IPv4")),
        ObjectKey("default", "usual"): (piece("usual", "IPv4"),),
    }

    def another() -> None:
        slices[ObjectKey("default", "more")] = (piece("more", "FQDN"),)

    first, second = await said(FakeApi(VirtualClock()), lambda: None, another, slices=slices)
    assert (first["log_level"], first["count"], first["names"]) == ("warning", 1, "default/named")
    assert (second["count"], second["names"]) == (2, "default/more")


async def test_without_crds_or_objects_there_is_nothing_to_say() -> None:
    api = FakeApi(VirtualClock())
    api.missing = {kind.name for kind in UNSERVED[1:]}
    assert await said(api) == []


async def test_what_may_not_be_read_is_one_line_and_no_warning() -> None:
    api = FakeApi(VirtualClock())
    api.refuse = dict.fromkeys((kind.name for kind in UNSERVED[1:]), FORBIDDEN)
    api.put(SECURITY, "s")
    warning, info = await said(api, lambda: None)
    assert warning["kind"] == "SecurityPolicy"
    assert info["log_level"] == "info"
    assert info["kinds"] == ", ".join(kind.name for kind in UNSERVED[1:])


async def test_no_answer_and_no_outage_fails_the_start() -> None:
    api = FakeApi(VirtualClock())
    api.refuse_once = [UNAVAILABLE, ConnectionResetError("cut"), TimeoutError("slow"), ApiError(410, "too old"), None]
    (info,) = await said(api)
    assert info["log_level"] == "info"


async def test_it_looks_when_all_is_ready() -> None:
    api = FakeApi(VirtualClock())
    ready = Latest(initial=False)
    async with asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(warn_of_unserved(api, dict, once=ready, clock=VirtualClock()))
        await settle()
        assert not api.calls
        ready.publish(True)
        await settle()
        looking.cancel()
    assert [call.kind for call in api.calls] == [kind.name for kind in UNSERVED]


async def test_only_what_is_new_since_the_last_look_is_said() -> None:
    api = FakeApi(VirtualClock())
    api.put(SECURITY, "old")
    lines = await said(
        api,
        lambda: None,
        lambda: (api.put(SECURITY, "new"), None)[1],
        lambda: api.refuse.update(SecurityPolicy=UNAVAILABLE),
        api.refuse.clear,
        lambda: api.delete(SECURITY, "old"),
        lambda: (api.put(SECURITY, "old"), None)[1],
    )
    names = [(line["count"], line["names"]) for line in lines if line["log_level"] == "warning"]
    assert names == [(1, "default/old"), (2, "default/new"), (2, "default/old")]


async def test_it_asks_a_real_server_for_the_collections(tmp_path: Path) -> None:
    """Kinds that this server does not know are answered as an API server without their CRDs does."""
    server = ApiServer()
    async with server.serving(), await connect(server.kubeconfig(tmp_path)) as connection:
        server.answers = [web.json_response({"metadata": {}, "items": [{"metadata": {"namespace": "a", "name": "b"}}]})]
        (warning,) = await said(HttpReader(connection, clock=VirtualClock()))
    assert warning["names"] == "a/b"
    assert server.requests[0].path == "/apis/gateway.envoyproxy.io/v1alpha1/securitypolicies"
    assert len(server.requests) == len(UNSERVED)
