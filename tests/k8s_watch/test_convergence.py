"""Whatever happens between a server and its watchers, in whatever order: in the end they agree."""

import asyncio
import itertools
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from k8s_watch.api import ApiError, Gone
from k8s_watch.decode import decode
from k8s_watch.keys import AnyKind, ObjectKey
from k8s_watch.kinds import CONFIG_MAP, DEPLOYMENT, ENDPOINT_SLICE, HTTP_ROUTE, SERVICE
from k8s_watch.objects.meta import Object
from k8s_watch.slices import SERVICE_LABEL
from k8s_watch.snapshot import ClusterSnapshot, objects_of
from tests.k8s_watch.conftest import World
from tests.k8s_watch.fake_api import FORBIDDEN, UNAVAILABLE, labels_of, selected

WATCHED: tuple[AnyKind, ...] = (SERVICE, HTTP_ROUTE, CONFIG_MAP, DEPLOYMENT, ENDPOINT_SLICE)
FLAT = (SERVICE, HTTP_ROUTE, CONFIG_MAP, DEPLOYMENT)
"""Kinds that a snapshot has by their own keys."""
KINDS = st.sampled_from(WATCHED)
BREAKABLE = st.sampled_from([SERVICE, HTTP_ROUTE])
NAMES = st.sampled_from("abcde")
NAMESPACES = st.sampled_from(["default", "default", "other"])
DECISIVE = st.sets(st.sampled_from([kind.name for kind in WATCHED]))
ERRORS = st.sampled_from(
    [
        ConnectionRefusedError("refused"),
        TimeoutError("slow"),
        UNAVAILABLE,
        FORBIDDEN,
        ApiError(429, "slow down", retry_after=3.0),
        ApiError(504, "Too large resource version"),
        Gone(410, "too old", reason="Expired"),
    ]
)
FIELDS: Mapping[str, st.SearchStrategy[dict[str, Any]]] = {
    "EndpointSlice": st.sampled_from("st").map(lambda name: {"metadata": {"labels": {SERVICE_LABEL: name}}}),
    "ConfigMap": st.sampled_from([{"data": {"ca.crt": "a", "large": "b"}}, {"data": {"large": "c"}}]),
    "Deployment": st.just({"metadata": {"labels": labels_of(DEPLOYMENT)}}),
    "HTTPRoute": st.sampled_from("ab").map(lambda name: {"metadata": {"generation": 1}, "status": {"parents": []}}),
}


class Watched(World):
    """A world in which one can ask whether what is held is up to date."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        super().__init__(WATCHED, page_size=2)
        self._tasks = tasks
        self.stalled: set[str] = set()
        """Kinds of which a watch may be silent for ever, unless somebody begins it anew."""
        self.asked: list[asyncio.Task[None]] = []

    def catch_up(self, decisive: Collection[str]) -> None:
        """Ask in the background."""
        self.asked.append(self._tasks.create_task(self._caught_up(decisive)))

    async def _caught_up(self, decisive: Collection[str]) -> None:
        there = {kind.name: readable(self, kind) for kind in WATCHED if kind.name in decisive}
        self.stalled -= {*decisive}
        await self.cluster.catch_up(decisive)
        for kind in WATCHED:
            now = readable(self, kind)
            for key, held in there.get(kind.name, {}).items():
                if now.get(key) == held and kind.name not in self.api.missing:
                    found = self.cluster.get(kind.name, key)
                    assert found
                    assert said(found) == held

    def stall(self, kind: AnyKind) -> None:
        """Have the kind's watch say nothing more."""
        self.stalled.add(kind.name)
        self.api.stall(kind)


type Step = Callable[[Watched], None]


def on(world: World, kind: AnyKind) -> dict[ObjectKey, dict[str, Any]]:
    """What the server has for who watches the kind."""
    return {key: held for key, held in world.api.of(kind).objects.items() if selected(kind, held)}


def readable(world: World, kind: AnyKind) -> dict[ObjectKey, Object]:
    """What the server's objects say, but of those that nobody can read."""
    held = on(world, kind).items()
    return {key: said(decode(kind, json.dumps(body).encode())) for key, body in held if not is_broken(body)}


def said[T: Object](by: T) -> T:
    """All that counts: of what has no generation, a newer version that says nothing else is as good as this."""
    meta = msgspec.structs.replace(by.metadata, resource_version="")
    return by if by.metadata.generation else msgspec.structs.replace(by, metadata=meta)


def is_broken(held: Mapping[str, Any]) -> bool:
    """Whether nobody can read the object."""
    return held.get("spec") == 3


def step(name: str, does: Callable[..., object], *arguments: st.SearchStrategy[object]) -> st.SearchStrategy[Step]:
    """One thing that happens; hypothesis shows it by its name."""

    class Shown:
        def __init__(self, *chosen: object) -> None:
            self.chosen = chosen

        def __call__(self, world: Watched) -> None:
            does(world, *self.chosen)

        def __repr__(self) -> str:
            return f"{name}{self.chosen}"

    return st.builds(Shown, *arguments)


def replay(world: Watched, kind: AnyKind) -> None:
    """Say the newest event about each object once more."""
    newest = {
        (held["metadata"]["namespace"], held["metadata"]["name"]): (type_, held)
        for _, type_, held in world.api.of(kind).history
    }
    for type_, held in newest.values():
        world.api.say(kind, type_, held)


def puts() -> st.SearchStrategy[Step]:
    def of(kind: AnyKind) -> st.SearchStrategy[Step]:
        fields = FIELDS.get(kind.name, st.just({}))
        return step(
            "put",
            lambda world, kind, name, namespace, fields: world.api.put(kind, name, namespace, **fields),
            st.just(kind),
            NAMES,
            NAMESPACES,
            st.just({}) | fields,
        )

    return KINDS.flatmap(of)


STEPS = st.lists(
    st.tuples(
        st.one_of(
            puts(),
            puts(),
            step("put again", lambda world, kind, name: world.api.put(kind, name, uid="n"), KINDS, NAMES),
            step("break", lambda world, kind, name: world.api.put(kind, name, spec=3), BREAKABLE, NAMES),
            step("delete", lambda world, *of: world.api.delete(*of), KINDS, NAMES, NAMESPACES),
            step("bookmark", lambda world, kind: world.api.bookmark(kind), KINDS),
            step("replay", replay, KINDS),
            step("close", lambda world, kind: world.api.close(kind), KINDS),
            step("cut", lambda world, kind: world.api.cut(kind), KINDS),
            step("stall", lambda world, kind: world.stall(kind), KINDS),
            step("catch up", lambda world, decisive: world.catch_up(decisive), DECISIVE),
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


@settings(max_examples=150)
@given(STEPS)
def test_any_interleaving_ends_with_store_equal_to_server(steps: list[tuple[Step, float]]) -> None:
    """Cases 1 to 4, 17, 18, 22: and each snapshot names every difference from the one before it."""
    asyncio.run(_drive(steps))


async def _drive(steps: list[tuple[Step, float]]) -> None:
    snapshots: list[ClusterSnapshot] = []
    async with asyncio.TaskGroup() as tasks:
        world = Watched(tasks)
        for name in "abc":
            world.api.put(SERVICE, name)
        async with world.running():
            for happens, seconds in steps:
                happens(world)
                await world.clock.advance(seconds)
                if world.cluster.revision.value:
                    snapshots.append(world.cluster.snapshot())
            world.api.start()
            world.api.missing.clear()
            world.api.refuse_once.clear()
            world.catch_up({*world.stalled})
            await world.clock.advance(120)
            assert all(asked.done() for asked in world.asked)
            snapshots.append(world.cluster.snapshot())
            assert [health.error for health in world.cluster.health()] == [""] * len(WATCHED)
    _check_agreement(world, snapshots[-1])
    for before, after in itertools.pairwise(snapshots):
        _check_changed(before, after)


def _check_agreement(world: World, snapshot: ClusterSnapshot) -> None:
    rejected = {(one.kind, one.key) for one in snapshot.rejected}
    for kind in FLAT:
        good, mapping = readable(world, kind), objects_of(snapshot, kind.name)
        assert {key: said(found) for key, found in mapping.items() if (kind.name, key) not in rejected} == good
        assert {key for name, key in rejected if name == kind.name} == on(world, kind).keys() - good.keys()
    assert _grouped(world) == {
        service: [said(each) for each in slices] for service, slices in snapshot.slices_by_service.items()
    }


def _grouped(world: World) -> dict[ObjectKey, list[Object]]:
    """The server's slices by their Service."""
    found: defaultdict[ObjectKey, list[Object]] = defaultdict(list)
    for key, held in sorted(readable(world, ENDPOINT_SLICE).items()):
        if service := held.metadata.labels.get(SERVICE_LABEL):
            found[ObjectKey(key.namespace, service)].append(held)
    return dict(found)


def _check_changed(before: ClusterSnapshot, after: ClusterSnapshot) -> None:
    if after is before:
        return
    assert after.revision == before.revision + 1
    assert after.changed is not None
    mappings: list[tuple[str, Mapping[ObjectKey, object], Mapping[ObjectKey, object]]] = [
        (kind.name, objects_of(before, kind.name), objects_of(after, kind.name)) for kind in FLAT
    ]
    mappings.append((ENDPOINT_SLICE.name, before.slices_by_service, after.slices_by_service))
    for name, old, new in mappings:
        different = {key for key in {*old, *new} if old.get(key) is not new.get(key)}
        assert different <= after.changed.get(name, frozenset())
        assert (old is new) == (not after.changed.get(name))
