"""F4: everything starts at once, as after a reboot: from the control plane's first instruction to the last 200."""

import time
from pathlib import Path

from cluster.api import Json
from cluster.objects import host
from cluster.run import HTTP_INSIDE, Client, Run, until
from processes import TICK, cpu_seconds


def cold_start(run: Run) -> dict[str, float]:
    """End the control plane and Envoy, start both, ask the new Envoy's pod for every host."""
    run.system.switch_off(run.api)
    old = run.envoy_pod()["metadata"]
    run.api.patch("Deployment", "envoy-gateway", {"spec": {"replicas": 1}}, namespace=run.system.namespace)
    run.api.delete("Pod", old["name"], namespace=old["namespace"])
    until(lambda: _runs(run), patience=60)
    pid = run.control_plane()
    until(lambda: _has_address(run, old["uid"]), patience=60)
    client = Client(run.envoy_pod()["status"]["podIP"], HTTP_INSIDE)
    for index in reversed(range(run.routes)):
        until(lambda i=index: client.status(host(i)) == 200, patience=600)  # type: ignore[misc]
    seconds = time.clock_gettime(time.CLOCK_BOOTTIME) - _started(pid)
    cpu = cpu_seconds(pid)
    run.system.switch_on()
    run.until_all_answer()
    run.until_quiet()
    return {"seconds": round(seconds, 2), "control_plane_cpu_s": round(cpu, 2)}


def _runs(run: Run) -> bool:
    pods = run.api.list("Pod", namespace=run.system.namespace, labels="control-plane=envoy-gateway")
    return any(_is_running(pod) for pod in pods)


def _has_address(run: Run, old: str) -> bool:
    labels = "gateway.envoyproxy.io/owning-gateway-name=gateway"
    pods = run.api.list("Pod", namespace=run.system.namespace, labels=labels)
    living = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"] and pod["metadata"]["uid"] != old]
    return len(living) == 1 and bool(living[0]["status"].get("podIP"))


def _is_running(pod: Json) -> bool:
    return any("running" in status["state"] for status in pod["status"].get("containerStatuses", []))


def _started(pid: int) -> float:
    """When the process began, in seconds since boot."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]) / TICK
