"""How a process is told to end."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

AS_THE_FIRST = ["unshare", "--map-root-user", "--pid", "--fork", "--kill-child"]
"""Run a command as the first process of a namespace of processes, as a container does."""

SCRIPT = """
import asyncio, signal, sys, time
from lychgate.signals import until_told

async def work():
    try:
        print("deaf" if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else "hears", flush=True)
        await asyncio.Event().wait()
    finally:
        print("orderly", flush=True)

signal.signal(signal.SIGHUP, signal.SIG_IGN if "deaf" in sys.argv else signal.SIG_DFL)  # whoever runs the tests
asyncio.run(until_told(work()))
time.sleep("slow" in sys.argv)
"""


def begun(*arguments: str, says: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SCRIPT, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == f"{says}\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_that_means_the_end_brings_an_orderly_one(number: signal.Signals) -> None:
    with begun(says="hears") as process:
        process.send_signal(number)
        assert (process.communicate(timeout=30)[0], process.returncode) == ("orderly\n", 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_is_told_again_and_again_ends_as_orderly(number: signal.Signals) -> None:
    """Also while nothing is left but the interpreter."""
    with begun("slow", says="hears") as process:
        while process.poll() is None:
            process.send_signal(number)
            time.sleep(0.05)
        assert (process.communicate(timeout=30)[0], process.returncode) == ("orderly\n", 0)


def test_nohup_is_respected() -> None:
    with begun("deaf", says="deaf") as process:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert (process.communicate(timeout=30)[0], process.returncode) == ("orderly\n", 0)


def test_ctrl_c_at_the_start_of_a_command_says_nothing(tmp_path: Path) -> None:
    """It comes while the first of our dependencies is imported."""
    (tmp_path / "click.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGINT)")
    surroundings = {**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), *sys.path))}
    command = [sys.executable, "-m", "lychgate", "version"]
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has first processes that signals do not end")
def test_the_first_process_of_a_container_ends_also_before_it_has_begun() -> None:
    """It waits for its input here, and nothing has said yet what an orderly end would be."""
    command = [*AS_THE_FIRST, sys.executable, "-m", "lychgate", "translate", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        children, until = Path(f"/proc/{process.pid}/task/{process.pid}/children"), time.monotonic() + 30
        while process.poll() is None and time.monotonic() < until:
            with suppress(OSError):  # it ends just now
                for child in children.read_text().split():
                    os.kill(int(child), signal.SIGTERM)
            time.sleep(0.05)
        assert process.poll() == 128 + signal.SIGTERM
