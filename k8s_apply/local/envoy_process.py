"""One Envoy child process: started from a bootstrap, asked whether it is ready, ended for certain."""

import asyncio
import logging
import os
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog

from flow.clock import Clock
from flow.race import within
from gateway_api.ir.infra import LISTENER_DRAIN
from k8s_apply.local import tether

log = structlog.get_logger("k8s_apply.envoy")

GRACE = 5.0
"""Seconds between asking Envoy to end and ending it."""
POLL = 0.025
"""Seconds between two questions whether it is ready."""
LONGEST_LINE = 1 << 20
"""Bytes of one line of its log; what is longer is dropped."""

_LINE = re.compile(r"(?P<level>trace|debug|info|warning|error|critical|off) (?P<text>.*)")
_LEVELS = {"critical": logging.ERROR, "error": logging.ERROR, "warning": logging.WARNING}


@asynccontextmanager
async def envoy_process(
    envoy: Path, bootstrap: Path, *, concurrency: int, clock: Clock, access_log: Path | None = None, **context: str
) -> AsyncIterator[Process]:
    """Run Envoy for as long as the block lasts; leaving it, by whatever way, ends the process first.

    It runs in a session of its own, so that a Ctrl-C meant for us does not end it under our feet, and dies with us.
    What it logs goes to our log, with `context`; its standard output, where access logs go, is appended to `access_log`
    or dropped: a line a request is nothing to pass through Python. Raises OSError when it cannot be started.
    """
    with open(access_log or os.devnull, "ab") as stdout:  # noqa: ASYNC230, PTH123 (once in a process's life)
        process = await asyncio.create_subprocess_exec(
            *_tethered(str(envoy)),
            *("--config-path", str(bootstrap)),
            *("--concurrency", str(concurrency)),
            *("--log-level", "warning", "--log-format", "%l %_"),
            "--disable-hot-restart",
            # As in a pod: connections that a change of a listener left behind close with their next answer.
            *("--drain-strategy", "immediate", "--drain-time-s", str(LISTENER_DRAIN)),
            stdin=DEVNULL,
            stdout=stdout,
            stderr=PIPE,
            limit=LONGEST_LINE,
            start_new_session=True,
        )
    try:
        async with asyncio.TaskGroup() as tasks:
            relaying = tasks.create_task(_relay(process, context), name="relay envoy's log")
            try:
                yield process
            finally:
                relaying.cancel()  # first: what it says about an end that we asked for is no news
                await _end(process, clock)
    finally:
        with suppress(ProcessLookupError):
            process.kill()


async def until_ready(admin: Path, clock: Clock) -> None:
    """Wait until the Envoy behind the admin socket says that it is live: it has its first configuration."""
    while not await _is_live(admin):
        await clock.sleep(POLL)


async def _is_live(admin: Path) -> bool:
    try:
        reader, writer = await asyncio.open_unix_connection(str(admin))
    except OSError:
        return False
    try:
        writer.write(b"GET /ready HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n")
        return b" 200 " in await reader.readline()
    except OSError:
        return False
    finally:
        writer.close()


def _tethered(program: str) -> list[str]:
    # -I and -S: nothing of the surroundings, and no site-packages, stands between this and the program.
    return [sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), program]


async def _end(process: Process, clock: Clock) -> None:
    """Ask, wait for `GRACE` seconds, insist. A cancellation meanwhile cuts the waiting short."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await within(GRACE, process.wait(), clock)
    except TimeoutError:
        log.warning("envoy does not end, killing it", pid=process.pid)
        process.kill()
        await process.wait()


async def _relay(process: Process, context: dict[str, str]) -> None:
    """Take over what Envoy logs, line by line."""
    if process.stderr is None:
        return
    while True:
        try:
            line = await process.stderr.readline()
        except ValueError:  # longer than LONGEST_LINE
            continue
        if not line:
            return
        match = _LINE.match(text := line.decode(errors="replace").rstrip())
        level = _LEVELS.get(match["level"], logging.INFO) if match else logging.WARNING
        log.log(level, "envoy says", text=match["text"] if match else text, **context)
