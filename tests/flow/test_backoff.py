import pytest

from flow.backoff import Backoff, pause_after
from tests.flow.virtual_clock import VirtualClock


def test_pauses_double_up_to_a_limit() -> None:
    clock = VirtualClock(chance=1.0)
    assert [pause_after(failures, clock) for failures in (1, 2, 3)] == pytest.approx([0.2, 0.4, 0.8])
    assert pause_after(1_000_000, clock) == 30.0
    assert pause_after(2, clock, first=1.0, most=1.5) == 1.5


def test_chance_shortens_a_pause_to_no_less_than_half() -> None:
    assert pause_after(1, VirtualClock(chance=0.0)) == pytest.approx(0.1)
    assert pause_after(1, VirtualClock(chance=1.0)) == pytest.approx(0.2)


async def test_health_that_lasts_starts_the_growth_over() -> None:
    clock = VirtualClock(chance=1.0)
    backoff = Backoff(clock)
    assert [backoff.pause() for _ in range(3)] == pytest.approx([0.2, 0.4, 0.8])
    backoff.healthy()
    await clock.advance(10)
    assert backoff.pause() == pytest.approx(0.2)


async def test_a_moment_of_health_does_not() -> None:
    clock = VirtualClock(chance=1.0)
    backoff = Backoff(clock)
    for expected in (0.2, 0.4, 0.8, 1.6):
        assert backoff.pause() == pytest.approx(expected)
        backoff.healthy()
        await clock.advance(9)


async def test_health_is_counted_from_its_first_sign() -> None:
    clock = VirtualClock(chance=1.0)
    backoff = Backoff(clock)
    backoff.pause()
    backoff.healthy()
    await clock.advance(6)
    backoff.healthy()
    await clock.advance(6)
    assert backoff.pause() == pytest.approx(0.2)
