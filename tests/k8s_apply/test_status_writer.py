"""Statuses are written when they differ, by the leader alone, and never at the expense of anybody's patience."""

import asyncio

import pytest
import structlog

from gateway_api.status.types import (
    GatewayClassStatus,
    GatewayStatus,
    StatusKey,
)
from k8s_apply.api import Conflict, Json
from k8s_apply.fence import NotLeadingError
from k8s_apply.turns import REMINDER
from k8s_watch.api import ApiError
from k8s_watch.keys import ObjectKey
from k8s_watch.kinds import GATEWAY, GATEWAY_CLASS, HTTP_ROUTE
from k8s_watch.snapshot import ClusterSnapshot
from tests.flow.virtual_clock import VirtualClock, settle
from tests.k8s_apply.fake_writer import FakeWriter, refusals
from tests.k8s_apply.running import running, turns_until
from tests.k8s_apply.statuses import OURS, Desk, key, wish

THEIRS = "example.com/theirs"
THEIR_ENTRY: Json = {"parentRef": {"name": "eg", "unknown": 1}, "controllerName": THEIRS, "conditions": []}


@pytest.fixture
def desk(clock: VirtualClock, api: FakeWriter) -> Desk:
    return Desk(clock, api)


async def test_a_wish_is_written(desk: Desk) -> None:
    desk.route("r")
    async with running(desk.writer.run()):
        desk.writer.want({key("r"): wish()})
        await settle()
    (parent,) = desk.parents("r")
    assert parent["controllerName"] == OURS
    assert parent["conditions"][0]["lastTransitionTime"] == "2023-11-14T22:13:20Z"


async def test_the_same_wish_again_costs_no_call(desk: Desk) -> None:
    desk.route("r")
    async with running(desk.writer.run()):
        for _ in range(3):
            desk.writer.want({key("r"): wish()})
            await settle()
    assert len(desk.api.calls) == 2


async def test_only_what_is_said_to_have_changed_is_compared(desk: Desk) -> None:
    for name in ("r", "s", "t"):
        desk.route(name)
    async with running(desk.writer.run()):
        desk.writer.want({key("r"): wish(), key("s"): wish(), key("t"): wish()})
        await settle()
        desk.api.calls.clear()
        said = frozenset({key("r"), key("t")})
        desk.writer.want({key("r"): wish("False"), key("s"): wish("False")}, changed=said)
        await settle()
    assert [call.key.name for call in desk.api.writes] == ["r"]
    assert desk.parents("s")[0]["conditions"][0]["status"] == "True"


async def test_classes_and_gateways_do_not_wait_for_routes(desk: Desk) -> None:
    """However many routes there are, and in whatever order they are wished for."""
    names = [f"r{number}" for number in range(20)]
    for name in names:
        desk.route(name)
    desk.api.put(GATEWAY, ObjectKey("default", "g"))
    desk.api.put(GATEWAY_CLASS, ObjectKey("", "c"))
    gateway, class_ = (
        StatusKey(kind="Gateway", key=ObjectKey("default", "g")),
        StatusKey(kind="GatewayClass", key=ObjectKey("", "c")),
    )
    said = wish().parents[0].conditions
    wishes = {key(name): wish() for name in names}
    async with running(desk.writer.run()):
        desk.writer.want(
            {
                **wishes,
                gateway: GatewayStatus(conditions=said, listeners=()),
                class_: GatewayClassStatus(conditions=said),
            }
        )
        await settle()
    assert [call.kind for call in desk.api.calls if call.verb == "get"][:2] == ["GatewayClass", "Gateway"]


async def test_what_is_watched_needs_no_read(desk: Desk) -> None:
    desk.route("r")
    desk.watch()
    async with running(desk.writer.run()):
        desk.writer.want({key("r"): wish()})
        await settle()
    assert [call.verb for call in desk.api.calls] == ["replace_status"]


async def test_a_thousand_unchanged_routes_cost_nothing_after_a_restart(desk: Desk) -> None:
    """A new leader writes only what differs."""
    wishes = {key(f"r{n}"): wish() for n in range(1000)}
    for of in wishes:
        desk.route(of.key.name)
    async with running(desk.writer.run()):
        desk.writer.want(wishes)
        await turns_until(lambda: desk.writer.writes == 1000)
    desk.watch()
    desk.api.calls.clear()
    successor = Desk(desk.clock, desk.api)
    successor.cluster = desk.cluster
    async with running(successor.writer.run()):
        successor.writer.want(wishes | {key("r1"): wish("False")})
        await turns_until(lambda: successor.writer.unchanged == 999)
    assert [call.key.name for call in desk.api.calls] == ["r1"]


async def test_the_newest_wish_replaces_the_one_that_waits(desk: Desk) -> None:
    desk.route("r")
    async with running(desk.writer.run()):
        desk.api.stuck.clear()
        for status in ("True", "False", "Unknown"):
            desk.writer.want({key("r"): wish(status)})
            await settle()
        desk.api.stuck.set()
        await settle()
    assert desk.parents("r")[0]["conditions"][0]["status"] == "Unknown"
    assert len(desk.api.writes) <= 2


async def test_few_writes_are_under_way_at_a_time(desk: Desk) -> None:
    wishes = {key(f"r{n}"): wish() for n in range(50)}
    for of in wishes:
        desk.route(of.key.name)
    async with running(desk.writer.run()):
        desk.writer.want(wishes)
        await turns_until(lambda: desk.writer.writes == 50)
    assert desk.api.most_in_flight == 4


async def test_a_conflict_is_read_again_and_others_entries_survive(desk: Desk) -> None:
    """409, re-read, merge again."""
    desk.route("r")
    desk.api.before_write.append(lambda: desk.route("r", status={"parents": [THEIR_ENTRY]}))
    async with running(desk.writer.run()):
        desk.writer.want({key("r"): wish()})
        await desk.clock.until(lambda: desk.writer.writes == 1)
    assert [parent["controllerName"] for parent in desk.parents("r")] == [THEIRS, OURS]
    assert desk.writer.conflicts == 1


async def test_conflicts_without_end_give_way_to_other_objects(desk: Desk) -> None:
    """Bounded, jittered retries; then the object waits its turn."""
    desk.route("r")
    desk.route("s")
    desk.api.refuse["r"] = Conflict(409, "again")
    desk.api.refuse["s"] = Conflict(409, "again")
    async with running(desk.writer.run()):
        desk.writer.want({key("r"): wish(), key("s"): wish()})
        await desk.clock.advance(60)
        calls = len([call for call in desk.api.calls if call.key.name == "r"])
        assert calls < 60
        desk.api.refuse.clear()
        await desk.clock.until(lambda: desk.writer.writes == 2, at_most=60)


async def test_others_entries_are_written_back_as_they_are_not_as_we_decode_them(desk: Desk) -> None:
    """A field that we do not know stays."""
    desk.route("r", status={"parents": [THEIR_ENTRY]})
    desk.watch()
    async with running(desk.writer.run()):
        desk.writer.want({key("r"): wish()})
        await settle()
    theirs, _ours = desk.parents("r")
    assert theirs == THEIR_ENTRY


async def test_an_object_missing_in_the_watch_is_asked_for_live(desk: Desk) -> None:
    """Not found in a cache is no deletion."""
    desk.route("r")
    async with running(desk.writer.run()):
        desk.writer.want({key("r"): wish()})
        await settle()
    assert len(desk.parents("r")) == 1


async def test_an_object_gone_under_the_write_is_given_up_after_a_live_look(desk: Desk) -> None:
    """404 on the write; the API server has the last word."""
    desk.route("r")
    desk.watch()
    desk.api.drop(HTTP_ROUTE, ObjectKey("default", "r"))
    async with running(desk.writer.run()):
        desk.writer.want({key("r"): wish()})
        await desk.clock.advance(600)
    assert [call.verb for call in desk.api.calls] == ["replace_status", "get"]


async def test_nothing_is_written_or_remembered_while_another_leads(desk: Desk) -> None:
    """Wishes of a follower take no room and cause no calls."""
    desk.leading.publish(False)
    desk.route("r")
    async with running(desk.writer.run()):
        for n in range(100):
            desk.writer.want({key(f"r{n}"): wish()})
            desk.writer.saw(ClusterSnapshot(revision=1))
        await desk.clock.advance(60)
        assert not desk.api.calls
        desk.writer.want({key("r"): wish()})
        desk.leading.publish(True)
        await settle()
        assert [call.key.name for call in desk.api.writes] == ["r"]


async def test_losing_the_lead_cancels_what_is_under_way(desk: Desk) -> None:
    """In-flight writes are cancelled."""
    desk.route("r")
    desk.watch()
    async with running(desk.writer.run()):
        desk.api.stuck.clear()
        desk.writer.want({key("r"): wish()})
        await settle()
        desk.leading.publish(False)
        await settle()
        desk.api.stuck.set()
        await desk.clock.advance(60)
        assert desk.parents("r") == []
        desk.leading.publish(True)
        await settle()
    assert len(desk.parents("r")) == 1


async def test_a_fenced_write_is_no_failure(desk: Desk) -> None:
    """The fence says no before `leading` does."""
    desk.route("r")
    desk.api.refuse["replace_status"] = NotLeadingError("no")
    async with running(desk.writer.run()):
        desk.writer.want({key("r"): wish()})
        await desk.clock.advance(3)
        assert desk.writer.failures == 0


async def test_too_many_requests_wait_as_long_as_the_server_says(desk: Desk) -> None:
    """Retry-After is honoured, whoever of the kind was told."""
    for n in range(20):
        desk.route(f"r{n}")
    desk.watch()
    desk.api.refuse = refusals(429, "replace_status", retry_after=7.0)
    async with running(desk.writer.run()):
        desk.writer.want({key(f"r{n}"): wish() for n in range(20)})
        await desk.clock.advance(6.9)
        assert len(desk.api.calls) == 4
        desk.api.refuse.clear()
        await desk.clock.until(lambda: desk.writer.writes == 20, at_most=30)


@pytest.mark.parametrize("error", [ConnectionRefusedError("down"), ApiError(500, "etcdserver: no leader")])
async def test_an_outage_is_sat_out_quietly(desk: Desk, error: Exception) -> None:
    """Fewer than two calls a second, and everything is written afterwards."""
    wishes = {key(f"r{n}"): wish() for n in range(100)}
    for of in wishes:
        desk.route(of.key.name)
    desk.api.refuse["*"] = error
    async with running(desk.writer.run()):
        desk.writer.want(wishes)
        await desk.clock.advance(60)
        assert len(desk.api.calls) < 120
        desk.api.refuse.clear()
        await desk.clock.advance(60)
        await turns_until(lambda: desk.writer.writes == 100)


async def test_one_refused_object_does_not_hold_up_the_others(desk: Desk) -> None:
    desk.route("bad")
    desk.route("good")
    desk.api.refuse["bad"] = ApiError(422, "invalid")
    async with running(desk.writer.run()):
        desk.writer.want({key("bad"): wish(), key("good"): wish()})
        await settle()
        assert len(desk.parents("good")) == 1
        await desk.clock.advance(60)
    assert len([call for call in desk.api.calls if call.key.name == "bad"]) < 10


async def test_a_permission_that_is_missing_is_said_once_for_its_kind_until_it_works_again(desk: Desk) -> None:
    """Not once for each of ten thousand routes, and not again after each new wish."""
    for n in range(20):
        desk.route(f"r{n}")
    desk.watch()
    desk.api.refuse = refusals(403, "replace_status")
    with structlog.testing.capture_logs() as said:
        async with running(desk.writer.run()):
            for status in ("True", "False"):
                desk.writer.want({key(f"r{n}"): wish(status) for n in range(20)})
                await desk.clock.advance(120)
            assert [line["log_level"] for line in said] == ["error"]
            desk.api.refuse = refusals(422, "replace_status")
            desk.writer.want({key(f"r{n}"): wish(generation=2) for n in range(20)})
            await desk.clock.advance(120)
            assert [line["log_level"] for line in said] == ["error", "error"]
            desk.api.refuse = {}
            await desk.clock.until(lambda: desk.writer.writes == 20, at_most=120)
            desk.api.refuse = refusals(403, "replace_status")
            desk.writer.want({key("r0"): wish(generation=3)})
            await desk.clock.advance(1)
    events = [(line["log_level"], line.get("kind")) for line in said]
    assert events[2:] == [("info", "HTTPRoute"), ("error", None)]


async def test_an_outage_is_said_again_now_and_then_and_when_it_is_over(desk: Desk) -> None:
    desk.route("r0")
    desk.watch()
    desk.api.refuse = refusals(500, "replace_status")
    with structlog.testing.capture_logs() as said:
        async with running(desk.writer.run()):
            desk.writer.want({key("r0"): wish()})
            await desk.clock.advance(2 * REMINDER + 60)
            desk.api.refuse = {}
            await desk.clock.until(lambda: desk.writer.writes == 1, at_most=60)
    assert [line["log_level"] for line in said] == ["warning", "warning", "warning", "info"]


async def test_what_somebody_else_undoes_is_repaired_ever_more_slowly(desk: Desk) -> None:
    desk.route("r")
    desk.watch()
    async with running(desk.writer.run()):
        desk.writer.want({key("r"): wish()})
        await settle()
        for _ in range(600):
            if desk.parents("r"):
                desk.route("r", status={"parents": []})
            desk.see()
            await desk.clock.advance(1)
    assert 4 <= desk.writer.writes <= 12


async def test_what_is_made_again_under_its_name_has_its_status_at_once_however_often(desk: Desk) -> None:
    """Deleted and made again between two wishes, as CI does: nobody has undone anything."""
    desk.route("r")
    async with running(desk.writer.run()):
        desk.writer.want({key("r"): wish()})
        await settle()
        for _ in range(8):
            desk.api.drop(HTTP_ROUTE, ObjectKey("default", "r"))
            desk.route("r")
            desk.see()
            await settle()
            assert desk.parents("r")


async def test_a_look_at_a_changed_object_that_is_as_wished_costs_no_call(desk: Desk) -> None:
    desk.route("r")
    desk.watch()
    async with running(desk.writer.run()):
        desk.writer.want({key("r"): wish()})
        await settle()
        desk.see()
        await settle()
    assert len(desk.api.calls) == 1


async def test_nobody_looks_at_a_status_that_only_we_have_changed_or_nobody(desk: Desk) -> None:
    desk.route("r")
    desk.see()
    async with running(desk.writer.run()):
        desk.writer.want({key("r"): wish()})
        await settle()
        for edit in range(3):
            desk.see()
            await settle()
            desk.route("r", metadata={"labels": {"edit": str(edit)}})
    assert (desk.writer.writes, desk.writer.unchanged) == (1, 0)


async def test_want_returns_before_anything_is_sent(desk: Desk) -> None:
    desk.route("r")
    async with running(desk.writer.run()):
        desk.api.stuck.clear()
        desk.writer.want({key("r"): wish()})
        assert not desk.api.calls
        await asyncio.sleep(0)
