"""Wanted Gateways → one supervised Envoy process each, and what was seen of them."""

import asyncio
import hashlib
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import msgspec
import structlog

from flow.backoff import Backoff
from flow.clock import Clock
from flow.latest import Latest
from gateway_api.ir.infra import Address, GatewayInfra, InfraIR, InfraReport
from k8s_apply.local.envoy_process import envoy_process, until_ready
from k8s_apply.local.ports import ADDRESS, clashes, unusable
from k8s_watch.keys import ObjectKey

log = structlog.get_logger("k8s_apply.local")

FIRST_RETRY = 0.5
LONGEST_RETRY = 10.0
"""Seconds before an Envoy that ended, or could not start, is started again: at first, and at most."""
HEALTHY = 30.0
"""Seconds of life after which an end counts as the first again."""


class Envoy(msgspec.Struct, frozen=True, kw_only=True):
    """How to run a proxy here."""

    binary: Path
    bootstrap: Callable[[ObjectKey, Path], str]
    """Gateway and the path of the admin's Unix socket → the text of the bootstrap file."""
    concurrency: int = 2
    """Worker threads."""
    access_log: Path | None = None
    """Where what the proxies write to their standard output is appended; None drops it."""


class LocalProxies:
    """Runs one Envoy for each wanted Gateway, and ends it when the Gateway is no longer wanted or we are cancelled.

    `report` says for each wanted Gateway that its address is 127.0.0.1 and whether its proxy is ready. A Gateway whose
    port another has, or that cannot bind, has no address and a `problem` instead, and is tried again.
    """

    def __init__(self, envoy: Envoy, *, clock: Clock) -> None:
        self.report: Latest[InfraReport] = Latest(InfraReport())
        self._envoy = envoy
        self._clock = clock
        self._wanted: Latest[Mapping[ObjectKey, InfraIR]] = Latest({})
        self._running: dict[ObjectKey, asyncio.Task[None]] = {}
        self._holders: dict[tuple[str, int], ObjectKey] = {}

    def want(self, infra: Mapping[ObjectKey, InfraIR], /, *, keep: Collection[ObjectKey] = ()) -> None:
        """Make these the Gateways that should run: those that are neither in it nor in `keep` end. Never blocks."""
        kept = {key: known for key, known in self._wanted.value.items() if key in keep}
        self._wanted.publish({**kept, **infra})

    async def run(self) -> None:
        """Keep what is wanted running until cancelled; then end every process before returning."""
        with tempfile.TemporaryDirectory(prefix="lychgate-", ignore_cleanup_errors=True) as folder:
            async with asyncio.TaskGroup() as tasks:
                version = 0
                while True:
                    version, wanted = await self._wanted.newer_than(version)
                    await self._reconcile(wanted, Path(folder), tasks)

    async def _reconcile(self, wanted: Mapping[ObjectKey, InfraIR], folder: Path, tasks: asyncio.TaskGroup) -> None:
        problems = clashes(wanted, self._holders)
        ending = [task for key, task in self._running.items() if key not in wanted or key in problems]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)  # before others may bind the ports they leave
        self._running = {key: task for key, task in self._running.items() if task not in ending}
        self._holders = {
            (port.protocol, port.bind_port): key
            for key, infra in wanted.items()
            if key not in problems
            for port in infra.ports
        }
        before = self.report.value.gateways
        self.report.publish(
            InfraReport({key: _said(problems[key]) if key in problems else before.get(key, WAITING) for key in wanted})
        )
        for key, problem in problems.items():
            _tell(key, problem, before.get(key, WAITING))
        for key in wanted.keys() - problems.keys() - self._running.keys():
            self._running[key] = tasks.create_task(self._supervise(key, folder), name=f"envoy of {key}")

    async def _supervise(self, key: ObjectKey, folder: Path) -> None:
        """Run the Gateway's proxy again and again."""
        home = folder / hashlib.sha256(str(key).encode()).hexdigest()[:8]
        backoff = Backoff(self._clock, first=FIRST_RETRY, most=LONGEST_RETRY, healthy_after=HEALTHY)
        while True:
            wanted = self._wanted.value.get(key)
            if wanted and (problem := unusable(wanted)):
                _tell(key, problem, self.report.value.gateways.get(key, WAITING))
                self._say(key, _said(problem))
            else:
                backoff.healthy()
                await self._run_once(key, home)
                self._say(key, WAITING)
            await self._clock.sleep(backoff.pause())

    async def _run_once(self, key: ObjectKey, home: Path) -> None:
        try:
            admin, bootstrap = self._prepare(key, home)
            async with (
                envoy_process(
                    self._envoy.binary,
                    bootstrap,
                    concurrency=self._envoy.concurrency,
                    clock=self._clock,
                    access_log=self._envoy.access_log,
                    gateway=str(key),
                ) as process,
                asyncio.TaskGroup() as tasks,
            ):
                watching = tasks.create_task(self._announce(key, admin), name=f"readiness of {key}")
                code = await process.wait()
                watching.cancel()
        except OSError as error:
            log.error("envoy cannot be started", gateway=str(key), reason=str(error))  # noqa: TRY400
        else:
            log.error("envoy ended by itself, starting it again", gateway=str(key), exit_code=code)

    def _prepare(self, key: ObjectKey, home: Path) -> tuple[Path, Path]:
        """Return where its admin socket will be, and its bootstrap. Raises OSError, after which it is tried again."""
        admin, bootstrap = home / "admin.sock", home / "bootstrap.yaml"
        home.mkdir(mode=0o700, exist_ok=True)
        admin.unlink(missing_ok=True)
        bootstrap.write_text(self._envoy.bootstrap(key, admin))
        return admin, bootstrap

    async def _announce(self, key: ObjectKey, admin: Path) -> None:
        await until_ready(admin, self._clock)
        self._say(key, READY)

    def _say(self, key: ObjectKey, infra: GatewayInfra) -> None:
        gateways = self.report.value.gateways
        if key in gateways:
            self.report.publish(InfraReport({**gateways, key: infra}))


HERE = (Address(type="IPAddress", value=ADDRESS),)
WAITING = GatewayInfra(addresses=HERE, replicas_wanted=1)
READY = GatewayInfra(addresses=HERE, replicas_wanted=1, replicas_ready=1)


def _said(problem: str) -> GatewayInfra:
    return GatewayInfra(replicas_wanted=1, problem=problem)


def _tell(key: ObjectKey, problem: str, before: GatewayInfra) -> None:
    """Log it, unless it was so `before`."""
    if problem != before.problem:
        log.error("gateway cannot run here", gateway=str(key), reason=problem)
