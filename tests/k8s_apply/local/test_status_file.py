"""Statuses in a file, and what of them is read back."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
import structlog

from gateway_api.ir.infra import Address
from gateway_api.status.types import (
    Condition,
    GatewayClassStatus,
    GatewayStatus,
    ListenerStatus,
    ParentStatus,
    RouteStatus,
    Statuses,
    StatusKey,
)
from k8s_apply.local.status_file import StatusFile, StatusFileError, read_status_file
from k8s_apply.status_report import Oversight, StatusReport, make_report
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.routes import ParentReference
from k8s_watch.snapshot import PassedOver, Rejected
from tests.flow.virtual_clock import VirtualClock
from tests.k8s_apply.running import running, turns_until

PASSED_OVER = PassedOver(where="a.yaml", what="1 Deployment")
REJECTED = Rejected(kind="Gateway", key=ObjectKey("default", "bad"), where="a.yaml:3 (document 1)", reason="why")

OVERSIGHT = Oversight(namespace="default", kind="HTTPRoute", name="lost", reason="leads nowhere")


def condition(type_: str, status: str = "True", message: str = "") -> Condition:
    return Condition(type=type_, status=status, reason="Because", message=message, observed_generation=2)


def route(*conditions: Condition, **ref: object) -> RouteStatus:
    parent = ParentReference(**{"name": "eg", **ref})  # type: ignore[arg-type]
    return RouteStatus(controller_name="c", parents=(ParentStatus(parent_ref=parent, conditions=conditions),))


def of_route(status: RouteStatus) -> Statuses:
    return {StatusKey(kind="HTTPRoute", key=ObjectKey("default", "backend")): status}


def report(statuses: Statuses, previous: StatusReport | None = None, *, now: str = "t1") -> StatusReport:
    return make_report(statuses, previous=previous or StatusReport(), now=now, process=7)


def test_every_condition_of_every_kind_is_a_row() -> None:
    gateway = GatewayStatus(
        conditions=(condition("Programmed"),),
        listeners=(
            ListenerStatus(name="http", supported_kinds=(), attached_routes=1, conditions=(condition("Accepted"),)),
        ),
        addresses=(Address("IPAddress", "127.0.0.1"),),
    )
    found = report(
        {
            **of_route(route(condition("Accepted"), condition("ResolvedRefs"))),
            StatusKey(kind="Gateway", key=ObjectKey("default", "eg")): gateway,
            StatusKey(kind="GatewayClass", key=ObjectKey("", "eg")): GatewayClassStatus(
                conditions=(condition("Accepted"),)
            ),
        }
    )
    assert [(row.kind, row.name, row.parent, row.type) for row in found.rows] == [
        ("Gateway", "eg", "", "Programmed"),
        ("Gateway", "eg", "listener/http", "Accepted"),
        ("GatewayClass", "eg", "", "Accepted"),
        ("HTTPRoute", "backend", "gateway/eg", "Accepted"),
        ("HTTPRoute", "backend", "gateway/eg", "ResolvedRefs"),
    ]
    assert found.addresses == {"default/eg": ("127.0.0.1",)}


@pytest.mark.parametrize(
    ("ref", "parent"),
    [
        ({"section_name": "http"}, "gateway/eg/http"),
        ({"port": 80}, "gateway/eg:80"),
        ({"namespace": "infra"}, "gateway/infra/eg"),
        ({"namespace": "default"}, "gateway/eg"),
    ],
)
def test_a_parent_is_named_as_far_as_it_was(ref: dict[str, object], parent: str) -> None:
    assert report(of_route(route(condition("Accepted"), **ref))).rows[0].parent == parent


def test_a_status_that_stays_keeps_its_time() -> None:
    before = report(of_route(route(condition("Accepted"), condition("ResolvedRefs"))), now="t1")
    after = report(
        of_route(route(condition("Accepted", message="new"), condition("ResolvedRefs", "False"))), before, now="t2"
    )
    assert [(row.message, row.last_transition_time) for row in after.rows] == [("new", "t1"), ("", "t2")]


async def until_rows(path: Path, count: int) -> StatusReport:
    while True:
        await asyncio.sleep(0)
        with suppress(StatusFileError):
            if len((found := read_status_file(path)).rows) == count:
                return found


async def test_the_newest_wish_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "state" / "status.json"
    file = StatusFile(path, clock=VirtualClock())
    async with running(file.run()):
        file.want(of_route(route(condition("Accepted"))))
        file.want_beside([REJECTED], [OVERSIGHT], [PASSED_OVER])
        found = await until_rows(path, 1)
        assert found.rows[0].last_transition_time == "2023-11-14T22:13:20Z"
        assert [(one.name, one.where, one.reason) for one in found.rejected] == [("bad", REJECTED.where, "why")]
        assert found.oversights == (OVERSIGHT,)
        assert found.passed_over == (PASSED_OVER,)
        assert path.stat().st_mode & 0o777 == 0o600
        file.want({})
        await until_rows(path, 0)
    assert list(path.parent.iterdir()) == []


async def test_a_file_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    file = StatusFile(tmp_path / "file" / "status.json", clock=VirtualClock())
    with structlog.testing.capture_logs() as said:
        async with running(file.run()):
            file.want(of_route(route(condition("Accepted"))))
            while not said:  # noqa: ASYNC110 (a log has no event to wait for)
                await asyncio.sleep(0)
    assert [line["event"] for line in said] == ["statuses cannot be written"]


async def test_a_file_that_cannot_be_written_is_said_once_and_when_it_is_over(tmp_path: Path) -> None:
    """And leaves nothing beside it: the disk may be full."""
    path = tmp_path / "state" / "status.json"
    path.mkdir(parents=True)
    file = StatusFile(path, clock=VirtualClock())
    with structlog.testing.capture_logs() as said:
        async with running(file.run()):
            for name in ("a", "b"):
                file.want(of_route(route(condition(name))))
                await turns_until(lambda name=name: [row.type for row in file.report.value.rows] == [name])
            path.rmdir()
            file.want(of_route(route(condition("c"))))
            await until_rows(path, 1)
    assert [line["event"] for line in said] == ["statuses cannot be written", "statuses are written again"]
    assert list(path.parent.iterdir()) == []


def test_a_missing_file_says_what_to_start(tmp_path: Path) -> None:
    with pytest.raises(StatusFileError, match="start `lychgate run PATH`"):
        read_status_file(tmp_path / "nothing.json")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "status.json").write_text("{")
    with pytest.raises(StatusFileError, match=r"status\.json cannot be read"):
        read_status_file(tmp_path / "status.json")
