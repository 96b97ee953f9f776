"""How fast new streams come in."""

import asyncio

import pytest

from tests.flow.virtual_clock import VirtualClock
from xds_server.serve.admission import Admission, AdmissionRate, Overloaded


async def test_a_burst_comes_in_at_once_and_the_rest_in_turn() -> None:
    clock = VirtualClock()
    admission = Admission(AdmissionRate(per_second=8, burst=3, longest_wait=1.0), clock)
    async with asyncio.TaskGroup() as tasks:
        entering = [tasks.create_task(admission.enter()) for _ in range(5)]
        await clock.advance(0)
        assert [task.done() for task in entering] == [True, True, True, False, False]
        await clock.advance(0.125)
        assert entering[3].done()
        await clock.advance(0.125)
    assert all(task.done() for task in entering)


async def test_who_would_wait_too_long_is_told_at_once() -> None:
    admission = Admission(AdmissionRate(per_second=1, burst=1, longest_wait=0.5), VirtualClock())
    await admission.enter()
    with pytest.raises(Overloaded):
        await admission.enter()


async def test_a_pause_fills_the_burst_again_and_no_more() -> None:
    clock = VirtualClock()
    admission = Admission(AdmissionRate(per_second=1, burst=2, longest_wait=0.0), clock)
    await admission.enter()
    await admission.enter()
    await clock.advance(100)
    await admission.enter()
    await admission.enter()
    with pytest.raises(Overloaded):
        await admission.enter()
