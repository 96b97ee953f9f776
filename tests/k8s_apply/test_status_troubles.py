"""What cannot be written for a while is nobody else's trouble, and an outage is nobody's flood."""

import pytest
import structlog

from gateway_api.status.types import Body, GatewayStatus, StatusKey
from k8s_apply.turns import SEVERAL, TURNS_CEILING
from k8s_watch.api import ApiError
from k8s_watch.keys import ObjectKey
from k8s_watch.kinds import GATEWAY
from tests.flow.virtual_clock import VirtualClock, settle
from tests.k8s_apply.fake_writer import FakeWriter, refusals
from tests.k8s_apply.running import running, turns_until
from tests.k8s_apply.statuses import Desk, key, wish

BROKEN = ApiError(500, "failed calling webhook")
SLOW = TimeoutError("slow")
G = StatusKey(kind="Gateway", key=ObjectKey("default", "g"))


@pytest.fixture
def desk(clock: VirtualClock, api: FakeWriter) -> Desk:
    return Desk(clock, api)


def bad(desk: Desk, count: int, error: Exception) -> dict[StatusKey, Body]:
    """Make routes of which no status can be written."""
    for n in range(count):
        desk.route(f"bad{n}")
        desk.api.refuse[f"bad{n}"] = error
    return {key(f"bad{n}"): wish() for n in range(count)}


@pytest.mark.parametrize("error", [BROKEN, SLOW], ids=["500", "too slow"])
@pytest.mark.parametrize("count", [1, SEVERAL, 40, 200])
async def test_however_many_cannot_be_written_the_next_is(desk: Desk, count: int, error: Exception) -> None:
    """A webhook may mind the objects of one namespace alone."""
    wishes = bad(desk, count, error)
    desk.api.put(GATEWAY, G.key)
    async with running(desk.writer.run()):
        desk.writer.want(wishes)
        await desk.clock.advance(0.3)
        desk.writer.want({**wishes, G: GatewayStatus(conditions=wish().parents[0].conditions, listeners=())})
        await turns_until(lambda: desk.writer.writes == 1)  # another kind does not wait at all
        await desk.clock.advance(900)
        desk.route("good")
        desk.writer.want({**wishes, key("good"): wish()})
        await desk.clock.until(lambda: bool(desk.parents("good")), at_most=TURNS_CEILING)


@pytest.mark.parametrize("takes", [0.0, 10.0], ids=["at once", "after ten seconds"])
@pytest.mark.parametrize("when", [3, 60])
async def test_who_comes_after_many_that_cannot_be_written_is_written(desk: Desk, takes: float, when: int) -> None:
    clock, wishes = desk.clock, bad(desk, 200, BROKEN)
    desk.watch()
    desk.api.slow = {of.key.name: takes for of in wishes}
    async with running(desk.writer.run()):
        desk.writer.want(wishes)
        await clock.pass_slowly(when)
        for n in range(5):
            desk.route(name := f"good{n}")
            wishes = {**wishes, key(name): wish()}
            desk.writer.want(wishes)
            await clock.pass_slowly(TURNS_CEILING)
            assert desk.parents(name)
    assert desk.api.most_in_flight < 25


async def test_when_every_call_takes_seconds_gateways_are_written_before_routes(desk: Desk) -> None:
    """They were added first, and people wait for them."""
    gateways = [StatusKey(kind="Gateway", key=ObjectKey("default", f"g{n}")) for n in range(12)]
    for each in gateways:
        desk.api.put(GATEWAY, each.key)
    names = [f"r{n}" for n in range(300)]
    for name in names:
        desk.route(name)
    said = GatewayStatus(conditions=wish().parents[0].conditions, listeners=())
    desk.api.slow = {"*": 3.0}
    async with running(desk.writer.run()):
        desk.writer.want({**dict.fromkeys(gateways, said), **{key(name): wish() for name in names}})
        await desk.clock.pass_slowly(30)
        assert all("status" in (desk.api.peek(GATEWAY, each.key) or {}) for each in gateways)


@pytest.mark.parametrize("code", [401, 403, 422, 500])
async def test_what_is_refused_for_all_of_a_kind_is_no_flood(desk: Desk, code: int) -> None:
    """At most two calls a second."""
    wishes = bad(desk, 500, ApiError(code, "forbidden"))
    desk.watch()
    desk.clock.chance = None
    async with running(desk.writer.run()):
        desk.writer.want(wishes)
        await desk.clock.pass_slowly(120)
        desk.api.calls.clear()
        await desk.clock.pass_slowly(60)
        assert 30 < len(desk.api.calls) < 120


async def test_one_that_cannot_be_written_is_tried_ever_more_rarely_while_others_are(desk: Desk) -> None:
    wishes = bad(desk, 1, BROKEN)
    with structlog.testing.capture_logs() as said:
        async with running(desk.writer.run()):
            for n in range(600):
                desk.route(f"r{n}")
                desk.writer.want(wishes := {**wishes, key(f"r{n}"): wish()})
                await desk.clock.advance(0.1)
        assert [(line["log_level"], line["object"]) for line in said] == [("warning", "default/bad0")]
        assert len([call for call in desk.api.calls if call.key.name == "bad0"]) < 10
        assert desk.writer.writes == 600


async def test_who_waits_for_a_first_turn_is_written_as_soon_as_another_could_be(desk: Desk) -> None:
    """And who has failed, as soon as another that had."""
    names = [f"r{n}" for n in range(20)]
    for name in names:
        desk.route(name)
    desk.api.refuse = refusals(500, "replace_status")
    async with running(desk.writer.run()):
        desk.writer.want({key(name): wish() for name in names})
        await desk.clock.advance(5)
        assert desk.writer.waiting >= 20
        desk.api.refuse = {}
        tried = {call.key.name for call in desk.api.writes}
        await desk.clock.until(lambda: all(map(desk.parents, {*names} - tried)), at_most=TURNS_CEILING)
        await desk.clock.until(lambda: desk.writer.writes == 20, at_most=3)


async def test_a_wish_that_is_taken_back_waits_for_no_turn(desk: Desk) -> None:
    wishes = bad(desk, 20, BROKEN)
    async with running(desk.writer.run()):
        desk.writer.want(wishes)
        await desk.clock.advance(5)
        desk.writer.want({})
        desk.api.calls.clear()
        await desk.clock.advance(600)
        assert desk.api.calls == []
        assert desk.writer.waiting == 0


async def test_nobody_is_sent_away_for_longer_than_a_minute(desk: Desk) -> None:
    """By a proxy on the way, for example."""
    desk.route("r")
    desk.api.refuse = refusals(503, "replace_status", retry_after=3600)
    async with running(desk.writer.run()):
        desk.writer.want({key("r"): wish()})
        await settle()
        desk.api.refuse = {}
        await desk.clock.until(lambda: desk.writer.writes == 1, at_most=60)
