"""F13: two hundred Gateways, each with routes and a Service of its own, beside the one that is asked.

Two hundred Envoys do not fit on one node: a quota keeps the pods of all but the first Gateway from being made, so that
what is measured is the control plane. Deployments, Services and Secrets are made as ever.
"""

import time
from collections.abc import Iterator

from bench.cluster.api import Json
from bench.cluster.objects import GATEWAY, LABELS, NAMESPACE, endpoint_slice, gateway, plain_route, service
from bench.cluster.one_change import cost
from bench.cluster.probe import probe
from bench.cluster.run import SELECTOR, Run, until
from bench.processes import cpu_seconds, memory_mib

GATEWAYS = 200
ROUTES_EACH = 5
QUOTA = "no-more-pods"


def many_gateways(run: Run, changes: int) -> dict[str, float]:
    """Create them all at once, then edit routes and slices of one Gateway after the other."""
    pid = run.control_plane()
    run.api.apply(_quota(run))
    try:
        before, start = cpu_seconds(pid), time.monotonic()
        run.api.create_all(_world(run))
        until(lambda: _served(run) == GATEWAYS, patience=600, pause=0.2)
        until(lambda: _made(run) == GATEWAYS + 1, patience=600, pause=0.2)  # and the one that is asked
        settled = time.monotonic() - start
        run.until_quiet()
        cpu = cpu_seconds(pid) - before
        route = cost(run, changes, lambda turn: _route(turn % (GATEWAYS * ROUTES_EACH), turn + 1))
        slice_ = cost(run, changes, lambda turn: endpoint_slice(turn // 2 % GATEWAYS, run.backends[: 2 - turn % 2]))
        idle = cpu_seconds(pid)
        time.sleep(10)
        idle = (cpu_seconds(pid) - idle) / 10
        probed = probe(run, changes)
        return {
            "settled_s": round(settled, 2),
            "control_plane_cpu_s": round(cpu, 2),
            "route_cpu_ms": route,
            "slice_cpu_ms": slice_,
            "idle_cores": round(idle, 4),
            "peak_mib": round(memory_mib(pid, "VmHWM"), 1),
            "probe_mean_ms": probed["mean_ms"],
            "probe_errors": probed["errors"],
        }
    finally:
        run.api.delete("Gateway", namespace=NAMESPACE, labels=SELECTOR)
        until(lambda: _made(run) == 1, patience=600, pause=0.2)
        run.api.delete("ResourceQuota", QUOTA, namespace=run.system.namespace)


def _world(run: Run) -> Iterator[Json]:
    for number in range(GATEWAYS):
        made = gateway(run.system.gateway_class)
        yield made | {"metadata": {"name": _name(number), "namespace": NAMESPACE, "labels": LABELS}}
        yield service(number)
        yield endpoint_slice(number, run.backends[:1])
    for index in range(GATEWAYS * ROUTES_EACH):
        yield _route(index, 0)


def _route(index: int, turn: int) -> Json:
    """Route number `index` of the Gateway that is its turn, to that Gateway's Service."""
    made, number = plain_route(index, turn), index % GATEWAYS
    made["spec"]["parentRefs"] = [{"name": _name(number)}]
    made["spec"]["rules"][0]["backendRefs"][0]["name"] = f"backend-{number}"
    return made


def _name(number: int) -> str:
    return f"{GATEWAY}-{number}"


def _served(run: Run) -> int:
    """How many Gateways have counted all of their routes."""
    statuses = (found.get("status", {}) for found in run.api.list("Gateway", namespace=NAMESPACE, labels=SELECTOR))
    return sum(any(li["attachedRoutes"] == ROUTES_EACH for li in status.get("listeners", ())) for status in statuses)


def _made(run: Run) -> int:
    """How many Gateways have a Deployment."""
    owned = "app.kubernetes.io/managed-by=envoy-gateway"
    return len(run.api.list("Deployment", namespace=run.system.namespace, labels=owned))


def _quota(run: Run) -> Json:
    """As many pods as there are."""
    pods = run.api.list("Pod", namespace=run.system.namespace)
    running = sum(pod["status"].get("phase") in ("Pending", "Running") for pod in pods)
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": QUOTA, "namespace": run.system.namespace},
        "spec": {"hard": {"pods": str(running)}},
    }
