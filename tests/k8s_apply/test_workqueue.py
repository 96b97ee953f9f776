"""Keys are attended to once for all their adds, a few at a time, each when its time has come."""

import asyncio

import pytest

from k8s_apply.workqueue import WorkQueue
from tests.flow.virtual_clock import VirtualClock, settle
from tests.k8s_apply.running import running


class Worker:
    """Notes what it attends to, and is slow on demand."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.log: list[tuple[float, str]] = []
        self.again: dict[str, float] = {}
        self.free = asyncio.Event()
        self.free.set()

    async def __call__(self, key: str) -> float | None:
        self.log.append((self.clock.monotonic(), key))
        await self.free.wait()
        return self.again.pop(key, None)

    @property
    def keys(self) -> list[str]:
        return [key for _, key in self.log]


@pytest.fixture
def worker(clock: VirtualClock) -> Worker:
    return Worker(clock)


@pytest.fixture
def queue(clock: VirtualClock) -> WorkQueue[str]:
    return WorkQueue(clock)


async def test_many_adds_are_one_attendance(queue: WorkQueue[str], worker: Worker) -> None:
    for key in "abaab":
        queue.add(key)
    async with running(queue.run(worker, workers=2)):
        assert worker.keys == ["a", "b"]


async def test_a_key_added_under_attendance_is_attended_to_once_more_and_never_twice_at_once(
    queue: WorkQueue[str], worker: Worker
) -> None:
    worker.free.clear()
    queue.add("a")
    async with running(queue.run(worker, workers=3)):
        queue.add("a")
        queue.add("a")
        await settle()
        assert worker.keys == ["a"]
        worker.free.set()
        await settle()
        assert worker.keys == ["a", "a"]


async def test_so_many_keys_are_attended_to_at_once_in_the_order_in_which_they_came(
    queue: WorkQueue[str], worker: Worker
) -> None:
    worker.free.clear()
    for key in "abcd":
        queue.add(key)
    async with running(queue.run(worker, workers=2)):
        await settle()
        assert worker.keys == ["a", "b"]
        worker.free.set()
        await settle()
        assert worker.keys == ["a", "b", "c", "d"]


async def test_a_delayed_key_waits_and_the_sooner_of_two_times_counts(
    queue: WorkQueue[str], worker: Worker, clock: VirtualClock
) -> None:
    async with running(queue.run(worker, workers=1)):
        for after in (5.0, 3.0, 4.0):
            queue.add("a", after)
        assert len(queue) == 1
        await clock.advance(10)
    assert worker.log == [(3.0, "a")]


async def test_an_add_without_delay_overtakes_the_delayed_one(
    queue: WorkQueue[str], worker: Worker, clock: VirtualClock
) -> None:
    async with running(queue.run(worker, workers=1)):
        queue.add("a", 5.0)
        queue.add("a")
        await clock.advance(10)
    assert worker.log == [(0.0, "a")]


async def test_the_worker_may_ask_for_a_key_again(queue: WorkQueue[str], worker: Worker, clock: VirtualClock) -> None:
    worker.again["a"] = 2.0
    queue.add("a")
    async with running(queue.run(worker, workers=1)):
        await clock.advance(10)
    assert worker.log == [(0.0, "a"), (2.0, "a")]


async def test_a_cleared_queue_has_nothing_to_do(queue: WorkQueue[str], worker: Worker, clock: VirtualClock) -> None:
    queue.add("a")
    queue.add("b", 1.0)
    queue.clear()
    async with running(queue.run(worker, workers=1)):
        await clock.advance(10)
    assert not worker.log
    assert not len(queue)


async def test_who_is_slow_holds_no_worker_and_few_are_so_at_a_time(clock: VirtualClock, queue: WorkQueue[str]) -> None:
    busy: set[str] = set()
    most = 0

    async def work(key: str) -> None:
        nonlocal most
        busy.add(key)
        most = max(most, len(busy))
        await clock.sleep(10.0 if key.startswith("slow") else 0.0)
        busy.discard(key)
        done.append(key)

    done: list[str] = []
    for n in range(100):
        queue.add(f"slow{n}")
    async with running(queue.run(work, workers=2)):
        assert len(busy) == 2
        await clock.advance(0.5)
        assert len(busy) == 3
        await clock.pass_slowly(30)
        queue.add("quick")
        await clock.pass_slowly(1)
        assert "quick" in done
        await clock.pass_slowly(200)
    assert most < 25
    assert len(done) > 100


async def test_while_work_is_slow_who_comes_is_next_and_then_who_waits_the_longest(
    clock: VirtualClock, queue: WorkQueue[str]
) -> None:
    begun: list[str] = []

    async def work(key: str) -> None:
        begun.append(key)
        await clock.sleep(3.0)

    for n in range(100):
        queue.add(f"old{n}")
    async with running(queue.run(work, workers=2)):
        await clock.pass_slowly(5)
        assert {f"old{n}" for n in range(6)} < {*begun}
        count = len(begun)
        queue.add("new")
        await clock.pass_slowly(1)
    assert begun[count] == "new"


async def test_who_was_added_for_later_gives_way_to_who_was_added_for_now(
    clock: VirtualClock, queue: WorkQueue[str], worker: Worker
) -> None:
    queue.add("failed", 1.0)
    worker.free.clear()
    async with running(queue.run(worker, workers=1)):
        queue.add("first")
        await clock.advance(0.4)
        queue.add("second")
        worker.free.set()
        await clock.advance(1.0)
    assert worker.keys == ["first", "second", "failed"]
