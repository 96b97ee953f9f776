"""API servers that are down, overloaded, or say no."""

import asyncio
import itertools

import pytest
import structlog

from k8s_watch import kinds
from k8s_watch.api import ApiError, Gone
from k8s_watch.cluster import BEHIND, PATIENCE, RETURN
from k8s_watch.keys import AnyKind
from k8s_watch.kinds import CONFIG_MAP, HTTP_ROUTE, SECRET, SERVICE, TCP_ROUTE
from k8s_watch.trouble import FORBIDDEN_GRACE, NOT_SERVED_GRACE
from tests.k8s_watch.conftest import WATCHED, World
from tests.k8s_watch.fake_api import FORBIDDEN, UNAVAILABLE

ESSENTIAL = [
    kinds.NAMESPACE,
    kinds.SERVICE,
    kinds.SECRET,
    kinds.CONFIG_MAP,
    kinds.ENDPOINT_SLICE,
    kinds.DEPLOYMENT,
    kinds.GATEWAY_CLASS,
    kinds.GATEWAY,
    kinds.REFERENCE_GRANT,
    kinds.HTTP_ROUTE,
    kinds.BACKEND_TLS_POLICY,
]


async def test_with_no_server_at_start_there_is_no_world_but_patience(world: World) -> None:
    """Not ready, no snapshot, and the process stays up."""
    world.api.stop()
    async with world.running():
        await world.clock.advance(600)
        assert world.cluster.revision.value == 0
        with pytest.raises(RuntimeError, match="no snapshot before"):
            world.cluster.snapshot()
        assert all("nobody listens" in health.error and not health.synced for health in world.cluster.health())
        world.api.put(SERVICE, "a")
        world.api.start()
        await world.clock.until(lambda: world.cluster.revision.value > 0, at_most=60)
        assert len(world.cluster.snapshot().services) == 1


async def test_pauses_grow_from_a_fifth_of_a_second_to_half_a_minute() -> None:
    """Jittered, doubling, bounded."""
    world = World((SERVICE,))
    world.clock.chance = 1 - 1e-12
    world.api.stop()
    async with world.running():
        await world.clock.advance(300)
    tries = [call.at for call in world.api.seen("discover", SERVICE)]
    pauses = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert pauses[:4] == pytest.approx([0.2, 0.4, 0.8, 1.6])
    assert max(pauses) == pytest.approx(30)


async def test_one_kind_that_is_not_listed_holds_the_world_back(world: World) -> None:
    """Half a world is not served."""
    world.api.refuse["ConfigMap"] = UNAVAILABLE
    async with world.running():
        await world.clock.advance(600)
        assert world.cluster.revision.value == 0
        assert [health.kind for health in world.cluster.health() if not health.synced] == ["ConfigMap"]


async def test_a_server_that_dies_leaves_the_last_snapshot_in_force(world: World) -> None:
    """For ever, and the same object."""
    world.api.put(SERVICE, "a")
    async with world.running():
        before, revision = world.cluster.snapshot(), world.cluster.revision.value
        world.api.stop()
        await world.clock.advance(2 * 3600)
        assert world.cluster.snapshot() is before
        assert world.cluster.revision.value == revision
        assert all(health.synced and health.error for health in world.cluster.health())


@pytest.mark.parametrize(
    "answer",
    [None, ApiError(401, "Unauthorized"), FORBIDDEN],
    ids=["nobody listens", "nobody knows us", "nothing is allowed"],
)
async def test_a_change_made_in_an_outage_is_live_soon_after_it(world: World, answer: ApiError | None) -> None:
    """Who finds the server back tells the others, so that they need not sit out half a minute each."""
    world.clock.chance = None

    def down() -> set[str]:
        return {health.kind for health in world.cluster.health() if health.error}

    async with world.running():
        world.api.stop()
        world.api.refuse["*"] = answer or world.api.refuse["*"]
        await world.clock.advance(3600)
        world.api.put(SERVICE, "a")
        world.api.start()
        await world.clock.until(lambda: len(down()) < len(WATCHED), at_most=31)
        assert await world.clock.until(lambda: not down()) <= 1
        assert len(world.cluster.snapshot().services) == 1


@pytest.mark.parametrize("as_event", [True, False], ids=["as an event", "as an answer"])
async def test_a_list_that_an_outage_made_necessary_begins_soon_after_it(world: World, *, as_event: bool) -> None:
    """410 is the usual answer after some minutes, and no reason to pause for as long as in the outage."""
    world.clock.chance = None
    world.api.gone_as_event = as_event
    async with world.running():
        world.api.stop()
        await world.clock.advance(3600)
        world.api.put(SERVICE, "a")
        world.api.compact()
        world.api.start()
        world.api.calls.clear()
        await world.clock.until(lambda: bool(world.api.seen("watch", SERVICE)), at_most=31)
        assert await world.clock.until(lambda: len(world.cluster.snapshot().services) == 1) <= 1


async def test_a_server_that_says_410_over_and_over_is_not_hammered() -> None:
    """A list each time, ever more slowly."""
    world = World((SERVICE,))
    world.api.refuse["watch Service"] = Gone(410, "too old resource version", reason="Expired")
    async with world.running():
        await world.clock.advance(300)
    assert len(world.api.seen("list", SERVICE)) < 25


@pytest.mark.parametrize("error", [UNAVAILABLE, TimeoutError("slow")], ids=["answers 500", "hangs"])
async def test_etcd_that_is_down_is_an_outage_like_any_other(world: World, error: Exception) -> None:
    """Errors from a server that is up change nothing either."""
    world.api.put(SERVICE, "a")
    async with world.running():
        before = world.cluster.snapshot()
        world.api.refuse["*"] = error
        for kind in WATCHED:
            world.api.cut(kind)
        await world.clock.advance(600)
        assert world.cluster.snapshot() is before
        world.api.put(SERVICE, "b")
        world.api.start()
        await world.clock.until(lambda: len(world.cluster.snapshot().services) == 2, at_most=35)


async def test_a_forbidden_kind_keeps_what_was_read_and_others_go_on(world: World) -> None:
    """A permission that is taken away later deletes nothing."""
    world.api.put(CONFIG_MAP, "a")
    async with world.running():
        world.api.refuse["ConfigMap"] = FORBIDDEN
        world.api.cut(CONFIG_MAP)
        world.api.put(SERVICE, "a")
        await world.clock.advance(3600)
        snapshot = world.cluster.snapshot()
        assert (len(snapshot.config_maps), len(snapshot.services)) == (1, 1)
        assert world.health(CONFIG_MAP).forbidden
        assert "is forbidden" in world.health(CONFIG_MAP).error
        assert not world.health(SERVICE).error


async def test_a_permission_that_is_taken_away_leaves_the_last_state_in_force_whatever_is_tried() -> None:
    """Also when history is gone, and when somebody wants to know that nothing was missed."""
    world = World(kinds.ALL)
    world.api.put(kinds.BACKEND_TLS_POLICY, "a")
    async with world.running(), asyncio.TaskGroup() as tasks:
        before = world.cluster.snapshot()
        world.api.refuse["BackendTLSPolicy"] = FORBIDDEN
        world.api.cut(kinds.BACKEND_TLS_POLICY)
        world.api.compact()
        caught_up = tasks.create_task(world.cluster.catch_up(()))
        await world.clock.until(caught_up.done, at_most=PATIENCE + 1)
        await world.clock.advance(3600)
        assert world.cluster.snapshot() is before
        assert world.health(kinds.BACKEND_TLS_POLICY).forbidden


async def test_a_kind_that_was_never_allowed_counts_as_empty_after_a_while(world: World) -> None:
    """Readiness does not hang for ever on a kind that one can serve without."""
    world.api.refuse["TCPRoute"] = FORBIDDEN
    async with world.running():
        took = await world.clock.until(lambda: world.cluster.revision.value > 0)
        assert took == pytest.approx(FORBIDDEN_GRACE, abs=0.1)
        assert world.health(TCP_ROUTE).forbidden
        assert world.health(TCP_ROUTE).synced


@pytest.mark.parametrize("kind", ESSENTIAL, ids=lambda kind: kind.name)
async def test_an_essential_kind_that_is_forbidden_never_counts_as_empty(kind: AnyKind) -> None:
    """Without its Gateways the world would be empty, without BackendTLSPolicies backends would be reached in
    plain text; the report says what is missing, and the log what to do.
    """
    world = World(kinds.ALL)
    world.api.refuse[kind.name] = FORBIDDEN
    with structlog.testing.capture_logs() as said:
        async with world.running():
            await world.clock.advance(3600)
            assert world.cluster.revision.value == 0
            assert world.health(kind).forbidden
            warning, error = said
            assert (warning["log_level"], warning["kind"], warning["sort"]) == ("warning", kind.name, "forbidden")
            assert (error["log_level"], error["kind"], error["effect"]) == ("error", kind.name, "not ready without it")
            assert error["remedy"] == "apply docker/install.yaml again"
            del world.api.refuse[kind.name]
            await world.clock.until(lambda: world.cluster.revision.value > 0, at_most=31)


async def test_an_essential_kind_without_a_crd_counts_as_empty_all_the_same() -> None:
    """Not as soon as another: a server that starts up may say so of routes that it has."""
    world = World(kinds.ALL)
    world.api.missing = {kind.name for kind in kinds.ALL if kind.optional}
    async with world.running():
        took = await world.clock.until(lambda: world.cluster.revision.value > 0)
        assert took == pytest.approx(NOT_SERVED_GRACE, abs=0.5)


async def test_a_kind_that_counts_as_empty_for_want_of_a_permission_is_an_error_in_the_log(world: World) -> None:
    """Once that has lasted: a server that starts up forbids for a moment what it allows then."""
    world.api.refuse["TCPRoute"] = FORBIDDEN
    with structlog.testing.capture_logs() as said:
        async with world.running():
            await world.clock.advance(FORBIDDEN_GRACE - 1)
            assert [line["log_level"] for line in said] == ["warning"]
            await world.clock.advance(3600)
    assert [(line["log_level"], line["kind"]) for line in said] == [("warning", "TCPRoute"), ("error", "TCPRoute")]
    assert said[1]["effect"] == "it counts as empty"


async def test_failures_of_a_kind_that_may_be_missing_are_counted(world: World) -> None:
    world.api.refuse["TCPRoute"] = UNAVAILABLE
    async with world.running():
        await world.clock.advance(60)
        assert world.health(TCP_ROUTE).failures > 0


async def test_a_permission_that_is_granted_later_is_noticed(world: World) -> None:
    """Retried slowly, for ever."""
    world.api.put(TCP_ROUTE, "a")
    world.api.refuse["TCPRoute"] = FORBIDDEN
    async with world.running():
        await world.clock.advance(300)
        del world.api.refuse["TCPRoute"]
        await world.clock.until(lambda: len(world.cluster.snapshot().tcp_routes) == 1, at_most=31)
        assert not world.health(TCP_ROUTE).forbidden
    assert len(world.api.seen("list", TCP_ROUTE)) < 25


async def test_a_permission_to_list_that_is_granted_later_is_noticed() -> None:
    """Also where only the list was refused: discovery is open to everybody. One object a page."""
    world = World(page_size=1)
    world.api.put(TCP_ROUTE, "a")
    world.api.put(TCP_ROUTE, "b")
    world.api.refuse["list TCPRoute"] = FORBIDDEN
    async with world.running():
        await world.clock.advance(300)
        assert world.cluster.snapshot().tcp_routes == {}
        del world.api.refuse["list TCPRoute"]
        await world.clock.until(lambda: len(world.cluster.snapshot().tcp_routes) == 2, at_most=31)
        assert not world.health(TCP_ROUTE).forbidden


@pytest.mark.parametrize("error", [ConnectionError("cut"), UNAVAILABLE, FORBIDDEN, ApiError(400, "what?")], ids=repr)
async def test_an_outage_costs_few_calls(world: World, error: Exception) -> None:
    """Fewer than two calls a second and kind, over a minute."""
    async with world.running():
        world.api.calls.clear()
        world.api.refuse["*"] = error
        for kind in WATCHED:
            world.api.cut(kind)
        await world.clock.advance(60)
    for kind in WATCHED:
        assert len([call for call in world.api.calls if call.kind == kind.name]) < 20


async def test_a_server_that_lists_and_breaks_every_watch_is_not_hammered(world: World) -> None:
    """Kinds that wake each other do so once a second at most."""
    async with world.running():
        world.api.calls.clear()
        for _ in range(600):
            for kind in WATCHED:
                world.api.cut(kind)
            await world.clock.advance(0.1)
    for kind in WATCHED:
        assert len([call for call in world.api.calls if call.kind == kind.name]) < 2 * 60


async def test_a_server_that_lists_and_opens_no_watch_is_listed_ever_more_rarely() -> None:
    """Each list that works looks like the end of an outage, and calls all others back: not for ever every second."""
    world = World(kinds.ALL)
    world.clock.chance = None
    world.api.refuse = {f"watch {kind.name}": UNAVAILABLE for kind in kinds.ALL}
    async with world.running():
        await world.clock.advance(300)
        world.api.calls.clear()
        await world.clock.advance(600)
    for kind in kinds.ALL:
        assert len(world.api.seen("list", kind)) < 10
        assert len(world.api.seen("watch", kind)) < 60


async def test_retry_after_is_waited_for() -> None:
    """429 names the pause."""
    world = World((SECRET,))
    world.api.refuse_once = [ApiError(429, "too many requests", retry_after=17)]
    async with world.running():
        took = await world.clock.until(lambda: world.cluster.revision.value > 0)
    assert took == pytest.approx(17)


async def test_an_absurd_retry_after_is_cut_short() -> None:
    """A minute is the most that we let ourselves be sent away for."""
    world = World((SECRET,))
    world.api.refuse_once = [ApiError(429, "too many requests", retry_after=1e9)]
    async with world.running():
        took = await world.clock.until(lambda: world.cluster.revision.value > 0)
    assert took == pytest.approx(60)


@pytest.mark.parametrize("expired", [False, True], ids=["resumed", "listed anew"])
async def test_what_kinds_missed_in_an_outage_is_announced_together(world: World, *, expired: bool) -> None:
    """A route that moved to a Service made meanwhile is not seen without it, though its kind may be back first."""
    world.clock.chance = None
    world.api.gone_as_event = True
    async with world.running():
        world.api.stop()
        await world.clock.advance(3600)
        world.api.put(SERVICE, "b")
        world.api.put(HTTP_ROUTE, "a")
        if expired:
            world.api.compact()
        world.api.refuse["Service"] = world.api.refuse.pop("*")
        version = world.cluster.revision.version
        await world.clock.until(lambda: not world.health(HTTP_ROUTE).error, at_most=31)
        world.api.refuse.clear()
        await world.clock.until(lambda: world.cluster.revision.version > version, at_most=RETURN)
        snapshot = world.cluster.snapshot()
        assert (len(snapshot.http_routes), len(snapshot.services)) == (1, 1)
        assert world.cluster.revision.version == version + 1


async def test_a_kind_that_stays_away_holds_the_others_up_for_a_moment_only(world: World) -> None:
    async with world.running():
        world.api.stop()
        await world.clock.advance(3600)
        world.api.put(HTTP_ROUTE, "a")
        world.api.refuse["Service"] = world.api.refuse.pop("*")
        version = world.cluster.revision.version
        await world.clock.until(lambda: not world.health(HTTP_ROUTE).error, at_most=31)
        assert await world.clock.until(lambda: world.cluster.revision.version > version) <= RETURN + BEHIND
        world.api.put(HTTP_ROUTE, "b")
        await world.clock.advance(0)
        assert world.cluster.revision.version == version + 2


async def test_one_watch_that_is_cut_costs_no_time(world: World) -> None:
    async with world.running():
        world.api.cut(SERVICE)
        await world.clock.advance(0)
        world.api.put(SERVICE, "a")
        version = world.cluster.revision.version
        await world.clock.until(lambda: not world.health(SERVICE).error, at_most=1)
        assert world.cluster.revision.version == version + 1
