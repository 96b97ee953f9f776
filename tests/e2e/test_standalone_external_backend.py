"""`lychgate run` with an XBackend: what it leads to, or why not, is its own rule's affair."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.standalone import GATEWAY, Standalone

pytestmark = pytest.mark.envoy

MANIFESTS = (
    GATEWAY
    + """
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: r}}
spec:
  parentRefs: [{{name: eg}}]
  rules:
  - matches: [{{path: {{value: /out}}}}]
    backendRefs: [{{group: gateway.networking.x-k8s.io, kind: XBackend, name: out}}]
  - filters: [{{type: RequestRedirect, requestRedirect: {{statusCode: 302, hostname: elsewhere.example.com}}}}]
"""
)
BACKEND = """
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackend
metadata: {{name: out}}
spec: {{type: ExternalHostname, externalHostname: {{hostname: {hostname}}}, port: {{port: {port}}}}}
"""


@pytest.fixture
def world(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[tuple[Standalone, int]]:
    port, folder = free_port(), tmp_path / "config"
    folder.mkdir()
    (folder / "world.yaml").write_text(MANIFESTS.format(port=port))
    with Standalone(folder, tmp_path / "state") as running:
        running.until(lambda: running.get("/", port=port).status == 302)
        yield running, port


def test_a_name_that_leads_nowhere_and_one_that_may_not_be_cost_one_rule(world: tuple[Standalone, int]) -> None:
    running, port = world
    out = running.folder / "out.yaml"
    assert running.get("/out", port=port).status == 500

    out.write_text(BACKEND.format(hostname="nowhere.invalid", port=80))
    running.until(lambda: running.get("/out", port=port).status == 503)
    assert running.get("/", port=port).status == 302
    assert "XBackend/out" in running.status().stdout

    out.write_text(BACKEND.format(hostname="nowhere.invalid", port=19000))
    running.until(lambda: running.get("/out", port=port).status == 500)
    assert "is reserved for the proxies themselves" in " ".join(running.status().stdout.split())
    assert running.get("/", port=port).status == 302
