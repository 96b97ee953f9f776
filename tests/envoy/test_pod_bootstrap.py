"""The bootstrap of a proxy pod in a real Envoy: mutual TLS, readiness, metrics, and nothing else."""

import contextlib
import http.client
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from gateway_api.ir import xds as ir
from gateway_api.ir.pod import ADMIN_PORT, METRICS_PORT, READY_PORT, drain_path
from k8s_apply.certificates import Authority, client_files, make_authority, server_files
from tests.envoy.gateways import KEY, clusters, endpoints, forward, host, http_chain, http_gateway, listener, route
from tests.ipv6 import needs_ipv6
from tests.servers import serving as serving_in_thread
from xds_server.bootstrap.pod import Drain, pod_bootstrap
from xds_server.snapshot.resource import Snapshot
from xds_server.translate.assemble import assemble

pytestmark = pytest.mark.envoy

DRAIN = Drain(seconds=2, secret="s3cret")
EMPTY = assemble(ir.GatewayIR(gateway=KEY), [])


def credentials(authority: Authority) -> grpc.ServerCredentials:
    files = server_files(authority, ["localhost"], {}, time.time())
    pair = (files["tls.key"], files["tls.crt"])
    return grpc.ssl_server_credentials([pair], files["ca.crt"], require_client_auth=True)


class Mount:
    """A folder as the kubelet mounts a Secret: all files change at once, by a link to another folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0

    def write(self, authority: Authority) -> None:
        self.count += 1
        files = client_files(authority, KEY, {}, time.time())
        version = self.folder / f"..{self.count}"
        version.mkdir(parents=True)
        for name, content in files.items():
            (version / name).write_bytes(content)
        (self.folder / "..new").symlink_to(version.name)
        (self.folder / "..new").rename(self.folder / "..data")
        for name in files:
            link = self.folder / name
            if not link.is_symlink():
                link.symlink_to(f"..data/{name}")


class Pod:
    """A pod's files, and the Envoy that runs with them. The ports are free ones, by their number in a pod."""

    def __init__(self, folder: Path, free_port: Callable[[], int], start_envoy) -> None:
        self.folder = folder
        self.start_envoy = start_envoy
        self.certs = Mount(folder / "certs")
        self.ports = {port: free_port() for port in (ADMIN_PORT, METRICS_PORT, READY_PORT)}

    def start(
        self, authority: Authority, xds_port: int, bind_address: str = "0.0.0.0", zone: str = "", heap: int = 10**9
    ):
        self.certs.write(authority)
        files: dict[str, Any] = {"bootstrap_dir": str(self.folder), "certs_dir": str(self.certs.folder)}
        more: dict[str, Any] = {"max_heap_bytes": heap, "bind_address": bind_address, "drain": DRAIN, "zone": zone}
        made = pod_bootstrap(gateway=KEY, xds_host="localhost", xds_port=xds_port, **more, **files)
        for name, text in made.items():
            (self.folder / name).write_text(self._as_on_this_machine(text))
        drain = ("--drain-strategy", "immediate", "--drain-time-s", "60")
        return self.start_envoy("--config-path", self.folder / "bootstrap.yaml", "--service-node", "pod-1", *drain)

    def _as_on_this_machine(self, text: str) -> str:
        text = text.replace('"localhost."', '"localhost"')  # the hosts file knows it without the dot alone
        for port, free in self.ports.items():
            text = text.replace(f'"port_value": {port}', f'"port_value": {free}')
        return text


@pytest.fixture
def pod(tmp_path: Path, free_port, start_envoy) -> Pod:
    return Pod(tmp_path, free_port, start_envoy)


def status(port: int, path: str, method: str = "GET", host: str = "127.0.0.1") -> int:
    client = http.client.HTTPConnection(host, port, timeout=10)
    try:
        client.request(method, path)
        return client.getresponse().status
    finally:
        client.close()


def test_a_pod_is_ready_once_it_heard_of_its_listeners(pod, control_plane) -> None:
    authority, asked, gate = make_authority(time.time()), threading.Event(), threading.Event()
    with control_plane(EMPTY, credentials=credentials(authority), asked=asked, gate=gate) as port:
        proxy = pod.start(authority, port)
        asked.wait()
        assert status(pod.ports[ADMIN_PORT], "/ready") == 503
        assert not proxy.has_said("starting workers")
        gate.set()
        proxy.wait_until_serving(pod.ports[READY_PORT])
        assert status(pod.ports[READY_PORT], "/ready") == 200


def serving(port: int, bind_address: str = "127.0.0.1") -> Snapshot:
    """One listener without routes: it answers 404."""
    own = listener("tcp-80", port, http_chain(), bind_address=bind_address)
    table = ir.RouteTable(name="http", virtual_hosts=())
    return assemble(ir.GatewayIR(gateway=KEY, listeners=(own,), route_tables=(table,)), ())


def test_a_pod_that_drains_sends_its_clients_away_and_serves_who_still_comes(pod, free_port, control_plane) -> None:
    authority, port = make_authority(time.time()), free_port()
    with control_plane(serving(port), credentials=credentials(authority)) as xds:
        pod.start(authority, xds).wait_until_serving(pod.ports[READY_PORT])
        known = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        assert answered(known).getheader("connection") is None
        assert [status(pod.ports[READY_PORT], path) for path in ("/drain", "/drain/guess")] == [404, 404]
        assert status(pod.ports[READY_PORT], drain_path(DRAIN.secret), method="POST") == 404
        began = time.monotonic()
        with ThreadPoolExecutor(1) as hook:
            draining = hook.submit(status, pod.ports[READY_PORT], drain_path(DRAIN.secret))
            while not (answer := answered(known)).getheader("connection"):
                assert time.monotonic() - began < DRAIN.seconds
            assert (answer.status, answer.getheader("connection")) == (404, "close")
            assert status(port, "/") == 404
            assert draining.result() == 200
        assert time.monotonic() - began > DRAIN.seconds - 0.1


NEAR = ir.Cluster(name=ir.ClusterName("service/default/web/80"), backend=KEY, port=80, near=True)


@pytest.fixture
def near_backend(free_port, backends) -> Callable[[dict[str, str], str], tuple[int, Snapshot]]:
    """Backends by their zones, and which of them drains → a port and what serves them there."""

    def made(zones: dict[str, str], drained: str) -> tuple[int, Snapshot]:
        port = free_port()
        gateway = http_gateway(port, host("*", route("/", forward(NEAR.name))), clusters=(NEAR,))
        places = tuple(
            ir.Endpoint(address="127.0.0.1", port=backends.http[name], zone=zone, draining=name == drained)
            for name, zone in zones.items()
        )
        return port, assemble(gateway, [ir.Endpoints(cluster=NEAR.name, endpoints=places)])

    return made


@pytest.mark.parametrize(
    ("zone", "drained", "answering"),
    [("z1", "", {"a"}), ("z2", "", {"b"}), ("z3", "", {"a", "b"}), ("", "", {"a", "b"}), ("z1", "a", {"b"})],
)
def test_a_near_backend_answers_from_the_proxy_s_zone_while_one_there_is_ready(
    pod, near_backend, control_plane, *, zone: str, drained: str, answering: set[str]
) -> None:
    authority, (port, snapshot) = make_authority(time.time()), near_backend({"a": "z1", "b": "z2"}, drained)
    with control_plane(snapshot, credentials=credentials(authority)) as xds:
        proxy = pod.start(authority, xds, zone=zone)
        proxy.wait_until_serving(port)
        assert {proxy.request(port, "/").seen["backend"] for _ in range(60)} == answering


class Endless(socketserver.BaseRequestHandler):
    """Answers with bytes that never end, and a request for /small with two."""

    def handle(self) -> None:
        is_small = b"/small" in self.request.recv(65536)
        self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (2 if is_small else 10**12))
        with contextlib.suppress(OSError):
            while not is_small:
                self.request.sendall(bytes(65536))
            self.request.sendall(b"ok")


@pytest.fixture
def endless() -> Iterator[int]:
    kind = type("Quick", (socketserver.ThreadingTCPServer,), {"daemon_threads": True, "request_queue_size": 1024})
    with serving_in_thread(kind(("127.0.0.1", 0), Endless)) as server:
        yield server.server_address[1]


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Spec: RFC 9113 section 4.1."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


UNREAD = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, struct.pack(">HI", 4, 0))
"""A client's first words, who takes no byte of any answer. Spec: RFC 9113 "SETTINGS_INITIAL_WINDOW_SIZE" """
GET = bytes.fromhex("8286840101") + b"x"
"""`GET /` of the host x. Spec: RFC 7541."""


def test_a_pod_short_of_memory_takes_it_back_from_who_reads_nothing(
    pod, free_port, endless: int, control_plane
) -> None:
    """Such a client cost all others every request: 503, for as long as it stayed."""
    authority, port, to = make_authority(time.time()), free_port(), ir.ClusterName("service/default/endless/80")
    gateway = http_gateway(port, host("*", route("/", forward(to))), clusters=clusters(to))
    snapshot = assemble(gateway, [endpoints(to, endless)])
    with control_plane(snapshot, credentials=credentials(authority)) as xds, contextlib.ExitStack() as clients:
        proxy = pod.start(authority, xds, heap=60 * 2**20)
        proxy.wait_until_serving(port)
        for _ in range(6):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.sendall(UNREAD + b"".join(frame(1, 5, stream, GET) for stream in range(1, 200, 2)))
        proxy.wait_until_it_says("resetting ", within=120)
        deadline, answer = time.monotonic() + 120, 0
        while answer != 200:
            assert time.monotonic() < deadline
            with contextlib.suppress(OSError, http.client.HTTPException):
                answer = proxy.request(port, "/small").status


def answered(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
    connection.request("GET", "/")
    answer = connection.getresponse()
    answer.read()
    return answer


@needs_ipv6
def test_a_pod_of_both_families_is_asked_by_both(pod, free_port, control_plane) -> None:
    """So are its listeners: the kubelet asks the pod's first address, whichever that is."""
    authority, port = make_authority(time.time()), free_port()
    with control_plane(serving(port, "::"), credentials=credentials(authority)) as xds:
        pod.start(authority, xds, bind_address="::").wait_until_serving(pod.ports[READY_PORT])
        for host in ("127.0.0.1", "::1"):
            assert status(pod.ports[READY_PORT], "/ready", host=host) == 200
            assert status(port, "/", host=host) == 404


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/stats/prometheus", 200),
        ("GET", "/stats/prometheus?usedonly", 200),
        ("POST", "/stats/prometheus", 404),
        ("GET", "/config_dump", 404),
        ("GET", "/stats/prometheus/../../config_dump", 404),
        ("GET", "/stats/prometheus/%2e%2e/%2e%2e/config_dump", 404),
        ("GET", "/stats/prometheus%2F..%2F..%2Fconfig_dump", 400),
        ("GET", "/stats/prometheus/..//..//quitquitquit", 404),
    ],
)
def test_only_the_metrics_of_the_admin_interface_are_reachable(metrics, method: str, path: str, expected: int) -> None:
    assert metrics(path, method) == expected


@pytest.fixture(scope="module")
def metrics(control_plane, running, start_envoy, free_port, tmp_path_factory):
    pod, authority = Pod(tmp_path_factory.mktemp("pod"), free_port, start_envoy), make_authority(time.time())
    port = running.enter_context(control_plane(EMPTY, credentials=credentials(authority)))
    pod.start(authority, port).wait_until_serving(pod.ports[METRICS_PORT])
    return lambda path, method: status(pod.ports[METRICS_PORT], path, method)


def test_new_certificates_are_taken_up_without_a_restart(pod, control_plane) -> None:
    old, new, asked = make_authority(time.time()), make_authority(time.time()), threading.Event()
    with control_plane(EMPTY, credentials=credentials(old)) as port:
        proxy = pod.start(old, port)
        proxy.wait_until_serving()
        pod.certs.write(new)
    with control_plane(EMPTY, credentials=credentials(new), asked=asked, port=port):
        assert asked.wait(timeout=30)


def test_a_server_of_another_name_is_not_trusted(pod, control_plane) -> None:
    authority, asked = make_authority(time.time()), threading.Event()
    files = server_files(authority, ["elsewhere"], {}, time.time())
    wrong = grpc.ssl_server_credentials([(files["tls.key"], files["tls.crt"])])
    with control_plane(EMPTY, credentials=wrong, asked=asked) as port:
        proxy = pod.start(authority, port)
        proxy.wait_until_it_says("CERTIFICATE_VERIFY_FAILED")
        assert not asked.is_set()
