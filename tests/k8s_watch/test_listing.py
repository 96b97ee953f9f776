"""What is read once: all of it, in pages, and nothing twice."""

import asyncio
from typing import Any

import pytest

from k8s_watch.api import ApiError, Page
from k8s_watch.keys import AnyKind, ObjectKey
from k8s_watch.kinds import BACKEND_TLS_POLICY, GATEWAY, HTTP_ROUTE
from k8s_watch.listing import read_once, readable
from tests.flow.virtual_clock import VirtualClock, settle
from tests.k8s_watch.fake_api import FORBIDDEN, UNAVAILABLE, FakeApi

KINDS = (GATEWAY, HTTP_ROUTE, BACKEND_TLS_POLICY)


@pytest.fixture
def api() -> FakeApi:
    """Objects of two kinds, of which one cannot be decoded."""
    api = FakeApi(VirtualClock(), page_size=2)
    for name in "abc":
        api.put(HTTP_ROUTE, name)
    api.put(HTTP_ROUTE, "bad", spec={"rules": 1})
    api.put(GATEWAY, "g", spec={"gatewayClassName": "eg"})
    return api


async def test_all_pages_are_read_and_what_cannot_be_taken_in_is_named(api: FakeApi) -> None:
    cluster, forbidden = await read_once(api, KINDS)
    assert cluster.http_routes.keys() == {ObjectKey("default", name) for name in "abc"}
    assert cluster.gateways.keys() == {ObjectKey("default", "g")}
    assert not forbidden
    (rejected,) = cluster.rejected
    assert rejected.where == "/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes/bad"
    assert [route.metadata.name async for route in readable(api, HTTP_ROUTE)] == ["a", "b", "c"]


async def test_a_kind_without_a_crd_is_empty_unless_nothing_can_be_without_it(api: FakeApi) -> None:
    api.missing.add("BackendTLSPolicy")
    cluster, forbidden = await read_once(api, KINDS)
    assert (cluster.backend_tls_policies, forbidden) == ({}, {})
    api.missing.add("Gateway")
    with pytest.raises(ApiError):
        await read_once(api, KINDS)


async def test_a_kind_that_we_may_not_read_is_told_apart(api: FakeApi) -> None:
    api.refuse["HTTPRoute"] = FORBIDDEN
    cluster, forbidden = await read_once(api, KINDS)
    assert forbidden == {"HTTPRoute": FORBIDDEN}
    assert cluster.gateways
    assert not cluster.http_routes


async def test_nothing_is_tried_twice(api: FakeApi) -> None:
    api.refuse["list HTTPRoute"] = UNAVAILABLE
    with pytest.raises(ApiError):
        await read_once(api, KINDS)
    assert len([call for call in api.calls if (call.verb, call.kind) == ("list", "HTTPRoute")]) <= 1


class TakesTurns(FakeApi):
    """Each page lets others go on."""

    async def list_page(self, kind: AnyKind, version: str, /, **how: Any) -> Page:
        await asyncio.sleep(0)
        return await super().list_page(kind, version, **how)


async def test_when_one_kind_fails_the_others_are_not_read_on() -> None:
    api = TakesTurns(VirtualClock(), page_size=1)
    for number in range(20):
        api.put(HTTP_ROUTE, f"r{number}")
    api.refuse["list Gateway"] = UNAVAILABLE
    with pytest.raises(ApiError):
        await read_once(api, KINDS)
    before = len(api.calls)
    await settle()
    assert len(api.calls) == before
