"""A real Envoy that gets a Snapshot over xDS, and backends that say what reached them."""

import contextlib
import http.client
import json
import re
import select
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import pytest

from protos import discovery, encode, listener, type_urls
from tests.envoy.gateways import KEY
from tests.servers import QuietHandler, serving
from xds_server.bootstrap.local import local_bootstrap
from xds_server.snapshot.resource import ResourceType, Snapshot

TYPES = {
    type_urls.CLUSTER: ResourceType.CLUSTER,
    type_urls.ENDPOINT: ResourceType.ENDPOINT,
    type_urls.SECRET: ResourceType.SECRET,
    type_urls.SCOPED_ROUTE: ResourceType.SCOPED_ROUTE,
    type_urls.LISTENER: ResourceType.LISTENER,
    type_urls.ROUTE: ResourceType.ROUTE,
}


@dataclass
class Answer:
    """What a client got."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The only header of this name; None when there is none."""
        found = [value for key, value in self.headers if key.lower() == name]
        assert len(found) < 2, found
        return found[0] if found else None

    @property
    def seen(self) -> dict[str, Any]:
        """What the backend saw: backend, method, path, headers (lower-case name → list of values)."""
        assert self.status == 200, (self.status, self.body)
        return json.loads(self.body)


@dataclass
class Proxy:
    """A running Envoy."""

    process: subprocess.Popen[str]
    admin: Path | None = None
    """Its admin interface's socket, where it has one."""
    lines: list[str] = field(default_factory=list)
    more: threading.Condition = field(default_factory=threading.Condition)
    ended: bool = False

    def has_said(self, text: str) -> bool:
        """Whether its log has the text by now."""
        return any(text in line for line in self.lines)

    def wait_until_it_says(self, text: str, within: float | None = None) -> None:
        """Return when its log has the text; fail with the log when it ends without, or after so many seconds."""
        with self.more:
            self.more.wait_for(lambda: self.ended or self.has_said(text), within)
        assert self.has_said(text), "".join(self.lines)

    def wait_until_serving(self, *ports: int, udp: Sequence[int] = ()) -> None:
        """Return when the first listeners and all that they need are there, and these ports are open.

        The workers open the ports some moments after Envoy said that it starts them.
        """
        self.wait_until_it_says("starting workers")
        for port in ports:
            with socket.socket() as probe:
                while probe.connect_ex(("127.0.0.1", port)):
                    select.select([], [], [], 0.01)
        for port in udp:
            while _is_free(port):
                select.select([], [], [], 0.01)

    def read_log(self) -> None:
        """Keep the log until it ends."""
        assert self.process.stderr
        for line in self.process.stderr:
            with self.more:
                self.lines.append(line)
                self.more.notify_all()
        with self.more:
            self.ended = True
            self.more.notify_all()

    def request(
        self,
        port: int,
        path: str,
        *,
        method: str = "GET",
        host: str = "www.example.com",
        headers: list[tuple[str, str]] | None = None,
        body: bytes | None = None,
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
    ) -> Answer:
        """One request on a connection of its own, its path and headers sent as they are."""
        plain = socket.create_connection(("127.0.0.1", port), timeout=10)
        with tls.wrap_socket(plain, server_hostname=server_name) if tls else plain as connection:
            client = http.client.HTTPConnection("127.0.0.1", port)
            client.sock = connection
            client.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            length = [("Content-Length", str(len(body)))] if body is not None else []
            for name, value in [("Host", host), *length, *(headers or [])]:
                client.putheader(name, value)
            client.endheaders(body)
            response = client.getresponse()
            answer = Answer(response.status, response.getheaders(), response.read())
            client.close()
            return answer

    def statistic(self, name: str) -> int:
        """A counter or gauge of its own."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.admin))
            connection.sendall(f"GET /stats?filter=^{name}$ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
            [value] = re.findall(rf"{name}: (\d+)", connection.makefile().read())
            return int(value)

    def connect(self, port: int) -> bytes:
        """What a TCP client reads until the other side closes."""
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            return connection.makefile("rb").read()


def _is_free(port: int) -> bool:
    """Whether nobody has this UDP port."""
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Echo(QuietHandler):
    """Answers with what it saw, as JSON. Below /hang it answers when the test is over, and at .../nothing with 204."""

    disable_nagle_algorithm = True
    wbufsize = -1
    name: str
    over: threading.Event

    def handle_one_request(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle_one_request()

    def answer(self) -> None:
        if "Upgrade" in self.headers:
            self.send_response(101)
            self.send_header("Connection", "Upgrade")
            self.send_header("Upgrade", self.headers["Upgrade"])
            self.end_headers()
            self.close_connection = True
            return
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/hang"):
            self.over.wait()
        if self.path.endswith("/nothing"):
            self.send_response(204)
            self.end_headers()
            return
        headers: dict[str, list[str]] = {}
        for key, value in self.headers.items():
            headers.setdefault(key.lower(), []).append(value)
        seen = {"backend": self.name, "method": self.command, "path": self.path, "headers": headers}
        self.reply(200, json.dumps(seen).encode(), x_backend=self.name)


class Say(socketserver.BaseRequestHandler):
    """Says its name and closes."""

    name: str

    def handle(self) -> None:
        self.request.sendall(self.name.encode())


class Return(socketserver.BaseRequestHandler):
    """Sends a datagram back, its name in front."""

    name: str

    def handle(self) -> None:
        datagram, own = self.request
        own.sendto(self.name.encode() + datagram, self.client_address)


@dataclass
class Backends:
    """Ports of loopback backends."""

    http: dict[str, int]
    tcp: dict[str, int]
    udp: dict[str, int]


@pytest.fixture(scope="session")
def backends() -> Iterator[Backends]:
    """Two HTTP, two TCP and two UDP backends, a and b."""
    over = threading.Event()
    http_servers = {n: _server(ThreadingHTTPServer, type(n, (Echo,), {"name": n, "over": over})) for n in "ab"}
    tcp_servers = {n: _server(socketserver.ThreadingTCPServer, type(n, (Say,), {"name": n})) for n in "ab"}
    udp_servers = {n: _Datagrams(("127.0.0.1", 0), type(n, (Return,), {"name": n})) for n in "ab"}
    kinds = (http_servers, tcp_servers, udp_servers)
    with contextlib.ExitStack() as stack:
        for server in (server for servers in kinds for server in servers.values()):
            stack.enter_context(serving(server))
        yield Backends(*({name: server.server_address[1] for name, server in servers.items()} for servers in kinds))
        over.set()


class _Datagrams(socketserver.UDPServer):
    """Room for the longest datagram."""

    max_packet_size = 65536


def _server(kind: type[socketserver.TCPServer], handler: type) -> socketserver.TCPServer:
    quick = type("Quick", (kind,), {"daemon_threads": True, "block_on_close": False})
    return quick(("127.0.0.1", 0), handler)


@pytest.fixture(scope="module")
def running() -> Iterator[contextlib.ExitStack]:
    """What ends with the module."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture(scope="session")
def control_plane() -> Callable[..., contextlib.AbstractContextManager[int]]:
    """Serve a snapshot over delta ADS, in a `with` that gives the port on 127.0.0.1. See `_control_plane`."""
    return _control_plane


@pytest.fixture(scope="module")
def start_envoy(envoy_binary: Path, running: contextlib.ExitStack) -> Callable[..., Proxy]:
    """Start an Envoy with a bootstrap file; does not wait for it to serve."""
    return lambda *command: running.enter_context(_envoy([envoy_binary, *command]))


@pytest.fixture(scope="session")
def local_envoy(
    envoy_binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., contextlib.AbstractContextManager[Proxy]]:
    """An Envoy that asks the control plane on a port of loopback, in a `with`; does not wait for it to serve."""

    @contextlib.contextmanager
    def start(xds: int, *options: str) -> Iterator[Proxy]:
        folder = tmp_path_factory.mktemp("envoy")
        file, admin = folder / "bootstrap.json", folder / "admin.sock"
        file.write_text(local_bootstrap(gateway=KEY, node_id="one", xds=f"127.0.0.1:{xds}", admin_socket=str(admin)))
        with _envoy([envoy_binary, "--config-path", file, *options]) as proxy:
            proxy.admin = admin
            yield proxy

    return start


@pytest.fixture(scope="module")
def start_proxy(
    running: contextlib.ExitStack, local_envoy: Callable[..., contextlib.AbstractContextManager[Proxy]]
) -> Callable[..., Proxy]:
    """Start an Envoy with a snapshot and further options; returns when it serves."""

    def start(snapshot: Snapshot, *options: str) -> Proxy:
        xds = running.enter_context(_control_plane(snapshot))
        proxy = running.enter_context(local_envoy(xds, *options))
        listeners = [listener.Listener.FromString(r.body) for r in snapshot.of(ResourceType.LISTENER).by_name.values()]
        places = [of.address.socket_address for of in listeners]
        proxy.wait_until_serving(
            *(place.port_value for place in places if place.protocol == place.TCP),
            udp=[place.port_value for place in places if place.protocol == place.UDP],
        )
        return proxy

    return start


@contextlib.contextmanager
def _control_plane(
    snapshot: Snapshot,
    *,
    port: int = 0,
    credentials: grpc.ServerCredentials | None = None,
    asked: threading.Event | None = None,
    gate: threading.Event | None = None,
) -> Iterator[int]:
    """Answers each delta subscription once, from the snapshot: what Envoy asks for, without the rules for changes.

    Without `credentials`, plain. Sets `asked` when somebody asks; nothing is answered before `gate` opens.
    """

    def stream(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        for raw in requests:
            request = discovery.DeltaDiscoveryRequest.FromString(raw)
            first_of_wildcard = not request.response_nonce and not request.resource_names_subscribe
            if request.HasField("error_detail"):
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, request.error_detail.message)
            if not (first_of_wildcard or request.resource_names_subscribe):
                continue
            if asked:
                asked.set()
            if gate:
                gate.wait()
            known = snapshot.of(TYPES[request.type_url]).by_name
            names = known if first_of_wildcard else request.resource_names_subscribe
            yield encode.encode_delta_response(
                type_url=request.type_url,
                version="1",
                nonce="1",
                resources=[
                    encode.delta_resource(request.type_url, name, known[name].version, known[name].pieces)
                    for name in names
                    if name in known
                ],
                removed=[name for name in names if name not in known],
            )

    method = grpc.stream_stream_rpc_method_handler(stream)
    handler = grpc.method_handlers_generic_handler(type_urls.AGGREGATED_SERVICE, {"DeltaAggregatedResources": method})
    with ThreadPoolExecutor(4) as threads:
        server = grpc.server(threads, handlers=[handler])
        here = f"127.0.0.1:{port}"
        bound = server.add_secure_port(here, credentials) if credentials else server.add_insecure_port(here)
        server.start()
        try:
            yield bound
        finally:
            server.stop(grace=None).wait()


@contextlib.contextmanager
def _envoy(command: list[str | Path]) -> Iterator[Proxy]:
    command += ["--concurrency", "1", "--disable-hot-restart"]
    command += ["--log-level", "info", "--component-log-level", "config:debug"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        proxy = Proxy(process)
        reader = threading.Thread(target=proxy.read_log)
        reader.start()
        try:
            yield proxy
        finally:
            process.terminate()
            process.wait()
            reader.join()
