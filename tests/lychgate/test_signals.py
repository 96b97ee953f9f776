"""How a process is told to end."""

import signal
import subprocess
import sys

import pytest

SCRIPT = """
import asyncio, signal, sys
from lychgate.signals import until_told

async def work():
    try:
        print("deaf" if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else "hears", flush=True)
        await asyncio.Event().wait()
    finally:
        print("orderly", flush=True)

signal.signal(signal.SIGHUP, signal.SIG_IGN if "deaf" in sys.argv else signal.SIG_DFL)  # whoever runs the tests
asyncio.run(until_told(work()))
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


def test_nohup_is_respected() -> None:
    with begun("deaf", says="deaf") as process:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert (process.communicate(timeout=30)[0], process.returncode) == ("orderly\n", 0)
