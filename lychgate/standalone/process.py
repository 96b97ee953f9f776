"""`lychgate run`: YAML files in, local Envoys out; between the two, the stages that a cluster has."""

import asyncio
import tempfile
from collections.abc import Collection, Sequence, Set
from pathlib import Path

import structlog
import uvloop

from flow.clock import Clock, SystemClock
from flow.latest import Latest
from gateway_api.status.observed import RememberedRefusals
from k8s_apply.local.binary import EnvoyNotFoundError
from k8s_apply.local.ports import ADDRESS
from k8s_apply.local.proxies import Envoy, LocalProxies
from k8s_apply.local.status_file import StatusFile
from k8s_apply.status_report import Oversight, StatusReport
from k8s_watch.files import FileSource, OverrideError, parse_override
from k8s_watch.files.overrides import Override
from k8s_watch.keys import ObjectKey
from k8s_watch.snapshot import PassedOver
from lychgate.controller import Controller, Feedback, Sinks, changes_allowance
from lychgate.demo.quickstart import run_demo_backends
from lychgate.remarks.oversights import oversights
from lychgate.settings import Settings
from lychgate.signals import until_told
from lychgate.standalone.announcing import announce
from lychgate.standalone.machine import Machine, MachineError, find_machine
from lychgate.standalone.state_folder import STATUS_FILE, StateError, default_state_dir, only_one
from lychgate.surroundings import graph_settings
from lychgate.telemetry.logging import configure_logging
from lychgate.telemetry.metrics import Metrics
from lychgate.terminal import complain
from xds_server.bootstrap.local import local_bootstrap
from xds_server.serve.fleet import Fleet
from xds_server.serve.server import ServeSettings, XdsServer
from xds_server.snapshot.cache import SnapshotCache
from xds_server.translate.parts import divide

log = structlog.get_logger("lychgate.standalone")

A_MOMENT = 0.5
"""Seconds from a change until remarks are looked for."""


def main(
    paths: Sequence[Path],
    backends: Sequence[str],
    settings: Settings,
    *,
    envoy: Path | None = None,
    access_log: Path | None = None,
    state_dir: Path | None = None,
) -> int:
    """Run until SIGINT, SIGTERM or SIGHUP; return the exit code: 0, or 2 when it cannot even begin.

    `envoy`: the Envoy binary, None is that of the installed package, or the one on PATH. `access_log`: where access
    logs are appended, None is nowhere. `state_dir`: where statuses are kept, None is `default_state_dir`.
    """
    configure_logging(settings.log_level, settings.log_format)
    try:
        overrides = [parse_override(text) for text in backends]
        machine = find_machine(envoy, access_log)
        with only_one(state_dir or default_state_dir()) as state:
            uvloop.run(until_told(run(paths, overrides, settings, machine, state)))
    except (OverrideError, EnvoyNotFoundError, StateError, MachineError) as error:
        complain(f"lychgate run: {error}")
        return 2
    return 0


async def run(
    paths: Sequence[Path], overrides: Sequence[Override], settings: Settings, machine: Machine, state: Path
) -> None:
    """Run until cancelled; leaves no process behind, and no status file in the folder `state`."""
    clock = SystemClock()
    with tempfile.TemporaryDirectory(prefix="lychgate-xds-") as folder:
        xds = f"unix:{folder}/xds.sock"

        def bootstrap(gateway: ObjectKey, admin: Path) -> str:
            return local_bootstrap(gateway=gateway, node_id=f"{gateway}", xds=xds, admin_socket=str(admin))

        source = FileSource(paths, clock=clock, overrides=overrides)
        settings_of_graph = graph_settings(settings, ADDRESS)
        refusals = RememberedRefusals(settings_of_graph)
        cache, metrics = SnapshotCache(divide, refusals.suspicious), Metrics()
        fleet = Fleet(cache, clock=clock)
        proxies = LocalProxies(
            Envoy(binary=machine.envoy, bootstrap=bootstrap, access_log=machine.access_log), clock=clock
        )
        statuses = StatusFile(state / STATUS_FILE, clock=clock)
        controller = Controller(
            source,
            cache,
            feedback=Feedback(fleet.report, proxies.report, refusals),
            sinks=Sinks(proxies, statuses),
            settings=settings_of_graph,
            hold_off=changes_allowance(settings.hold_off_cores, settings.hold_off_at_most),
            metrics=metrics,
            clock=clock,
        )
        server = XdsServer(cache, fleet, clock=clock, ready=controller.ready, settings=ServeSettings(drain=0.0))
        elsewhere = {(override.address, override.port) for override in overrides}
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(source.run(), name="files")
            tasks.create_task(controller.run(), name="controller")
            tasks.create_task(server.serve(address=xds, tls=None), name="xds")
            tasks.create_task(proxies.run(), name="proxies")
            tasks.create_task(statuses.run(), name="statuses")
            tasks.create_task(_remarks(controller, overrides, statuses, clock), name="remarks")
            tasks.create_task(say_mistakes(statuses.report), name="mistakes")
            tasks.create_task(run_demo_backends(controller.steps, elsewhere), name="demo backends")
            tasks.create_task(announce(controller.steps, fleet.report, proxies.report), name="announcement")


async def _remarks(controller: Controller, overrides: Sequence[Override], statuses: StatusFile, clock: Clock) -> None:
    """Pass on what no condition says: objects that were rejected, and those that are in vain or not ours, which is news
    once. A moment after each change: to look for them costs as much as there are objects, and proxies wait for the
    change.
    """
    version = 0
    known: Set[Oversight] = frozenset()
    passed_over: Set[PassedOver] = frozenset()
    while True:
        await controller.steps.newer_than(version)
        await clock.sleep(A_MOMENT)
        version, done = controller.steps.version, controller.steps.value
        if done:
            found = oversights(done.cluster, done.graph, overrides)
            for one in found:
                if one not in known:
                    log.warning("object has no effect", object=one.object, reason=one.reason)
            known = frozenset(found)
            for passed in done.cluster.passed_over:
                if passed not in passed_over:
                    log.warning("objects are not read", where=passed.where, what=passed.what)
            passed_over = frozenset(done.cluster.passed_over)
            statuses.want_beside(done.cluster.rejected, found, passed_over)


async def say_mistakes(report: Latest[StatusReport]) -> None:
    """Log each mistake that a condition tells of, which is news once. Runs until cancelled."""
    version = 0
    known: Collection[tuple[str, ...]] = ()
    while True:
        version, newest = await report.newer_than(version)
        found = {(row.place, f"{row.type} is {row.status}", row.reason, row.message): row for row in newest.mistakes}
        for place, condition, reason, message in (each for each in found if each not in known):
            log.warning("condition is bad", object=place, condition=condition, reason=reason, message=message)
        known = found.keys()
