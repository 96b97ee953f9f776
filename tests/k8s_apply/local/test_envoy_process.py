"""What a child process says, and where it goes. The child is a script here: what it says is what the test decides."""

from pathlib import Path

import structlog

from k8s_apply.local.envoy_process import LONGEST_LINE, envoy_process
from tests.k8s_apply.running import turns_until


def script(folder: Path, *lines: str) -> Path:
    path = folder / "envoy"
    path.write_text("\n".join(("#!/bin/sh", *lines)) + "\n")
    path.chmod(0o755)
    return path


async def test_log_lines_are_relayed_at_their_level(tmp_path: Path) -> None:
    binary = script(tmp_path, "echo 'error no such thing' >&2", "echo 'info fine' >&2", "echo 'Segmentation fault' >&2")
    with structlog.testing.capture_logs() as said:
        async with envoy_process(binary, tmp_path, concurrency=1, gateway="default/a") as process:
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
            script(tmp_path, "echo a request"), tmp_path, concurrency=1, access_log=log
        ) as process:
            await process.wait()
    assert log.read_text() == "a request\na request\n"


async def test_a_binary_that_cannot_run_ends_with_a_code(tmp_path: Path) -> None:
    async with envoy_process(tmp_path / "nothing", tmp_path, concurrency=1) as process:
        assert await process.wait() != 0


async def test_what_is_no_program_is_named_in_a_line(tmp_path: Path) -> None:
    """A binary for another machine, for example."""
    binary = tmp_path / "envoy"
    binary.write_bytes(b"\x7fELF of another machine")
    binary.chmod(0o755)
    with structlog.testing.capture_logs() as said:
        async with envoy_process(binary, tmp_path, concurrency=1) as process:
            await process.wait()
            await turns_until(lambda: bool(said))
    assert [line["text"] for line in said] == [f"{binary} cannot be run: Exec format error"]


async def test_a_line_without_end_is_dropped_and_the_next_one_heard(tmp_path: Path) -> None:
    too_long = f"head -c {2 * LONGEST_LINE} /dev/zero >&2; echo >&2"
    with structlog.testing.capture_logs() as said:
        async with envoy_process(
            script(tmp_path, too_long, "echo 'error after' >&2"), tmp_path, concurrency=1
        ) as process:
            await process.wait()
            await turns_until(lambda: any(entry["text"] == "after" for entry in said))
