"""A GatewayClass carries the finalizer while Gateways use it, and nothing else of it is touched."""

from typing import Any

import msgspec
import pytest
import structlog

from flow.latest import Latest
from gateway_api.graph.build import build_graph
from gateway_api.graph.types import GraphSettings
from k8s_apply.class_finalizer import FINALIZER, FinalizerWriter, class_uses
from k8s_watch.api import ApiError
from k8s_watch.decode import decode
from k8s_watch.keys import ObjectKey
from k8s_watch.kinds import GATEWAY_CLASS
from k8s_watch.objects.gateway import Gateway, GatewaySpec
from k8s_watch.objects.meta import Meta
from k8s_watch.snapshot import ClusterSnapshot
from tests.flow.virtual_clock import VirtualClock, settle
from tests.k8s_apply.fake_writer import FakeWriter, names
from tests.k8s_apply.running import running

EG = ObjectKey("", "eg")
THEIRS = "example.com/theirs"
GOING = "2026-01-01T00:00:00Z"
PARAMETERS = {"group": "g", "kind": "K", "name": "n"}


class Desk:
    """A writer with its API server, in which the class `eg` is."""

    def __init__(self, clock: VirtualClock, api: FakeWriter) -> None:
        self.clock, self.api = clock, api
        self.leading = Latest(initial=True)
        self.writer = FinalizerWriter(api, leading=self.leading, clock=clock)
        self.put()

    def put(self, *finalizers: str, deleted: bool = False, **spec: Any) -> None:
        metadata = {"finalizers": list(finalizers)} | ({"deletionTimestamp": GOING} if deleted else {})
        spec = {"controllerName": GraphSettings().controller_name} | spec
        self.api.put(GATEWAY_CLASS, EG, metadata=metadata, spec=spec)

    async def watch(self, *gateways: str, of: str = "eg") -> None:
        """Have the controller see the classes of the server, and these Gateways of one of them."""
        found = [self.api.peek(GATEWAY_CLASS, key) for key in self.api.keys(GATEWAY_CLASS)]
        classes = [decode(GATEWAY_CLASS, msgspec.json.encode(each)) for each in found]
        using = [Gateway(metadata=Meta(name=name), spec=GatewaySpec(gateway_class_name=of)) for name in gateways]
        cluster = ClusterSnapshot(
            revision=1,
            gateway_classes={each.key: each for each in classes},
            gateways={each.key: each for each in using},
        )
        self.writer.want(class_uses(build_graph(cluster, GraphSettings())))
        await settle()

    @property
    def finalizers(self) -> list[str]:
        finalizers: list[str] = (self.api.peek(GATEWAY_CLASS, EG) or {})["metadata"]["finalizers"]
        return finalizers


@pytest.fixture
def desk(clock: VirtualClock, api: FakeWriter) -> Desk:
    return Desk(clock, api)


async def test_a_class_in_use_gets_the_finalizer_and_what_is_in_place_costs_no_call(desk: Desk) -> None:
    async with running(desk.writer.run()):
        await desk.watch()
        assert not desk.api.calls
        await desk.watch("a")
        assert desk.finalizers == [FINALIZER]
        desk.api.calls.clear()
        for gateways in (("a",), ("a", "b"), ("b",)):
            await desk.watch(*gateways)
            await desk.clock.advance(60)
    assert not desk.api.calls


async def test_a_class_that_no_gateway_uses_any_more_loses_it(desk: Desk) -> None:
    desk.put(FINALIZER)
    async with running(desk.writer.run()):
        await desk.watch("a")
        assert desk.finalizers == [FINALIZER]
        await desk.watch("a", of="another")
        assert desk.finalizers == []


async def test_a_finalizer_that_a_predecessor_left_goes(desk: Desk) -> None:
    desk.put("a/b", FINALIZER, "c/d")
    async with running(desk.writer.run()):
        await desk.watch()
    assert desk.finalizers == ["a/b", "c/d"]


async def test_nothing_else_of_the_class_is_touched(desk: Desk) -> None:
    desk.put("a/b", description="mine")
    before = desk.api.peek(GATEWAY_CLASS, EG) or {}
    async with running(desk.writer.run()):
        await desk.watch("a")
    after = desk.api.peek(GATEWAY_CLASS, EG) or {}
    version = after["metadata"]["resourceVersion"]
    meta = before["metadata"] | {"resourceVersion": version, "finalizers": ["a/b", FINALIZER]}
    assert after == before | {"metadata": meta}


async def test_a_class_under_deletion_goes_with_its_last_gateway(desk: Desk) -> None:
    async with running(desk.writer.run()):
        await desk.watch("a")
        desk.put(FINALIZER, deleted=True)
        await desk.watch("a")
        await desk.clock.advance(60)
        assert desk.finalizers == [FINALIZER]
        await desk.watch()
        assert not desk.api.keys(GATEWAY_CLASS)
        await desk.watch()


async def test_a_class_under_deletion_is_given_none(desk: Desk) -> None:
    """The API server would refuse it."""
    desk.put("a/b", deleted=True)
    async with running(desk.writer.run()):
        await desk.watch("a")
        await desk.clock.advance(60)
    assert not desk.api.calls


async def test_a_class_that_is_not_accepted_stays_as_it_is_while_it_is_used(desk: Desk) -> None:
    async with running(desk.writer.run()):
        for finalizers in ((), (FINALIZER,)):
            desk.put(*finalizers, parametersRef=PARAMETERS)
            await desk.watch("a")
            assert not desk.api.calls
        await desk.watch()
    assert desk.finalizers == []


async def test_another_controllers_class_is_not_ours_to_touch(desk: Desk) -> None:
    async with running(desk.writer.run()):
        for finalizers, gateways in (((), ("a",)), ((FINALIZER,), ())):
            desk.put(*finalizers, controllerName=THEIRS)
            await desk.watch(*gateways)
    assert not desk.api.calls


async def test_what_somebody_else_adds_at_the_same_moment_stays(desk: Desk) -> None:
    desk.api.before_write.append(lambda: desk.put("a/b"))
    async with running(desk.writer.run()):
        await desk.watch("a")
        await desk.clock.advance(5)
    assert desk.finalizers == ["a/b", FINALIZER]


async def test_a_class_that_goes_as_it_is_written_needs_nothing_more_and_the_next_is_looked_at_anew(desk: Desk) -> None:
    async with running(desk.writer.run()):
        desk.api.before_write.append(lambda: desk.api.drop(GATEWAY_CLASS, EG))
        await desk.watch("a")
        assert not desk.api.keys(GATEWAY_CLASS)
        desk.api.calls.clear()
        desk.put()
        await desk.clock.advance(60)
        assert not desk.api.calls
        await desk.watch("a")
        await desk.clock.advance(5)
    assert desk.finalizers == [FINALIZER]


async def test_a_wish_for_a_class_is_not_for_its_successor(desk: Desk) -> None:
    desk.api.stuck.clear()
    async with running(desk.writer.run()):
        await desk.watch("a")
        desk.api.drop(GATEWAY_CLASS, EG)
        desk.put(controllerName=THEIRS)
        desk.api.stuck.set()
        await desk.clock.advance(60)
    assert names(desk.api.calls) == ["get GatewayClass eg"]


async def test_a_follower_touches_nothing_and_a_new_leader_what_is_due(desk: Desk) -> None:
    desk.leading.publish(False)
    async with running(desk.writer.run()):
        await desk.watch("a")
        await desk.clock.advance(60)
        assert not desk.api.calls
        desk.leading.publish(True)
        await settle()
        assert desk.finalizers == [FINALIZER]
        desk.leading.publish(False)
        await settle()
        desk.api.calls.clear()
        await desk.watch()
        await desk.clock.advance(60)
        assert not desk.api.calls


@pytest.mark.parametrize("error", [ApiError(403, "forbidden"), ConnectionRefusedError("down")])
async def test_what_fails_is_tried_again_ever_more_slowly_whatever_else_happens(desk: Desk, error: Exception) -> None:
    desk.api.refuse["*"] = error
    async with running(desk.writer.run()):
        for second in range(600):
            await desk.watch("a", f"b{second}")
            await desk.clock.advance(1)
        assert len(desk.api.calls) < 30
        desk.api.refuse.clear()
        await desk.clock.advance(60)
    assert desk.finalizers == [FINALIZER]


async def test_each_reason_is_said_once_and_that_it_is_over(desk: Desk) -> None:
    with structlog.testing.capture_logs() as said:
        async with running(desk.writer.run()):
            for reason in ("a", "b"):
                desk.api.refuse["*"] = ApiError(403, reason)
                await desk.watch("a")
                await desk.clock.advance(300)
            desk.api.refuse.clear()
            await desk.clock.advance(60)
    assert [(line["log_level"], line.get("error", "")) for line in said] == [
        ("warning", "403 a"),
        ("warning", "403 b"),
        ("info", ""),
    ]


async def test_two_who_disagree_do_not_fight_at_full_speed(desk: Desk) -> None:
    async with running(desk.writer.run()):
        for _ in range(100):
            desk.put()
            await desk.watch("a")
            await desk.clock.advance(0.1)
    assert len(desk.api.writes) <= 11
