"""F10, F14: many proxies of one Gateway; how long until all hold everything, and until all heard of one change."""

import base64
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.cluster.objects import GATEWAY, NAMESPACE, plain_route
from bench.cluster.run import Run
from bench.cluster.systems import LYCHGATE
from bench.processes import cpu_seconds, memory_mib


def fan_out(run: Run, clients: int, changes: int) -> dict[str, Any]:
    """Connect so many clients at once, then edit routes one at a time."""
    pid = run.control_plane()
    before = cpu_seconds(pid)
    with _clients(run, clients) as process:
        synced = _read(process)
        connected, memory = cpu_seconds(pid), memory_mib(pid)
        clients_cpu = cpu_seconds(process.pid)
        medians, lasts = [], []
        for turn in range(changes):
            _write(process)
            _read(process)
            start = time.monotonic()
            run.api.apply(plain_route(turn % run.routes, next(run.turns)))
            heard = [moment - start for moment in _read(process)["heard"]]
            medians.append(statistics.median(heard) * 1000)
            lasts.append(heard[-1] * 1000)
            time.sleep(0.5)
        after = cpu_seconds(pid)
    run.until_quiet()
    return {
        "clients": clients,
        "synced_s": round(synced["synced_s"], 2),
        "bytes_a_client": synced["bytes"],
        "types": synced["types"],
        "sent_away": synced["sent_away"],
        "rss_mib": round(memory, 1),
        "connect_cpu_s": round(connected - before, 2),
        "clients_cpu_s": round(clients_cpu, 2),
        "median_ms": round(statistics.median(medians), 1),
        "last_ms": round(statistics.median(lasts), 1),
        "change_cpu_ms": round((after - connected) / changes * 1000, 1),
    }


@contextmanager
def _clients(run: Run, clients: int) -> Iterator["subprocess.Popen[str]"]:
    with tempfile.TemporaryDirectory() as folder:
        _write_certificates(run, Path(folder))
        service = run.api.get("Service", "envoy-gateway", namespace=run.system.namespace)
        name = f"envoy-gateway.{run.system.namespace}.svc.cluster.local" if run.system is LYCHGATE else "envoy-gateway"
        command = [sys.executable, str(Path(__file__).with_name("clients.py")), "--name", name, "--certs", folder]
        command += ["--address", f"{service['spec']['clusterIP']}:18000", "--cluster", f"{NAMESPACE}/{GATEWAY}"]
        command += ["--clients", str(clients)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _write_certificates(run: Run, folder: Path) -> None:
    """Take what the Gateway's own proxy is given."""
    volumes = run.envoy_pod()["spec"]["volumes"]
    names = [volume["secret"]["secretName"] for volume in volumes if "secret" in volume]
    secret = run.api.get("Secret", names[0], namespace=run.system.namespace)
    for name in ("ca.crt", "tls.crt", "tls.key"):
        (folder / name).write_bytes(base64.b64decode(secret["data"][name]))


def _read(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout
    answer: dict[str, Any] = json.loads(process.stdout.readline())
    return answer


def _write(process: "subprocess.Popen[str]") -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()
