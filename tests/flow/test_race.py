"""Whoever loses a race is cancelled and waited for."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from flow.latest import Latest
from flow.race import anew, newer_within, while_true, within
from tests.flow.virtual_clock import VirtualClock, settle


async def test_work_that_is_fast_enough_gives_its_result() -> None:
    async def work() -> int:
        return 7

    assert await within(1, work(), VirtualClock()) == 7


async def test_work_that_is_too_slow_is_cancelled() -> None:
    clock, ended = VirtualClock(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(_timeout(within(5, work(), clock)))
        await clock.advance(4.9)
        assert not task.done()
        await clock.advance(0.1)
        assert task.done()
    assert ended.is_set()


async def _timeout(race: Coroutine[Any, Any, None]) -> None:
    with pytest.raises(TimeoutError, match="no answer within 5 seconds"):
        await race


@pytest.mark.parametrize("error", [KeyError("x"), TimeoutError("its own")])
async def test_what_the_work_raises_comes_through(error: Exception) -> None:
    async def work() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        await within(1, work(), VirtualClock())
    assert raised.value is error


async def test_work_runs_while_the_gate_is_open_and_anew_each_time() -> None:
    gate, log = Latest(initial=False), []

    async def work() -> None:
        log.append("start")
        try:
            await asyncio.Event().wait()
        finally:
            log.append("end")

    async with asyncio.TaskGroup() as group:
        task = group.create_task(while_true(gate, work))
        for open_ in (True, False, True):
            gate.publish(open_)
            await settle()
        task.cancel()
    assert log == ["start", "end", "start", "end"]


async def test_a_failure_of_the_work_is_not_hidden() -> None:
    async def work() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await while_true(Latest(initial=True), work)


async def test_newer_within_says_whether_it_came() -> None:
    clock, source = VirtualClock(), Latest(0)
    async with asyncio.TaskGroup() as tasks:
        came = tasks.create_task(newer_within(source, 0, 1.0, clock))
        await clock.advance(0.5)
        source.publish(1)
        await settle()
        assert came.result()
        missed = tasks.create_task(newer_within(source, 1, 1.0, clock))
        await clock.advance(1.0)
        assert not missed.result()


async def test_work_begins_anew_at_each_ring_and_never_twice_at_once() -> None:
    bell: Latest[int] = Latest(0)
    log: list[str] = []

    async def work() -> None:
        log.append("start")
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            log.append("end")

    async with asyncio.TaskGroup() as group:
        task = group.create_task(anew(bell, work))
        await settle()
        for number in (1, 2):
            bell.publish(number)
            await settle()
        task.cancel()
    assert log == ["start", "end"] * 3


async def test_work_that_returns_or_raises_is_not_begun_again() -> None:
    bell: Latest[int] = Latest(0)

    async def returns() -> None:
        return

    async def raises() -> None:
        raise KeyError("x")

    await anew(bell, returns)
    with pytest.raises(KeyError):
        await anew(bell, raises)
