"""Statuses → a local file that `lychgate status` reads: what the status subresources are in a cluster."""

import asyncio
import os
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from flow.clock import Clock
from flow.latest import Latest
from gateway_api.status.types import (
    Body,
    Condition,
    GatewayClassStatus,
    GatewayStatus,
    ListenerSetStatus,
    PolicyStatus,
    RouteStatus,
    Statuses,
    StatusKey,
)
from k8s_apply.timestamps import rfc3339
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.routes import ParentReference
from k8s_watch.snapshot import PassedOver, Rejected

NOTHING_SERVED = "nothing is served here, start `lychgate run PATH`, or name a cluster with --kubeconfig"

log = structlog.get_logger("k8s_apply.local")


class StatusRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One condition of one object: a line of the table."""

    namespace: str
    kind: str
    name: str
    parent: str = ""
    """What the condition is about: `gateway/NAME` for a route, `listener/NAME` of the object, "" for the object."""
    type: str
    status: str
    reason: str
    message: str
    observed_generation: int
    last_transition_time: str
    """RFC 3339 in UTC: since when `status` is what it is."""

    @property
    def key(self) -> tuple[str, ...]:
        """What makes a row the same row as one before."""
        return self.namespace, self.kind, self.name, self.parent, self.type


class RejectedRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An object that was not taken in."""

    namespace: str
    kind: str
    name: str
    where: str
    reason: str


class Oversight(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What an object says in vain: no condition tells of it."""

    namespace: str
    kind: str
    name: str
    reason: str

    @property
    def object(self) -> str:
        """What it is about, for people."""
        return f"{self.kind}/{self.namespace}/{self.name}" if self.namespace else f"{self.kind}/{self.name}"


class Wish(msgspec.Struct, frozen=True):
    """What the file should say."""

    statuses: Statuses = {}
    rejected: tuple[Rejected, ...] = ()
    oversights: tuple[Oversight, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()


class StatusReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The file's content. Rows by kind, namespace and name, those of one object in the order of its status."""

    updated: str = ""
    """RFC 3339 in UTC."""
    process: int = 0
    """The pid of the Lychgate that wrote it."""
    addresses: Mapping[str, tuple[str, ...]] = {}
    """`NAMESPACE/NAME` of each Gateway → its addresses."""
    rows: tuple[StatusRow, ...] = ()
    rejected: tuple[RejectedRow, ...] = ()
    oversights: tuple[Oversight, ...] = ()
    """Of a standalone Lychgate alone: in a cluster they may be somebody else's intentions."""
    passed_over: tuple[PassedOver, ...] = ()
    """Of a standalone Lychgate alone, too."""


class StatusFileError(RuntimeError):
    """There is no readable status file. The message says what to do."""


class StatusFile:
    """Keeps the newest statuses in `path`. Its folder is made, private to the user, when it does not exist."""

    def __init__(self, path: Path, *, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._wanted: Latest[Wish] = Latest(Wish())
        self._report = StatusReport()

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
                    self._report = make_report(wish.statuses, wish.rejected, self._report, now=now, process=os.getpid())
                    whole = msgspec.structs.replace(
                        self._report, oversights=wish.oversights, passed_over=wish.passed_over
                    )
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
            log.error("statuses cannot be written", path=str(self._path), reason=str(error))  # noqa: TRY400


def make_report(
    statuses: Statuses, rejected: Iterable[Rejected], previous: StatusReport, *, now: str, process: int
) -> StatusReport:
    """Lay the statuses out as rows; a row whose `status` is as in `previous` keeps its time.

    Spec: Kubernetes meta/v1 Condition.lastTransitionTime
    """
    since = {(*row.key, row.status): row.last_transition_time for row in previous.rows}
    ordered = sorted(statuses.items(), key=lambda item: (item[0].kind, item[0].key))
    return StatusReport(
        updated=now,
        process=process,
        addresses={
            str(id_.key): tuple(address.value for address in body.addresses)
            for id_, body in ordered
            if isinstance(body, GatewayStatus)
        },
        rows=tuple(
            _row(id_.kind, id_.key, parent, condition, lambda key: since.get(key, now))
            for id_, body in ordered
            for parent, condition in _conditions(body, id_.key.namespace)
        ),
        rejected=tuple(
            RejectedRow(
                namespace=one.key.namespace if one.key else "",
                kind=one.kind,
                name=one.key.name if one.key else "",
                where=one.where,
                reason=one.reason,
            )
            for one in rejected
        ),
    )


def read_status_file(path: Path) -> StatusReport:
    """Read what `StatusFile` wrote. Raises StatusFileError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=StatusReport)
    except FileNotFoundError:
        raise StatusFileError(f"{NOTHING_SERVED}: {path} does not exist") from None
    except (OSError, msgspec.DecodeError) as error:
        raise StatusFileError(f"{path} cannot be read: {error}") from error


def _conditions(body: Body, namespace: str) -> Iterator[tuple[str, Condition]]:
    """Each condition with what it is about."""
    match body:
        case GatewayClassStatus():
            yield from (("", condition) for condition in body.conditions)
        case GatewayStatus() | ListenerSetStatus():
            yield from (("", condition) for condition in body.conditions)
            for listener in body.listeners:
                yield from ((f"listener/{listener.name}", condition) for condition in listener.conditions)
        case RouteStatus():
            for parent in body.parents:
                name = _name(parent.parent_ref, namespace)
                yield from ((name, condition) for condition in parent.conditions)
        case PolicyStatus():
            for ancestor in body.ancestors:
                name = _name(ancestor.ancestor_ref, namespace)
                yield from ((name, condition) for condition in ancestor.conditions)


def _name(ref: ParentReference, namespace: str) -> str:
    home = f"{ref.namespace}/" if ref.namespace and ref.namespace != namespace else ""
    part = f"/{ref.section_name}" if ref.section_name else f":{ref.port}" if ref.port else ""
    return f"{ref.kind.lower()}/{home}{ref.name}{part}"


def _row(
    kind: str, key: ObjectKey, parent: str, condition: Condition, since: Callable[[tuple[str, ...]], str]
) -> StatusRow:
    return StatusRow(
        namespace=key.namespace,
        kind=kind,
        name=key.name,
        parent=parent,
        type=condition.type,
        status=condition.status,
        reason=condition.reason,
        message=condition.message,
        observed_generation=condition.observed_generation,
        last_transition_time=since((key.namespace, kind, key.name, parent, condition.type, condition.status)),
    )


def _replace(path: Path, content: bytes) -> None:
    """Write so that a reader sees the old content or the new, never a part."""
    descriptor, temporary = tempfile.mkstemp(prefix=".status-", dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    Path(temporary).replace(path)
