"""F8: many routes at once; how long until each has its status and the Gateway has counted them, and back to none."""

import time

from bench.cluster.api import Json
from bench.cluster.objects import NAMESPACE, plain_route
from bench.cluster.run import SELECTOR, Run, until

PATIENCE = 900.0


class Heard:
    """What the watches told: writes, and where things stand."""

    def __init__(self) -> None:
        self.gateway_writes = 0
        self.route_writes = 0
        self.attached = -1
        self.resolved: set[str] = set()

    def gateway(self, event: str, document: Json) -> None:
        """One event of the Gateway: nobody but the system writes to it here."""
        self.gateway_writes += event == "MODIFIED"
        listeners = document.get("status", {}).get("listeners", [])
        self.attached = listeners[0]["attachedRoutes"] if listeners else 0

    def route(self, event: str, document: Json) -> None:
        """One event of a route: a modification is a write of its status."""
        self.route_writes += event == "MODIFIED"
        conditions = [c for parent in document.get("status", {}).get("parents", []) for c in parent["conditions"]]
        if event != "DELETED" and {"Accepted", "ResolvedRefs"} <= {
            c["type"] for c in conditions if c["status"] == "True"
        }:
            self.resolved.add(document["metadata"]["name"])


def status(run: Run) -> dict[str, float]:
    """Take all plain routes away, and create them again in one burst."""
    heard = Heard()
    with (
        run.api.watching("Gateway", heard.gateway, namespace=NAMESPACE),
        run.api.watching("HTTPRoute", heard.route, namespace=NAMESPACE),
    ):
        before = run.cpu()
        start = time.perf_counter()
        run.api.delete("HTTPRoute", namespace=NAMESPACE, labels=SELECTOR)
        deletion = time.perf_counter() - start
        after_deletion = until(lambda: heard.attached == 0, patience=PATIENCE)
        run.until_quiet()
        removing = heard.gateway_writes
        heard.route_writes = 0
        heard.resolved.clear()
        start = time.perf_counter()
        run.api.create_all(plain_route(index) for index in range(run.routes))
        burst = time.perf_counter() - start
        until(lambda: heard.attached == run.routes and len(heard.resolved) == run.routes, patience=PATIENCE)
        added = time.perf_counter() - start - burst
        run.until_quiet()
        cost = run.cpu() - before
    assert heard.attached == run.routes, f"the Gateway says {heard.attached}"
    return {
        "add_s": round(added, 2),
        "burst_s": round(burst, 2),
        "remove_s": round(after_deletion, 2),
        "deletion_s": round(deletion, 2),
        "removed_s": round(deletion + after_deletion, 2),
        "gateway_writes": heard.gateway_writes,
        "gateway_writes_removing": removing,
        "route_writes": heard.route_writes,
        "control_plane_cpu_s": round(cost.control_plane, 2),
    }
