"""What a child process says, and where it goes. The child is a script here: what it says is what the test decides."""

import asyncio
import signal
from pathlib import Path

import structlog

from k8s_apply.local.envoy_process import GRACE, LONGEST_LINE, envoy_process
from tests.flow.virtual_clock import VirtualClock
from tests.k8s_apply.running import turns_until


def script(folder: Path, *lines: str) -> Path:
    path = folder / "envoy"
    path.write_text("\n".join(("#!/bin/sh", *lines)) + "\n")
    path.chmod(0o755)
    return path


async def test_log_lines_are_relayed_at_their_level(tmp_path: Path) -> None:
    binary = script(tmp_path, "echo 'error no such thing' >&2", "echo 'info fine' >&2", "echo 'Segmentation fault' >&2")
    with structlog.testing.capture_logs() as said:
        async with envoy_process(binary, tmp_path, concurrency=1, clock=VirtualClock(), gateway="default/a") as process:
            await process.wait()
            await turns_until(lambda: len(said) == 3)
    assert [(line["log_level"], line["text"]) for line in said] == [
        ("error", "no such thing"),
        ("info", "fine"),
        ("warning", "Segmentation fault"),
    ]
    assert said[0]["gateway"] == "default/a"


async def test_standard_output_is_appended_to_the_access_log(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    for _ in range(2):
        async with envoy_process(
            script(tmp_path, "echo a request"), tmp_path, concurrency=1, clock=VirtualClock(), access_log=log
        ) as process:
            await process.wait()
    assert log.read_text() == "a request\na request\n"


async def test_a_binary_that_cannot_run_ends_with_a_code(tmp_path: Path) -> None:
    async with envoy_process(tmp_path / "nothing", tmp_path, concurrency=1, clock=VirtualClock()) as process:
        assert await process.wait() != 0


async def test_what_is_no_program_is_named_in_a_line(tmp_path: Path) -> None:
    """A binary for another machine, for example."""
    binary = tmp_path / "envoy"
    binary.write_bytes(b"\x7fELF of another machine")
    binary.chmod(0o755)
    with structlog.testing.capture_logs() as said:
        async with envoy_process(binary, tmp_path, concurrency=1, clock=VirtualClock()) as process:
            await process.wait()
            await turns_until(lambda: bool(said))
    assert [line["text"] for line in said] == [f"{binary} cannot be run: Exec format error"]


async def test_a_line_without_end_is_dropped_and_the_next_one_heard(tmp_path: Path) -> None:
    too_long = f"head -c {2 * LONGEST_LINE} /dev/zero >&2; echo >&2"
    with structlog.testing.capture_logs() as said:
        async with envoy_process(
            script(tmp_path, too_long, "echo 'error after' >&2"), tmp_path, concurrency=1, clock=VirtualClock()
        ) as process:
            await process.wait()
            await turns_until(lambda: any(entry["text"] == "after" for entry in said))


async def test_one_that_does_not_end_when_it_is_asked_is_ended(tmp_path: Path) -> None:
    clock = VirtualClock()
    deaf = script(tmp_path, "trap '' TERM", "echo 'info deaf' >&2", "while :; do sleep 0.01; done")
    with structlog.testing.capture_logs() as said:
        async with asyncio.TaskGroup() as tasks, envoy_process(deaf, tmp_path, concurrency=1, clock=clock) as process:
            await turns_until(lambda: bool(said))
            tasks.create_task(no_patience(clock))
    assert (process.returncode, said[-1]["event"]) == (-signal.SIGKILL, "envoy does not end, killing it")


async def no_patience(clock: VirtualClock) -> None:
    """Let the grace pass as soon as it begins."""
    await turns_until(lambda: clock.pending > 0)
    await clock.advance(GRACE)
