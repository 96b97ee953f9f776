"""Statuses → a local file that `lychgate status` reads: what the status subresources are in a cluster."""

import asyncio
import os
import tempfile
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from flow.clock import Clock
from flow.latest import Latest
from gateway_api.status.types import Statuses, StatusKey
from k8s_apply.status_report import NO_REPORT, Oversight, StatusReport, make_report
from k8s_apply.timestamps import rfc3339
from k8s_watch.snapshot import PassedOver, Rejected

NOTHING_SERVED = "nothing is served here, start `lychgate run PATH`, or name a cluster with --kubeconfig"

log = structlog.get_logger("k8s_apply.local")


class Wish(msgspec.Struct, frozen=True):
    """What the file should say."""

    statuses: Statuses = {}
    rejected: tuple[Rejected, ...] = ()
    oversights: tuple[Oversight, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()


class StatusFileError(RuntimeError):
    """There is no readable status file. The message says what to do."""


class StatusFile:
    """Keeps the newest statuses in `path`. Its folder is made, private to the user, when it does not exist."""

    def __init__(self, path: Path, *, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._wanted: Latest[Wish] = Latest(Wish())
        self.report: Latest[StatusReport] = Latest(NO_REPORT)
        """What the file says of conditions, or is about to."""
        self._unwritable = ""
        """Why it cannot be written, as it was logged."""

    def want(self, statuses: Statuses, /, changed: Collection[StatusKey] | None = None) -> None:
        """Make these the wish, all of them; never blocks. The file is written whole, whatever has `changed`."""
        self._wanted.publish(msgspec.structs.replace(self._wanted.value, statuses=statuses))

    def want_beside(
        self, rejected: Iterable[Rejected], oversights: Iterable[Oversight], passed_over: Iterable[PassedOver] = (), /
    ) -> None:
        """Make these all that is said beside the statuses; never blocks."""
        beside = {"rejected": tuple(rejected), "oversights": tuple(oversights), "passed_over": tuple(passed_over)}
        self._wanted.publish(msgspec.structs.replace(self._wanted.value, **beside))

    async def run(self) -> None:
        """Write the newest wish whenever it changes, until cancelled; then take the file away: nobody serves."""
        version = -1
        try:
            with ThreadPoolExecutor(1, "status file") as writer:  # whose end waits for the last write
                while True:
                    version, wish = await self._wanted.newer_than(version)
                    now = rfc3339(self._clock.now())
                    report = make_report(
                        wish.statuses, wish.rejected, previous=self.report.value, now=now, process=os.getpid()
                    )
                    self.report.publish(report)
                    whole = msgspec.structs.replace(report, oversights=wish.oversights, passed_over=wish.passed_over)
                    content = msgspec.json.encode(whole)
                    await asyncio.get_running_loop().run_in_executor(writer, self._write, content)
        finally:
            with suppress(OSError):  # where nothing could be written there is nothing to take away
                self._path.unlink()

    def _write(self, content: bytes) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _replace(self._path, content)
        except OSError as error:  # a full disk must not stop the traffic
            reason = error.strerror or str(error)
            if reason != self._unwritable:
                log.error("statuses cannot be written", path=str(self._path), reason=reason)  # noqa: TRY400
            self._unwritable = reason
        else:
            if self._unwritable:
                log.info("statuses are written again", path=str(self._path))
            self._unwritable = ""


def read_status_file(path: Path) -> StatusReport:
    """Read what `StatusFile` wrote. Raises StatusFileError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=StatusReport)
    except FileNotFoundError:
        raise StatusFileError(f"{NOTHING_SERVED}: {path} does not exist") from None
    except (OSError, msgspec.DecodeError) as error:
        raise StatusFileError(f"{path} cannot be read: {error}") from error


def _replace(path: Path, content: bytes) -> None:
    """Write so that a reader sees the old content or the new, never a part."""
    descriptor, temporary = tempfile.mkstemp(prefix=".status-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
