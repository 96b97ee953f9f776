"""F9: bytes that reach Envoy from its control plane for one change."""

import re
import subprocess
import time

from bench.cluster.objects import endpoint_slice, plain_route
from bench.cluster.run import Run

XDS_PORT = 18000

STILL = 1.0
"""Seconds without another byte after which a change has been given."""

LEAST = 200
"""Bytes that are more than a ping's answer, and fewer than any change's."""

PATIENCE = 60.0
"""Seconds until one that brings nothing, or that never ends, is an error."""

DRAINED = 70.0
"""Seconds after which no listener holds what it used before: a table that begins to travel in scopes is still sent
whole to those from before, for a minute."""

REST = 300.0
"""Seconds that a control plane may still have to do with what came before."""


def wire(run: Run, changes: int) -> dict[str, float]:
    """Edit routes, then slices, one at a time, each when the bytes of the one before have come.

    A wait of so many seconds would not do: who needs longer for a route than that sends its bytes among the slices'.
    """
    for turn in range(changes):  # as churn may have left it: now each change below is one
        run.api.apply(endpoint_slice(turn % run.slices, run.backends[:1]))
        run.doubled.discard(turn % run.slices)
    time.sleep(DRAINED)
    envoy = run.envoy()
    before = _at_rest(run, envoy)
    for turn in range(changes):
        start = _received(envoy)
        run.api.apply(plain_route(turn % run.routes, next(run.turns)))
        _until_given(envoy, start)
    between = _at_rest(run, envoy)
    for turn in range(changes):
        for addresses in (run.backends, run.backends[:1]):
            start = _received(envoy)
            run.api.apply(endpoint_slice(turn % run.slices, addresses))
            _until_given(envoy, start)
    after = _at_rest(run, envoy)
    return {
        "route_kb": round((between - before) / changes / 1000, 2),
        "endpoint_kb": round((after - between) / changes / 2 / 1000, 2),
    }


def _at_rest(run: Run, envoy: int) -> int:
    """What has been received once the control plane has nothing left to do."""
    if not run.until_quiet(patience=REST):
        raise TimeoutError("bytes cannot be told apart while the control plane is busy")
    return _received(envoy)


def _until_given(envoy: int, start: int) -> None:
    """Return when bytes have come since `start`, and then none for a while. Raises TimeoutError."""
    seen, since, end = start, time.monotonic(), time.monotonic() + PATIENCE
    while seen - start < LEAST or time.monotonic() - since < STILL:
        if time.monotonic() > end:
            raise TimeoutError("a change brought nothing" if seen - start < LEAST else "a change's bytes do not end")
        time.sleep(0.1)
        if (now := _received(envoy)) != seen:
            seen, since = now, time.monotonic()


def _received(envoy: int) -> int:
    """Bytes of the TCP connections to the control plane's port, TLS included, as the kernel counts them."""
    command = ["nsenter", f"--target={envoy}", "--net", "ss", "-tinH", "state", "established"]
    printed = subprocess.run([*command, f"( dport = :{XDS_PORT} )"], check=True, capture_output=True, text=True).stdout
    return sum(int(number) for number in re.findall(r"bytes_received:(\d+)", printed))
