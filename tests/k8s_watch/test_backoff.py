import pytest

from k8s_watch.backoff import Backoff
from tests.flow.virtual_clock import VirtualClock


def test_chance_shortens_a_pause_to_no_less_than_half() -> None:
    assert Backoff(VirtualClock(chance=0.0)).pause() == pytest.approx(0.1)
    assert Backoff(VirtualClock(chance=1.0)).pause() == pytest.approx(0.2)


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
    clock = VirtualClock()
    backoff = Backoff(clock)
    backoff.healthy()
    await clock.advance(6)
    backoff.healthy()
    await clock.advance(6)
    assert backoff.has_lasted
