"""`lychgate run` with what an XBackendTrafficPolicy says of Services: sessions, and a budget of retries."""

import http.client
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.e2e.standalone import GATEWAY, PATIENCE, Standalone
from tests.servers import QuietHandler, serving

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
  - {{matches: [{{path: {{value: /one}}}}], backendRefs: [{{name: web, port: 80}}]}}
  - {{matches: [{{path: {{value: /two}}}}], backendRefs: [{{name: web, port: 80}}]}}
  - matches: [{{path: {{value: /flaky}}}}]
    backendRefs: [{{name: flaky, port: 80}}]
    retry: {{codes: [500], attempts: 1}}
"""
)
SERVICE = """
---
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{ports: [{{port: 80}}]}}
"""
SLICE = """
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {service}-{port}, labels: {{kubernetes.io/service-name: {service}}}}}
addressType: IPv4
ports: [{{port: {port}}}]
endpoints: [{{addresses: [127.0.0.1]}}]
"""
POLICY = """
---
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackendTrafficPolicy
metadata: {{name: {name}}}
spec: {{targetRefs: [{{group: "", kind: Service, name: {name}}}], {says}}}
"""
NO_RETRIES_BUT_ONE = "retryConstraint: {budget: {percent: 0}, minRetryRate: {count: 1, interval: 1m}}"


class Backend(ThreadingHTTPServer):
    """Answers with its port; what is flaky answers 500 first, and a second try when it is told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tried: set[str] = set()
        self.retried, self.go_on = threading.Event(), threading.Event()


class _Handler(QuietHandler):
    server: Backend

    def answer(self) -> None:
        status = 200
        if self.path.startswith("/flaky"):
            if self.path in self.server.tried:
                self.server.retried.set()
                assert self.server.go_on.wait(PATIENCE)
            else:
                self.server.tried.add(self.path)
                status = 500
        self.reply(status, str(self.server.server_address[1]).encode())


@pytest.fixture
def world(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[tuple[Standalone, int, Backend]]:
    port, folder = free_port(), tmp_path / "config"
    folder.mkdir()
    with serving(Backend()) as first, serving(Backend()) as second, serving(Backend()) as flaky:
        places = [("web", first), ("web", second), ("flaky", flaky)]
        texts = [MANIFESTS.format(port=port), SERVICE.format(name="web"), SERVICE.format(name="flaky")]
        texts += [SLICE.format(service=name, port=server.server_address[1]) for name, server in places]
        (folder / "world.yaml").write_text("".join(texts))
        (folder / "web.yaml").write_text(POLICY.format(name="web", says="sessionPersistence: {}"))
        (folder / "flaky.yaml").write_text(POLICY.format(name="flaky", says=NO_RETRIES_BUT_ONE))
        with Standalone(folder, tmp_path / "state") as running:
            running.until(lambda: running.get("/one", port=port).status == 200)
            yield running, port, flaky


def ask(port: int, path: str, cookie: str = "") -> tuple[int, bytes, str]:
    """Status, body, and the cookie that is set."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path, headers={"Cookie": cookie} if cookie else {})
        answer = connection.getresponse()
        return answer.status, answer.read(), (answer.getheader("set-cookie") or "").partition(";")[0]
    finally:
        connection.close()


def test_a_session_with_a_service_is_one_rules_and_outlives_other_settings(
    world: tuple[Standalone, int, Backend],
) -> None:
    running, port, _ = world
    sessions = {}
    while len(sessions) < 2:
        _, backend, cookie = ask(port, "/one")
        sessions[backend] = cookie
    for path in ("/one", "/one/more") * 10:
        assert all(ask(port, path, cookie)[1] == backend for backend, cookie in sessions.items())
    cookie, elsewhere = next(iter(sessions.values())), set()
    while len(elsewhere) < 2:
        elsewhere.add(ask(port, "/two", cookie)[1])

    says = "sessionPersistence: {}, retryConstraint: {}"
    (running.folder / "web.yaml").write_text(POLICY.format(name="web", says=says))
    running.until(lambda: "may be 20 percent" in running.status("--verbose", "--output", "json").stdout)
    for backend, cookie in list(sessions.items()) * 10:
        assert ask(port, "/one", cookie)[1] == backend


def test_of_two_retries_at_once_the_budget_of_one_refuses_the_other(world: tuple[Standalone, int, Backend]) -> None:
    _, port, flaky = world
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, port, "/flaky/1")
        assert flaky.retried.wait(PATIENCE)
        assert ask(port, "/flaky/2")[0] == 500
        flaky.go_on.set()
        assert first.result()[0] == 200
    assert ask(port, "/flaky/3")[0] == 200
