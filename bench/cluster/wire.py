"""F9: bytes that reach Envoy from its control plane for one change."""

import re
import subprocess
import time

from cluster.objects import endpoint_slice, plain_route
from cluster.run import Run

XDS_PORT = 18000
SETTLED = 1.0
"""Seconds after a change that its bytes are given."""


def wire(run: Run, changes: int) -> dict[str, float]:
    """Edit routes, then slices, one at a time, each with time of its own."""
    for turn in range(changes):  # as churn may have left it: now each change below is one
        run.api.apply(endpoint_slice(turn % run.slices, run.backends[:1]))
        run.doubled.discard(turn % run.slices)
    run.until_quiet()
    before = _received(run)
    for turn in range(changes):
        run.api.apply(plain_route(turn % run.routes, next(run.turns)))
        time.sleep(SETTLED)
    between = _received(run)
    for turn in range(changes):
        for addresses in (run.backends, run.backends[:1]):
            run.api.apply(endpoint_slice(turn % run.slices, addresses))
            time.sleep(SETTLED)
    after = _received(run)
    return {
        "route_kb": round((between - before) / changes / 1000, 2),
        "endpoint_kb": round((after - between) / changes / 2 / 1000, 2),
    }


def _received(run: Run) -> int:
    """Bytes of the TCP connections to the control plane's port, TLS included, as the kernel counts them."""
    command = ["nsenter", f"--target={run.envoy()}", "--net", "ss", "-tinH", "state", "established"]
    printed = subprocess.run([*command, f"( dport = :{XDS_PORT} )"], check=True, capture_output=True, text=True).stdout
    return sum(int(number) for number in re.findall(r"bytes_received:(\d+)", printed))
