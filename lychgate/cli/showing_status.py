"""`lychgate status`: every object's conditions as a table, of a standalone Lychgate or of a cluster."""

import asyncio
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from flow.clock import SystemClock
from gateway_api.status.types import Statuses
from k8s_apply.kinds import STATUS
from k8s_apply.local.status_file import StatusFileError, StatusReport, StatusRow, make_report, read_status_file
from k8s_watch.api import ApiError
from k8s_watch.cluster import Cluster
from k8s_watch.connection import connect
from k8s_watch.credentials import BadCredentials
from k8s_watch.http import HttpReader
from lychgate.cli.observed_statuses import observed_statuses
from lychgate.standalone import STATUS_FILE, default_state_dir

BAD_WHEN_TRUE = frozenset({"Conflicted", "PartiallyInvalid", "OverlappingTLSConfig"})
"""Condition types of which True is the bad news."""
PIPE_WIDTH = 240
"""Columns of a line that goes to a file or another program: nobody has to read it on a screen."""
COLUMNS = ("NAMESPACE", "NAME", "PARENT", "TYPE", "STATUS", "REASON")


def main(state_dir: Path | None, kubeconfig: str | None, output: str, *, verbose: bool) -> int:
    """Print the statuses; return 0, 1 when one is bad, 2 when there is nothing to read."""
    if output not in ("table", "json"):
        print("--output is table or json", file=sys.stderr)
        return 2
    try:
        report = asyncio.run(_cluster(kubeconfig)) if kubeconfig else _standalone(state_dir)
    except (StatusFileError, BadCredentials, ApiError, OSError) as error:
        print(f"lychgate status: {error}", file=sys.stderr)
        return 2
    if output == "json":
        print(msgspec.json.format(msgspec.json.encode(report)).decode())
    else:
        _print_table(report, verbose=verbose)
    return 1 if report.rejected or any(is_bad(row) for row in report.rows) else 0


def is_bad(row: StatusRow) -> bool:
    """Whether the condition tells of something wrong."""
    return row.status != "False" if row.type in BAD_WHEN_TRUE else row.status != "True"


def _standalone(state_dir: Path | None) -> StatusReport:
    return read_status_file((state_dir or default_state_dir()) / STATUS_FILE)


async def _cluster(kubeconfig: str) -> StatusReport:
    """Read a cluster's statuses once, as they are written there."""
    async with await connect(kubeconfig) as connection:
        cluster = Cluster(HttpReader(connection), clock=SystemClock(), kinds=tuple(STATUS.values()))
        reading = asyncio.ensure_future(cluster.run())  # noqa: TID251 (ended two lines below)
        try:
            async with asyncio.timeout(30):
                await cluster.revision.newer_than(0)
        finally:
            reading.cancel()
        statuses: Statuses = observed_statuses(cluster.snapshot())
        return make_report(statuses, cluster.snapshot().rejected, StatusReport(), now="", process=0)


def _print_table(report: StatusReport, *, verbose: bool) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in (*COLUMNS, *(("MESSAGE",) if verbose or _any_bad(report.rows) else ())):
        is_text = column == "MESSAGE"
        table.add_column(column, overflow="fold", no_wrap=not is_text, min_width=40 if is_text else None)
    shown: tuple[str, ...] = ()
    for row in report.rows:
        place = (row.namespace, f"{row.kind}/{row.name}", row.parent)
        start = tuple("" if place[: i + 1] == shown[: i + 1] else part for i, part in enumerate(place))
        shown = place
        message = row.message if verbose or is_bad(row) else ""
        table.add_row(*start, row.type, row.status, row.reason, message, style="red" if is_bad(row) else None)
    console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
    console.print(table)
    for gateway, addresses in report.addresses.items():
        console.print(f"Gateway/{gateway} at {', '.join(addresses) or 'no address yet'}", highlight=False)
    for rejected in report.rejected:
        name = f"{rejected.kind}/{rejected.name}" if rejected.name else rejected.kind or "document"
        console.print(
            f"rejected: {rejected.where}: {name}: {rejected.reason}", style="red", highlight=False, markup=False
        )


def _any_bad(rows: Iterable[StatusRow]) -> bool:
    return any(is_bad(row) for row in rows)
