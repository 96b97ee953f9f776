"""How fast new streams come in."""

import asyncio

import pytest

from k8s_watch.keys import ObjectKey
from tests.flow.virtual_clock import VirtualClock
from xds_server.serve.admission import Admission, AdmissionRate, Overloaded

A, B = ObjectKey("default", "a"), ObjectKey("default", "b")


async def test_a_burst_comes_in_at_once_and_the_rest_in_turn() -> None:
    clock = VirtualClock()
    admission = Admission(AdmissionRate(per_second=8, burst=3, longest_wait=1.0), clock)
    async with asyncio.TaskGroup() as tasks:
        entering = [tasks.create_task(admission.enter(A)) for _ in range(5)]
        await clock.advance(0)
        assert [task.done() for task in entering] == [True, True, True, False, False]
        await clock.advance(0.125)
        assert entering[3].done()
        await clock.advance(0.125)
    assert all(task.done() for task in entering)


async def test_who_would_wait_too_long_is_told_at_once() -> None:
    admission = Admission(AdmissionRate(per_second=1, burst=1, longest_wait=0.5), VirtualClock())
    await admission.enter(A)
    with pytest.raises(Overloaded):
        await admission.enter(A)


async def test_a_pause_fills_the_burst_again_and_no_more() -> None:
    clock = VirtualClock()
    admission = Admission(AdmissionRate(per_second=1, burst=2, longest_wait=0.0), clock)
    await admission.enter(A)
    await admission.enter(A)
    await clock.advance(100)
    await admission.enter(A)
    await admission.enter(A)
    with pytest.raises(Overloaded):
        await admission.enter(A)


async def test_gateways_take_turns() -> None:
    """Of B's second, one of A's more is let in first."""
    clock = VirtualClock()
    admission = Admission(AdmissionRate(per_second=1, burst=1, longest_wait=100), clock)
    await admission.enter(A)
    order: list[str] = []

    async def enter(gateway: ObjectKey) -> None:
        await admission.enter(gateway)
        order.append(gateway.name)

    async with asyncio.TaskGroup() as tasks:
        for gateway in (A, A, A, A, B, B):
            tasks.create_task(enter(gateway))
        for _ in range(6):
            await clock.advance(1)
    assert order == ["a", "b", "a", "b", "a", "a"]


async def is_let_in(admission: Admission, gateway: ObjectKey) -> bool:
    try:
        await admission.enter(gateway)
    except Overloaded:
        return False
    return True


async def test_one_gateways_clients_that_come_and_go_keep_no_other_out() -> None:
    """250 a second that leave after a tenth of one, then a crowd that stays."""
    clock = VirtualClock()
    admission = Admission(AdmissionRate(), clock)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(100):
            crowd = [tasks.create_task(is_let_in(admission, A)) for _ in range(25)]
            await clock.advance(0.1)
            for one in crowd:
                one.cancel()
            assert all(one.result() for one in crowd if one.done()), "who left took no turn"
        crowd = [tasks.create_task(is_let_in(admission, A)) for _ in range(2000)]
        other = tasks.create_task(is_let_in(admission, B))
        await clock.advance(0.02)
        assert other.done()
        assert other.result()
        assert sum(one.done() for one in crowd) > 900, "turned away"
        for one in crowd:
            one.cancel()


async def test_the_turn_of_who_leaves_is_the_next_ones() -> None:
    clock = VirtualClock()
    admission = Admission(AdmissionRate(per_second=1, burst=1, longest_wait=2), clock)
    await admission.enter(A)
    async with asyncio.TaskGroup() as tasks:
        first, second = (tasks.create_task(admission.enter(A)) for _ in range(2))
        await clock.advance(0.5)
        first.cancel()
        await clock.advance(0.5)
        assert second.done()
