"""Whatever happens between a server and its watchers, in whatever order: in the end they agree."""

import asyncio
import itertools
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from k8s_watch.keys import AnyKind
from k8s_watch.kinds import HTTP_ROUTE, SERVICE
from k8s_watch.snapshot import ClusterSnapshot
from tests.k8s_watch.conftest import World
from tests.k8s_watch.fake_api import FORBIDDEN, UNAVAILABLE

type Step = Callable[[World], None]

KINDS = st.sampled_from([SERVICE, HTTP_ROUTE])
NAMES = st.sampled_from("abcde")
ERRORS = st.sampled_from([ConnectionRefusedError(), TimeoutError(), UNAVAILABLE, FORBIDDEN])


def step(name: str, does: Callable[..., object], *arguments: st.SearchStrategy[object]) -> st.SearchStrategy[Step]:
    """One thing that happens; hypothesis shows it by its name."""

    class Shown:
        def __init__(self, *chosen: object) -> None:
            self.chosen = chosen

        def __call__(self, world: World) -> None:
            does(world, *self.chosen)

        def __repr__(self) -> str:
            return f"{name}{self.chosen}"

    return st.builds(Shown, *arguments)


def replay(world: World, kind: AnyKind) -> None:
    """Say the newest event about each object once more."""
    newest = {held["metadata"]["name"]: (type_, held) for _, type_, held in world.api.of(kind).history}
    for type_, held in newest.values():
        world.api.say(kind, type_, held)


STEPS = st.lists(
    st.tuples(
        st.one_of(
            step("put", lambda world, kind, name: world.api.put(kind, name), KINDS, NAMES),
            step("put again", lambda world, kind, name: world.api.put(kind, name, uid="n"), KINDS, NAMES),
            step("break", lambda world, kind, name: world.api.put(kind, name, spec=3), KINDS, NAMES),
            step("delete", lambda world, kind, name: world.api.delete(kind, name), KINDS, NAMES),
            step("bookmark", lambda world, kind: world.api.bookmark(kind), KINDS),
            step("replay", replay, KINDS),
            step("close", lambda world, kind: world.api.close(kind), KINDS),
            step("cut", lambda world, kind: world.api.cut(kind), KINDS),
            step("compact", lambda world: world.api.compact()),
            step("gone as event", lambda world, yes: setattr(world.api, "gone_as_event", yes), st.booleans()),
            step("expire tokens", lambda world: setattr(world.api, "expired_tokens", 1000)),
            step("fail once", lambda world, error: world.api.refuse_once.append(error), ERRORS),
            step("stop", lambda world: world.api.stop()),
            step("start", lambda world: world.api.start()),
            step("drop the CRD", lambda world: world.api.drop_crd(HTTP_ROUTE)),
            step("restore the CRD", lambda world: world.api.missing.clear()),
        ),
        st.sampled_from([0.0, 0.0, 0.3, 3.0, 40.0]),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_any_interleaving_ends_with_store_equal_to_server(steps: list[tuple[Step, float]]) -> None:
    """Cases 1 to 4, 17, 18, 22: and each snapshot names every difference from the one before it."""
    asyncio.run(_drive(steps))


async def _drive(steps: list[tuple[Step, float]]) -> None:
    world = World((SERVICE, HTTP_ROUTE), page_size=2)
    for name in "abc":
        world.api.put(SERVICE, name)
    snapshots: list[ClusterSnapshot] = []
    async with world.running():
        for happens, seconds in steps:
            happens(world)
            await world.clock.advance(seconds)
            if world.cluster.revision.value:
                snapshots.append(world.cluster.snapshot())
        world.api.start()
        world.api.missing.clear()
        world.api.refuse_once.clear()
        await world.clock.advance(120)
        snapshots.append(world.cluster.snapshot())
        assert [health.error for health in world.cluster.health()] == ["", ""]
    _check_agreement(world, snapshots[-1])
    for before, after in itertools.pairwise(snapshots):
        _check_changed(before, after)


def _check_agreement(world: World, snapshot: ClusterSnapshot) -> None:
    rejected = {(one.kind, one.key) for one in snapshot.rejected}
    for kind, mapping in ((SERVICE, snapshot.services), (HTTP_ROUTE, snapshot.http_routes)):
        held = world.api.of(kind).objects
        good = {key: body["metadata"] for key, body in held.items() if body.get("spec") != 3}
        seen = {key: found.metadata for key, found in mapping.items() if (kind.name, key) not in rejected}
        assert set(seen) == set(good)
        assert {key for name, key in rejected if name == kind.name} == held.keys() - good.keys()
        for key, meta in good.items():
            assert (seen[key].uid, seen[key].resource_version) == (meta["uid"], meta["resourceVersion"])


def _check_changed(before: ClusterSnapshot, after: ClusterSnapshot) -> None:
    if after is before:
        return
    assert after.revision == before.revision + 1
    assert after.changed is not None
    for name, old, new in (
        ("Service", before.services, after.services),
        ("HTTPRoute", before.http_routes, after.http_routes),
    ):
        different = {key for key in {*old, *new} if old.get(key) is not new.get(key)}
        assert different <= after.changed.get(name, frozenset())
        assert (old is new) == (name not in after.changed)
