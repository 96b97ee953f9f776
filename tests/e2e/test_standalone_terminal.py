"""`lychgate run` whose words nobody takes any more: the traffic does not care."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.standalone import GATEWAY, Standalone

pytestmark = pytest.mark.envoy

REDIRECT = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: r}}
spec:
  parentRefs: [{{name: eg}}]
  rules: [{{filters: [{{type: RequestRedirect, requestRedirect: {{hostname: {host}}}}}]}}]
"""


@pytest.mark.parametrize("kind", ["closed", "full"])
def test_edits_go_on_when_nobody_reads(kind: str, tmp_path: Path, free_port: Callable[[], int]) -> None:
    folder, port = tmp_path / "config", free_port()
    folder.mkdir()
    (folder / "gateway.yaml").write_text(GATEWAY.format(port=port))
    with Standalone(folder, tmp_path / "state", output=_deaf(kind)) as running:
        running.until(lambda: running.get("/", port=port).status == 404)
        (folder / "bad.yaml").write_text("kind: [\n")
        for status, host in ((302, "a.example.com"), (404, ""), (302, "b.example.com")):
            text = GATEWAY.format(port=port) + (REDIRECT.format(host=host) if host else "")
            (folder / "gateway.yaml").write_text(text)
            running.until(lambda status=status: running.get("/", port=port).status == status)
        assert running.end(signal.SIGTERM) == 0


def _deaf(kind: str) -> int:
    """A descriptor that takes nothing."""
    if kind == "full":
        return os.open("/dev/full", os.O_WRONLY)
    reading, writing = os.pipe()
    os.close(reading)
    return writing
