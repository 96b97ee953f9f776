"""`lychgate run` from outside: a real process, a real Envoy, real requests, live edits, a clean end."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.standalone import EXAMPLES, PATIENCE, Standalone

pytestmark = pytest.mark.envoy


@pytest.fixture
def standalone(tmp_path: Path) -> Iterator[Standalone]:
    folder = tmp_path / "config"
    shutil.copytree(EXAMPLES, folder)
    with Standalone(folder, tmp_path / "state") as running:
        running.until(lambda: running.get("/backend").status == 200)
        yield running


def test_the_quickstart_serves_both_backends_and_refuses_the_rest(standalone: Standalone) -> None:
    assert standalone.get("/backend").body["pod"].startswith("svc-backend")
    assert "svc-backend2" in standalone.get("/backend2").body["pod"]
    assert standalone.get("/backend/deep").body["path"] == "/backend/deep"
    assert standalone.get("/elsewhere").status == 404
    assert standalone.get("/backend", host="other.example.com").status == 404


def test_the_backend_sees_what_a_proxy_adds(standalone: Standalone) -> None:
    headers = {name.lower(): values for name, values in standalone.get("/backend").body["headers"].items()}
    assert {"x-forwarded-for", "x-forwarded-proto", "x-request-id"} <= headers.keys()


def test_an_edit_an_added_and_a_removed_file_take_effect(standalone: Standalone) -> None:
    added = standalone.folder / "more.yaml"
    added.write_text(_route("more", "more.example.com"))
    standalone.until(lambda: standalone.get("/", host="more.example.com").status == 200)
    added.write_text(_route("more", "changed.example.com"))
    standalone.until(lambda: standalone.get("/", host="changed.example.com").status == 200)
    assert standalone.get("/", host="more.example.com").status == 404
    added.unlink()
    standalone.until(lambda: standalone.get("/", host="changed.example.com").status == 404)
    assert standalone.get("/backend").status == 200


def test_bad_input_is_named_and_costs_nobody_else_anything(standalone: Standalone) -> None:
    bad = standalone.folder / "bad.yaml"
    bad.write_text(_route("good", "good.example.com") + "---\nkind: [\n")
    standalone.until(lambda: "bad.yaml" in standalone.output())
    assert standalone.get("/backend").status == 200
    bad.write_text(
        _route("good", "good.example.com") + "---\n" + _route("typo", "x.example.com").replace("hostnames", "hostname")
    )
    standalone.until(lambda: standalone.get("/", host="good.example.com").status == 200)
    standalone.until(lambda: "hostname" in standalone.output())


def test_of_two_listener_sets_with_a_hostname_the_older_serves_and_then_the_other(standalone: Standalone) -> None:
    gateway = standalone.folder / "gateway.yaml"
    allowed = "allowedListeners: {namespaces: {from: Same}}"
    gateway.write_text(gateway.read_text().replace("  listeners:", f"  {allowed}\n  listeners:"))
    older, younger = standalone.folder / "older.yaml", standalone.folder / "younger.yaml"
    younger.write_text(_listener_set("younger", "shared.example.com", created=2))
    standalone.until(lambda: standalone.get("/younger", host="shared.example.com").status == 200)
    older.write_text(_listener_set("older", "shared.example.com", created=1))
    standalone.until(lambda: standalone.get("/older", host="shared.example.com").status == 200)
    assert standalone.get("/younger", host="shared.example.com").status == 404
    assert standalone.get("/backend", host="shared.example.com").status == 404
    standalone.until(lambda: "HostnameConflict" in standalone.status().stdout)
    older.unlink()
    standalone.until(lambda: standalone.get("/younger", host="shared.example.com").status == 200)
    assert standalone.get("/backend").status == 200


def test_status_shows_every_objects_conditions(standalone: Standalone) -> None:
    standalone.until(lambda: "Programmed" in standalone.status().stdout and standalone.status().returncode == 0)
    shown = standalone.status().stdout
    assert all(
        word in shown for word in ("GatewayClass", "Gateway", "HTTPRoute", "Accepted", "ResolvedRefs", "Programmed")
    )


def test_ctrl_c_ends_everything(standalone: Standalone) -> None:
    children = standalone.children()
    assert children
    assert standalone.end() == 0
    assert not any(map(_lives, children))


def test_a_killed_parent_leaves_no_envoy_behind(standalone: Standalone) -> None:
    children = standalone.children()
    standalone.process.kill()
    standalone.process.wait(PATIENCE)
    end = time.monotonic() + PATIENCE
    while any(map(_lives, children)):
        assert time.monotonic() < end, "an orphan lives on"


def test_a_backend_on_this_machine_stands_in_for_a_service(tmp_path: Path) -> None:
    # An address of its own: a free port of 127.0.0.1 may be somebody's outgoing port a moment later.
    host, port = "127.0.0.77", 3000
    folder = tmp_path / "config"
    shutil.copytree(EXAMPLES, folder)
    backend = subprocess.Popen(
        [sys.executable, "-m", "lychgate", "demo-backend", "--name", "mine", "--host", host, "--port", str(port)]
    )
    try:
        with Standalone(folder, tmp_path / "state", "--backend", f"svc-backend={host}:{port}") as running:
            running.until(lambda: running.get("/backend").status == 200)
            running.until(lambda: running.get("/backend").body["pod"] == "mine")
    finally:
        backend.terminate()
        backend.wait(PATIENCE)


def _lives(pid: int) -> bool:
    """A process that has ended but was not waited for yet is no process any more."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def _route(name: str, host: str) -> str:
    return f"""\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}}}
spec:
  parentRefs: [{{name: eg}}]
  hostnames: [{host}]
  rules:
  - backendRefs: [{{name: svc-backend, port: 3000}}]
"""


def _listener_set(name: str, host: str, created: int) -> str:
    """A ListenerSet, and a route that serves `/<name>` on it."""
    return f"""\
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {{name: {name}, creationTimestamp: "2026-01-0{created}T00:00:00Z"}}
spec:
  parentRef: {{name: eg}}
  listeners: [{{name: http, port: 80, protocol: HTTP, hostname: {host}}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}}}
spec:
  parentRefs: [{{kind: ListenerSet, name: {name}}}]
  rules:
  - matches: [{{path: {{value: /{name}}}}}]
    backendRefs: [{{name: svc-backend, port: 3000}}]
"""
