"""F4: everything starts at once, as after a reboot: from the control plane's first instruction to the last 200."""

import time
from collections import Counter
from functools import partial
from pathlib import Path

from bench.cluster.api import Json
from bench.cluster.objects import host
from bench.cluster.run import HTTP_INSIDE, Client, Run, until
from bench.processes import TICK


def cold_start(run: Run) -> dict[str, float]:
    """End the control plane and Envoy, start both, ask the new Envoy's pod for every host.

    The newest route is asked first, by itself: when that answered says more of the system than when the last of
    thousands, asked one after the other, did. An Envoy that was started again meanwhile has forgotten its CPU.
    """
    run.system.switch_off(run.api)
    old = run.envoy_pod()["metadata"]
    run.api.patch("Deployment", "envoy-gateway", {"spec": {"replicas": 1}}, namespace=run.system.namespace)
    run.api.delete("Pod", old["name"], namespace=old["namespace"])
    until(lambda: _runs(run), patience=60)
    pid = run.control_plane()
    until(lambda: _has_address(run, old["uid"]), patience=60)
    client, answers, newest = Client(run.envoy_pod()["status"]["podIP"], HTTP_INSIDE), Counter[int](), 0.0

    def answered(index: int) -> bool:
        answers[status := client.status(host(index))] += 1
        return status == 200

    for index in reversed(range(run.routes)):
        until(partial(answered, index), patience=600)
        newest = newest or _since(pid)
    seconds, cpu = _since(pid), run.cpu()
    run.system.switch_on()
    run.until_all_answer()
    run.until_quiet()
    return {
        "seconds": round(seconds, 2),
        "newest_route_s": round(newest, 2),
        "not_200": answers.total() - answers[200],
        "control_plane_cpu_s": round(cpu.control_plane, 2),
        "envoy_cpu_s": round(cpu.envoy, 2),
    }


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


def _since(pid: int) -> float:
    """Seconds since the process began."""
    began = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]) / TICK
    return time.clock_gettime(time.CLOCK_BOOTTIME) - began
