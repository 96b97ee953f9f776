"""Real Envoy processes: started, reported, restarted, ended; none left behind."""

import asyncio
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from flow.clock import SystemClock
from gateway_api.ir.infra import GatewayInfra
from k8s_apply.local.proxies import READY, Envoy, LocalProxies
from k8s_watch.keys import ObjectKey
from tests.flow.virtual_clock import VirtualClock
from tests.k8s_apply.local.wishes import bootstrap, key, wish, wishes
from tests.k8s_apply.running import running

pytestmark = pytest.mark.envoy


class Observed:
    """Proxies that run, and what Envoys they are."""

    def __init__(self, binary: Path) -> None:
        self.admins: dict[ObjectKey, Path] = {}
        self.proxies = LocalProxies(Envoy(binary=binary, bootstrap=self.bootstrap, concurrency=1), clock=SystemClock())

    def bootstrap(self, gateway: ObjectKey, admin: Path) -> str:
        self.admins[gateway] = admin
        return bootstrap(gateway, admin)

    async def until(self, name: str, wanted: Callable[[GatewayInfra | None], bool]) -> GatewayInfra | None:
        version = -1
        while True:
            version, report = await self.proxies.report.newer_than(version)
            if wanted(found := report.gateways.get(key(name))):
                return found

    async def until_ready(self, name: str) -> None:
        await self.until(name, lambda found: found == READY)

    def pid(self, name: str) -> int:
        home = str(self.admins[key(name)].parent)
        return next(pid for pid, command in processes() if home in command)


def processes() -> list[tuple[int, str]]:
    """Every process that is not a zombie: pid and command line."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                found.append((int(folder.name), (folder / "cmdline").read_text().replace("\0", " ")))
            except OSError:
                continue
    return [(pid, command) for pid, command in found if command]


async def ended(pid: int) -> None:
    """Wait until no process has this pid."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(descriptor, over.set)
    await over.wait()
    asyncio.get_running_loop().remove_reader(descriptor)
    os.close(descriptor)


@pytest.fixture
def observed(envoy_binary: Path) -> Observed:
    return Observed(envoy_binary)


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder for what a killed process leaves; the path of a Unix socket may not be as long as that of `tmp_path`."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


async def test_a_wanted_gateway_is_ready_on_loopback(observed: Observed, free_port: Callable[[], int]) -> None:
    async with running(observed.proxies.run()):
        observed.proxies.want(wishes(wish("a", free_port())))
        found = await observed.until("a", lambda found: found is not None and found.replicas_ready == 1)
        assert found is not None
        assert [address.value for address in found.addresses] == ["127.0.0.1"]


async def test_the_admin_socket_is_private(observed: Observed, free_port: Callable[[], int]) -> None:
    async with running(observed.proxies.run()):
        observed.proxies.want(wishes(wish("a", free_port())))
        await observed.until_ready("a")
        admin = observed.admins[key("a")]
        assert admin.stat().st_mode & 0o777 == 0o600
        assert admin.parent.stat().st_mode & 0o777 == 0o700
        assert admin.parent.parent.stat().st_mode & 0o777 == 0o700


async def test_a_gateway_that_is_no_longer_wanted_ends_and_the_others_stay(
    observed: Observed, free_port: Callable[[], int]
) -> None:
    a, b = wish("a", free_port()), wish("b", free_port())
    async with running(observed.proxies.run()):
        observed.proxies.want(wishes(a, b))
        await observed.until_ready("a")
        await observed.until_ready("b")
        gone, stays = observed.pid("a"), observed.pid("b")
        observed.proxies.want(wishes(b))
        await ended(gone)
        await observed.until("a", lambda found: found is None)
        assert observed.pid("b") == stays


async def test_nothing_is_left_after_the_end(observed: Observed, free_port: Callable[[], int]) -> None:
    async with running(observed.proxies.run()):
        observed.proxies.want(wishes(wish("a", free_port())))
        await observed.until_ready("a")
        pid, folder = observed.pid("a"), observed.admins[key("a")].parent.parent
    assert pid not in dict(processes())
    assert not folder.exists()


async def test_an_envoy_that_dies_is_reported_and_started_again(
    observed: Observed, free_port: Callable[[], int]
) -> None:
    async with running(observed.proxies.run()):
        observed.proxies.want(wishes(wish("a", free_port())))
        await observed.until_ready("a")
        first = observed.pid("a")
        os.kill(first, signal.SIGKILL)
        await observed.until("a", lambda found: found is not None and found.replicas_ready == 0)
        await observed.until_ready("a")
        assert observed.pid("a") != first


async def test_an_envoy_that_ignores_its_end_is_killed(
    observed: Observed, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("k8s_apply.local.envoy_process.GRACE", 0.1)
    async with running(observed.proxies.run()):
        observed.proxies.want(wishes(wish("a", free_port())))
        await observed.until_ready("a")
        pid = observed.pid("a")
        os.kill(pid, signal.SIGSTOP)
    assert pid not in dict(processes())


async def test_two_gateways_on_one_port_are_told_and_the_second_follows_the_first(
    observed: Observed, free_port: Callable[[], int]
) -> None:
    port = free_port()
    async with running(observed.proxies.run()):
        observed.proxies.want(wishes(wish("a", port), wish("b", port)))
        await observed.until_ready("a")
        second = observed.proxies.report.value.gateways[key("b")]
        assert "belongs to Gateway default/a" in second.problem
        assert (second.addresses, second.replicas_ready) == ((), 0)
        observed.proxies.want(wishes(wish("b", port)))
        await observed.until_ready("b")


async def test_what_is_in_the_way_is_said_once_for_each_reason(tmp_path: Path, free_port: Callable[[], int]) -> None:
    clock, port = VirtualClock(), free_port()
    proxies = LocalProxies(Envoy(binary=tmp_path, bootstrap=bootstrap), clock=clock)
    with socket.socket() as other, structlog.testing.capture_logs() as said:
        other.bind(("127.0.0.1", port))
        other.listen()
        async with running(proxies.run()):
            for names in ("a", "ab", "abc"):
                proxies.want(wishes(*(wish(name, port) for name in names)))
                await clock.advance(60.0)
    assert [line["gateway"] for line in said] == ["default/a", "default/b", "default/c"]


async def test_a_bootstrap_that_envoy_refuses_is_tried_again(
    observed: Observed, envoy_binary: Path, free_port: Callable[[], int]
) -> None:
    attempts: list[ObjectKey] = []

    def refused_once(gateway: ObjectKey, admin: Path) -> str:
        attempts.append(gateway)
        return "{" if len(attempts) == 1 else bootstrap(gateway, admin)

    observed.proxies = LocalProxies(Envoy(binary=envoy_binary, bootstrap=refused_once), clock=SystemClock())
    async with running(observed.proxies.run()):
        observed.proxies.want(wishes(wish("a", free_port())))
        await observed.until_ready("a")
    assert len(attempts) == 2


async def test_a_bootstrap_that_cannot_be_written_is_tried_again_and_ends_nobody(
    observed: Observed, envoy_binary: Path, free_port: Callable[[], int]
) -> None:
    attempts: list[ObjectKey] = []

    def blocked_once(gateway: ObjectKey, admin: Path) -> str:
        attempts.append(gateway)
        file = admin.parent / "bootstrap.yaml"
        if len(attempts) == 1:
            file.mkdir()
        elif file.is_dir():
            file.rmdir()
        return bootstrap(gateway, admin)

    observed.proxies = LocalProxies(Envoy(binary=envoy_binary, bootstrap=blocked_once), clock=SystemClock())
    async with running(observed.proxies.run()):
        observed.proxies.want(wishes(wish("a", free_port())))
        await observed.until_ready("a")
    assert len(attempts) == 2


CHILD = """
import asyncio, sys
from pathlib import Path
from flow.clock import SystemClock
from k8s_apply.local.proxies import READY, Envoy, LocalProxies
from tests.k8s_apply.local.wishes import bootstrap, key, wish, wishes

def said(gateway, admin):
    print(admin, flush=True)
    return bootstrap(gateway, admin)

async def main():
    proxies = LocalProxies(Envoy(binary=Path(sys.argv[1]), bootstrap=said, concurrency=1), clock=SystemClock())
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(proxies.run())
        proxies.want(wishes(wish("a", int(sys.argv[2]))))
        version, ready = 0, None
        while ready != READY:
            version, report = await proxies.report.newer_than(version)
            ready = report.gateways.get(key("a"))
        print("ready", flush=True)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
async def test_nothing_is_left_when_we_are_killed_outright(
    observed: Observed, envoy_binary: Path, free_port: Callable[[], int], short_folder: Path
) -> None:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CHILD, str(envoy_binary), str(free_port())),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "TMPDIR": str(short_folder)},
    )
    assert child.stdout
    try:
        observed.admins[key("a")] = Path((await child.stdout.readline()).decode().strip())
        await child.stdout.readuntil(b"ready\n")
        pid = observed.pid("a")
    finally:
        child.kill()
        await child.wait()
    await ended(pid)
