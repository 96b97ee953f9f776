"""`lychgate status`: every object's conditions as a table, of a standalone Lychgate or of a cluster."""

import asyncio
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from flow.clock import SystemClock
from k8s_apply.kinds import STATUS
from k8s_apply.local.status_file import NOTHING_SERVED, StatusFileError, read_status_file
from k8s_apply.status_report import StatusReport, StatusRow, make_report
from k8s_watch.api import ApiError, KubeReader, NotServed
from k8s_watch.connection import connect
from k8s_watch.credentials import BadCredentials
from k8s_watch.http import HttpReader
from k8s_watch.listing import read_once
from k8s_watch.snapshot import ClusterSnapshot
from lychgate.cli.observed_statuses import observed_statuses, unattended
from lychgate.standalone.state_folder import STATUS_FILE, StateError, default_state_dir, is_in_use
from lychgate.telemetry.logging import configure_logging
from lychgate.terminal import complain, printable, reporting

ENDLESS = 1 << 16
"""Columns of what goes to a file, to grep, or by `kubectl exec`: each row is one line, and says all of itself."""
PATIENCE = 30.0
"""Seconds that a cluster has to answer."""
COLUMNS = ("NAMESPACE", "NAME", "PARENT", "TYPE", "STATUS", "REASON")


class UnreadableError(Exception):
    """A cluster could not be read. The message says why."""


def main(state_dir: Path | None, kubeconfig: str | None, output: str, *, verbose: bool) -> int:
    """Print the statuses, as a `table` or as `json`; return 0, 1 when one is bad, 2 when there is nothing to read."""
    configure_logging("error", "console")  # to stderr: what comes out on stdout is the report alone
    try:
        asks_cluster = kubeconfig or _is_in_a_pod_alone(state_dir)
        report = asyncio.run(_cluster(kubeconfig)) if asks_cluster else _standalone(state_dir)
    except (StatusFileError, StateError, UnreadableError, BadCredentials, ApiError, OSError) as error:
        complain(f"lychgate status: {error}")
        return 2
    with reporting("status"):
        if output == "json":
            print(msgspec.json.format(msgspec.json.encode(report)).decode())
        else:
            _print_table(report, verbose=verbose)
    return 1 if report.rejected or _any_bad(report.rows) else 0


def _is_in_a_pod_alone(state_dir: Path | None) -> bool:
    """Whether this is a pod, of the controller for example, in which no standalone Lychgate runs."""
    if state_dir is not None or "KUBERNETES_SERVICE_HOST" not in os.environ:
        return False
    try:
        return not is_in_use(default_state_dir())
    except StateError:  # for want of a home: no standalone Lychgate runs without a folder either
        return True


def _standalone(state_dir: Path | None) -> StatusReport:
    folder = state_dir or default_state_dir()
    report = read_status_file(folder / STATUS_FILE)
    if not is_in_use(folder):
        raise StatusFileError(f"{NOTHING_SERVED}: the process that wrote {folder / STATUS_FILE} died")
    return report


async def _cluster(kubeconfig: str | None) -> StatusReport:
    """Read a cluster's statuses once, as they are written there, without the kinds that we may not read: each is named.

    Raises UnreadableError, and what `read_once` does.
    """
    async with await connect(kubeconfig) as connection:
        try:
            async with asyncio.timeout(PATIENCE):
                snapshot, forbidden = await _read(HttpReader(connection, clock=SystemClock()))
        except TimeoutError as error:
            raise UnreadableError(str(error) or f"{connection.host}: no answer within {PATIENCE:g} seconds") from error
        except NotServed as error:
            raise UnreadableError(f"{error}: install the Gateway API") from error
    if len(forbidden) == len(STATUS):
        raise UnreadableError(str(next(iter(forbidden.values()))))
    for name, refusal in forbidden.items():
        complain(f"lychgate status: without {name}: {refusal}")
    report = make_report(observed_statuses(snapshot), snapshot.rejected)
    return msgspec.structs.replace(report, oversights=tuple(unattended(snapshot, report.rows)))


async def _read(api: KubeReader) -> tuple[ClusterSnapshot, Mapping[str, ApiError]]:
    """As `read_once`; and once more when a server that has too much to do says so, and when to come again."""
    while True:
        try:
            return await read_once(api, STATUS.values())
        except ApiError as error:
            if error.retry_after is None:
                raise
            await asyncio.sleep(error.retry_after)


def _print_table(report: StatusReport, *, verbose: bool) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in (*COLUMNS, *(("MESSAGE",) if verbose or _any_bad(report.rows) else ())):
        is_text = column == "MESSAGE"
        table.add_column(column, overflow="fold", no_wrap=not is_text, min_width=40 if is_text else None)
    on_screen = sys.stdout.isatty()
    shown: tuple[str, ...] = ()
    for row in report.rows:
        place = (row.namespace, f"{row.kind}/{row.name}", row.parent)
        start = tuple("" if place[: i + 1] == shown[: i + 1] else part for i, part in enumerate(place))
        shown = place if on_screen else ()
        message = row.message if verbose or row.is_bad else ""
        cells = map(printable, (*start, row.type, row.status, row.reason, message))
        table.add_row(*cells, style="red" if row.is_bad else None)
    # No markup: messages quote regular expressions, whose brackets are not ours.
    console = Console(width=None if on_screen else ENDLESS, markup=False)
    with console.capture() as drawn:
        console.print(table)
    print("\n".join(line.rstrip() for line in drawn.get().splitlines()))

    def line(text: str, style: str | None = None) -> None:
        console.print(printable(text), style=style, highlight=False, soft_wrap=True)

    for gateway, addresses in report.addresses.items():
        line(f"Gateway/{gateway} at {', '.join(addresses) or 'no address yet'}")
    for rejected in report.rejected:
        line(f"rejected: {rejected.where}: {rejected.object}: {rejected.reason}", "red")
    for passed in report.passed_over:
        line(f"note: {passed.where}: not read: {passed.what}")
    for one in report.oversights:
        line(f"warning: {one.object}: {one.reason}", "yellow")


def _any_bad(rows: Iterable[StatusRow]) -> bool:
    return any(row.is_bad for row in rows)
