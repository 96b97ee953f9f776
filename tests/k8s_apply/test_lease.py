"""At most one of the candidates writes, whatever happens to it."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

import pytest
import structlog

from flow.latest import Latest
from k8s_apply.api import Json
from k8s_apply.fence import FencedWriter, NotLeadingError
from k8s_apply.kinds import LEASE
from k8s_apply.lease import Leadership
from k8s_watch.api import ApiError
from k8s_watch.keys import ObjectKey
from k8s_watch.kinds import SERVICE
from tests.flow.virtual_clock import VirtualClock, settle
from tests.k8s_apply.fake_writer import FakeWriter, refusals
from tests.k8s_apply.running import running

KEY = ObjectKey("envoy-gateway-system", "envoy-gateway-leader")


class Wire(FakeWriter):
    """One replica's way to the API server of another `FakeWriter`; cut, its own calls fail."""

    def __init__(self, server: FakeWriter, clock: VirtualClock) -> None:
        super().__init__(clock)
        self._objects = server._objects
        self._version = server._version


def candidate(api: FakeWriter, clock: VirtualClock, identity: str, eligible: Latest[bool] | None = None) -> Leadership:
    return Leadership(api, identity=identity, key=KEY, clock=clock, eligible=eligible)


def holder(api: FakeWriter) -> str:
    lease = api.peek(LEASE, KEY) or {}
    name: str = lease.get("spec", {}).get("holderIdentity", "")
    return name


class Pair:
    """Two candidates on wires of their own, and a log of who may write when."""

    def __init__(self, api: FakeWriter, clock: VirtualClock) -> None:
        self.clock = clock
        self.wires = Wire(api, clock), Wire(api, clock)
        self.a, self.b = candidate(self.wires[0], clock, "a"), candidate(self.wires[1], clock, "b")

    async def watch_for(self, seconds: float, step: float = 0.25) -> None:
        """Let time pass, and fail at any moment at which both may write."""
        for _ in range(int(seconds / step)):
            await self.clock.advance(step)
            assert not (self.a.may_write() and self.b.may_write())


@pytest.fixture
def pair(api: FakeWriter, clock: VirtualClock) -> Pair:
    return Pair(api, clock)


async def test_the_first_candidate_makes_the_lease_and_leads(api: FakeWriter, clock: VirtualClock) -> None:
    one = candidate(api, clock, "a")
    async with running(one.run()):
        assert one.leading.value
        assert one.may_write()
    spec: Json = (api.peek(LEASE, KEY) or {})["spec"]
    assert spec["leaseTransitions"] == 0


async def test_the_holder_renews_and_nobody_takes_over(pair: Pair) -> None:
    async with running(pair.a.run(), pair.b.run()):
        await pair.watch_for(120)
        assert (pair.a.leading.value, pair.b.leading.value) == (True, False)


async def test_a_renewal_is_one_call(api: FakeWriter, clock: VirtualClock) -> None:
    one = candidate(api, clock, "a")
    async with running(one.run()):
        api.calls.clear()
        await clock.advance(10)
        assert {call.verb for call in api.calls} == {"replace"}


async def test_a_dead_leader_is_followed_within_17_seconds(pair: Pair) -> None:
    """The lease runs out under the candidate's eyes."""
    async with running(pair.a.run(), pair.b.run()):
        await pair.watch_for(10)
        pair.wires[0].stuck.clear()
        await pair.watch_for(17)
        assert (pair.a.leading.value, pair.b.leading.value) == (False, True)
        pair.wires[0].stuck.set()


async def test_a_leader_that_cannot_renew_stops_before_anybody_can_begin(pair: Pair) -> None:
    """Writes stop within the renew deadline of 10 s; the loser stays a candidate."""
    async with running(pair.a.run(), pair.b.run()):
        await pair.watch_for(10)
        pair.wires[0].refuse = refusals(500, "*")
        await pair.watch_for(10)
        assert not pair.a.leading.value
        await pair.watch_for(10)
        assert pair.b.leading.value
        pair.wires[0].refuse.clear()
        pair.wires[1].refuse = refusals(500, "*")
        await pair.watch_for(20)
        assert pair.a.leading.value


async def test_a_renewal_that_hangs_is_not_the_only_one_that_is_tried(pair: Pair) -> None:
    """A pooled connection whose other end is gone without a word; the server is there."""
    async with running(pair.a.run()):
        await pair.watch_for(3)
        wire = pair.wires[0]
        wire.stuck, before = asyncio.Event(), len(wire.calls)
        await pair.clock.until(lambda: len(wire.calls) > before, at_most=3)
        wire.stuck = asyncio.Event()
        wire.stuck.set()  # for those that come now
        leading = pair.a.leading.version
        await pair.watch_for(30)
        assert (pair.a.leading.value, pair.a.leading.version) == (True, leading)


async def test_a_slow_server_keeps_nobody_from_leading(pair: Pair) -> None:
    """Each call takes seconds: a look and a write take twice as long, and are two calls."""
    for wire in pair.wires:
        wire.slow = {"*": 3.0}
    async with running(pair.a.run(), pair.b.run()):
        await pair.watch_for(30)
        assert pair.a.leading.value != pair.b.leading.value
        changes = pair.a.leading.version + pair.b.leading.version
        await pair.watch_for(120)
        assert pair.a.leading.version + pair.b.leading.version == changes
        for wire in pair.wires:
            wire.slow.clear()


async def test_no_remote_clock_is_compared_with_ours(api: FakeWriter, clock: VirtualClock) -> None:
    """`renewTime` may lie in another year; what counts is how long we saw nothing change."""
    spec = {"holderIdentity": "z", "leaseDurationSeconds": 15, "renewTime": "1999-01-01T00:00:00.000000Z"}
    api.put(LEASE, KEY, spec=spec)
    one = candidate(api, clock, "a")
    async with running(one.run()):
        await clock.advance(14)
        assert not one.leading.value
        api.put(LEASE, KEY, spec=spec | {"renewTime": "1999-01-01T00:00:10.000000Z"})
        await clock.advance(14)
        assert not one.leading.value
        await clock.advance(3)
        assert one.leading.value
    assert (api.peek(LEASE, KEY) or {})["spec"]["leaseTransitions"] == 1


async def test_a_clean_end_gives_the_lease_back(pair: Pair) -> None:
    async with running(pair.a.run()):
        assert pair.a.leading.value
    assert not pair.a.leading.value
    async with running(pair.b.run()):
        assert pair.b.leading.value


async def test_an_end_with_the_server_away_does_not_hang(api: FakeWriter, clock: VirtualClock) -> None:
    one = candidate(api, clock, "a")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(one.run())
        await settle()
        api.stuck.clear()
        task.cancel()
        await clock.advance(2)
        assert task.done()
    api.stuck.set()


async def test_a_lease_taken_by_force_ends_the_lead_at_the_next_renewal(api: FakeWriter, clock: VirtualClock) -> None:
    one = candidate(api, clock, "a")
    async with running(one.run()):
        api.put(LEASE, KEY, spec={"holderIdentity": "z", "leaseDurationSeconds": 15})
        await clock.advance(2)
        assert not one.leading.value


async def test_a_deleted_lease_is_made_again(api: FakeWriter, clock: VirtualClock) -> None:
    one = candidate(api, clock, "a")
    async with running(one.run()):
        api.drop(LEASE, KEY)
        await clock.advance(5)
        assert one.leading.value
        assert holder(api) == "a"


MANIFEST: Json = {"metadata": {"name": "s", "namespace": "default"}}
WRITES: dict[str, Callable[[FencedWriter], Awaitable[object]]] = {
    "create": lambda writer: writer.create(SERVICE, KEY, MANIFEST),
    "replace": lambda writer: writer.replace(SERVICE, KEY, MANIFEST),
    "replace_status": lambda writer: writer.replace_status(SERVICE, KEY, MANIFEST),
    "apply": lambda writer: writer.apply(SERVICE, MANIFEST, field_manager="us"),
    "overwrite": lambda writer: writer.overwrite(SERVICE, MANIFEST),
    "delete": lambda writer: writer.delete(SERVICE, KEY, uid="uid-1"),
}


@pytest.mark.parametrize("write", WRITES)
async def test_whoever_does_not_lead_writes_nothing(write: str, api: FakeWriter) -> None:
    with pytest.raises(NotLeadingError):
        await WRITES[write](FencedWriter(api, lambda: False))
    assert not api.calls


def test_every_way_to_write_is_fenced() -> None:
    ways = {name for name, way in vars(FencedWriter).items() if inspect.iscoroutinefunction(way)}
    assert ways - {"get", "list"} == WRITES.keys()


async def test_a_process_that_was_stopped_writes_nothing_when_it_wakes(api: FakeWriter, clock: VirtualClock) -> None:
    """The fence asks the clock; `leading` is told later."""
    one = candidate(api, clock, "a")
    fenced = FencedWriter(api, one.may_write)
    async with running(one.run()):
        api.put(SERVICE, ObjectKey("default", "s"))
        with clock.unnoticed(20):
            assert one.leading.value
            with pytest.raises(NotLeadingError):
                await fenced.delete(SERVICE, ObjectKey("default", "s"), uid="uid-1")
            with pytest.raises(NotLeadingError):
                await fenced.overwrite(SERVICE, {"metadata": {"name": "s", "namespace": "default"}})
            assert await fenced.get(SERVICE, ObjectKey("default", "s"))
    assert not api.seen("delete", "overwrite")


def test_times_that_could_not_keep_two_leaders_apart_are_refused(api: FakeWriter, clock: VirtualClock) -> None:
    with pytest.raises(ValueError, match="need retry < deadline < duration"):
        Leadership(api, identity="a", key=KEY, clock=clock, duration=10, deadline=15)


async def test_an_error_of_the_api_is_no_end(api: FakeWriter, clock: VirtualClock) -> None:
    api.refuse["*"] = ApiError(403, "leases is forbidden")
    one = candidate(api, clock, "a")
    async with running(one.run()):
        await clock.advance(30)
        assert not one.leading.value
        api.refuse.clear()
        await clock.advance(2)
        assert one.leading.value


async def test_a_lease_that_may_not_be_written_is_said_once_and_that_it_works_again_too(
    api: FakeWriter, clock: VirtualClock
) -> None:
    one = candidate(api, clock, "a")
    api.refuse = refusals(403, "create")
    with structlog.testing.capture_logs() as said:
        async with running(one.run()):
            await clock.advance(600)
            assert [(line["log_level"], line["error"]) for line in said] == [("warning", "403 no")]
            failures = one.failures
            assert failures > 100
            api.refuse = refusals(500, "get")
            await clock.advance(600)
            assert [line["error"] for line in said] == ["403 no", "500 no"]
            api.refuse = {}
            await clock.advance(10)
            assert one.leading.value
    assert [line["event"] for line in said[2:]] == ["lease is written again", "leading"]
    assert one.failures > failures


async def test_a_lease_that_nobody_answers_for_is_one_line_however_long_was_waited(
    api: FakeWriter, clock: VirtualClock
) -> None:
    one = candidate(api, clock, "a")
    with structlog.testing.capture_logs() as said:
        async with running(one.run()):
            api.stuck.clear()
            await clock.advance(600)
            api.stuck.set()
    assert [line["error"] for line in said if "error" in line] == ["no answer in time"]


async def test_who_stands_by_says_whom_it_waits_for_once(pair: Pair) -> None:
    with structlog.testing.capture_logs() as said:
        async with running(pair.a.run()), running(pair.b.run()):
            await pair.watch_for(600)
            waiting = [line["holder"] for line in said if line["event"].startswith("waiting")]
            assert waiting == ["a" if pair.a.leading.value else "b"]
    assert pair.a.failures == pair.b.failures == 0


async def test_who_is_not_eligible_takes_no_lease_and_the_moment_it_is_it_does(
    api: FakeWriter, clock: VirtualClock
) -> None:
    """A new version that may not read what it needs must not keep the old one from writing."""
    eligible = Latest(initial=False)
    one, other = candidate(api, clock, "a", eligible), candidate(api, clock, "b")
    async with running(one.run()):
        await clock.advance(60)
        assert not api.writes
        async with running(other.run()):
            assert holder(api) == "b"
            api.refuse_once = [ConnectionResetError("cut")]  # it ends without giving the lease back
        await clock.advance(60)
        assert holder(api) == "b"
        eligible.publish(True)
        await settle()
        assert holder(api) == "a"


async def test_who_is_no_longer_eligible_gives_the_lease_back(api: FakeWriter, clock: VirtualClock) -> None:
    eligible = Latest(initial=True)
    one, other = candidate(api, clock, "a", eligible), candidate(api, clock, "b")
    async with running(one.run()):
        assert one.leading.value
        eligible.publish(False)
        await clock.until(lambda: not one.leading.value, at_most=2)
        await clock.advance(60)
        assert (holder(api), one.leading.value) == ("", False)
        async with running(other.run()):
            assert holder(api) == "b"
        eligible.publish(True)
        await settle()
        assert holder(api) == "a"
