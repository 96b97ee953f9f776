"""Certificates, server names and plain bytes in a real Envoy."""

import socket
import socketserver
import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography import x509

from gateway_api.ir import xds as ir
from tests.authority import Authority
from tests.envoy.gateways import KEY, clusters, endpoints, forward, host, listener, route
from tests.servers import serving
from xds_server.translate import filter_chain
from xds_server.translate.assemble import assemble

pytestmark = pytest.mark.envoy

TLS_BACKEND = ir.ClusterName("service/default/tls/443/tcp")
A, B = (ir.ClusterName(f"service/default/{name}/80") for name in ("a", "b"))
TCP_A, TCP_B = (ir.ClusterName(f"service/default/tcp-{name}/80") for name in ("a", "b"))
NAMES = ("one.example.com", "two.example.com", "*.wild.example.com", "default.example.org")
PASSED = "passed.example.com"
ENDED = "ended.example.com"
CLOSED = "x.closed.example.com"
ELSEWHERE = "elsewhere.wild.example.com"


AUTHORITY = Authority()
"""Whom every client trusts: that it got the certificate of the name that it asked for, TLS itself checks."""


def certificate(name: str) -> ir.TlsSecret:
    chain, key = AUTHORITY.issue(x509.DNSName(name))
    return ir.TlsSecret(name=f"default/{name}", certificate_chain=chain, private_key=ir.PrivateBytes(key))


def https_chain(name: str, table: str, *secrets: ir.TlsSecret, server_names: tuple[str, ...] = ()) -> ir.FilterChain:
    tls = ir.DownstreamTls(secrets=tuple(secret.name for secret in secrets))
    return ir.FilterChain(name=name, handler=ir.HttpChain(route_table=table), server_names=server_names, tls=tls)


def tcp_chain(
    *destinations: tuple[ir.ClusterName, int], server_names: tuple[str, ...] = (), tls: ir.DownstreamTls | None = None
) -> ir.FilterChain:
    receivers = tuple(ir.Destination(cluster=cluster, weight=weight) for cluster, weight in destinations)
    name = "-".join(("tcp", *server_names))
    return ir.FilterChain(name=name, handler=ir.TcpChain(destinations=receivers), server_names=server_names, tls=tls)


def table(name: str, cluster: ir.ClusterName, *hosts: ir.VirtualHost) -> ir.RouteTable:
    return ir.RouteTable(name=name, virtual_hosts=(host("*", route("/", forward(cluster))), *hosts))


MISDIRECTED = route("/", ir.Respond(status=421, closes=True))


@pytest.fixture(scope="module")
def ports(free_port: Callable[[], int]) -> dict[str, int]:
    return {name: free_port() for name in ("https", "tcp", "weighted", "nowhere", "mixed")}


@pytest.fixture(scope="module")
def secrets() -> dict[str, ir.TlsSecret]:
    return {name: certificate(name) for name in (*NAMES, ENDED)}


@pytest.fixture(scope="module")
def tls_backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server that ends TLS itself and says the server name that it was asked for."""
    context = AUTHORITY.server_context(tmp_path_factory.mktemp("tls"), x509.DNSName(PASSED))
    with serving(_SaysServerName(context)) as server:
        yield server.server_address[1]


class _SaysServerName(socketserver.TCPServer):
    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), socketserver.BaseRequestHandler)
        self.context = context
        self.context.sni_callback = self._asked_for
        self.server_name = ""

    def _asked_for(self, connection: ssl.SSLObject, name: str, context: ssl.SSLContext) -> None:
        self.server_name = name

    def finish_request(self, request: Any, client_address: object) -> None:
        with self.context.wrap_socket(request, server_side=True) as connection:
            connection.sendall(self.server_name.encode())


@pytest.fixture(scope="module")
def proxy(backends, tls_backend: int, ports: dict[str, int], secrets: dict[str, ir.TlsSecret], start_proxy):
    one, two, wild, default = (secrets[name] for name in NAMES)
    chains = {
        "https": (
            https_chain("both", "a", one, two, server_names=(one.name.split("/")[1], two.name.split("/")[1])),
            https_chain("wild", "b", wild, server_names=("*.Wild.example.com",)),
            https_chain("default", "a", default),
        ),
        "tcp": (tcp_chain((TCP_A, 1), (TCP_B, 0)),),
        "weighted": (tcp_chain((TCP_A, 1), (TCP_B, 1)),),
        "nowhere": (tcp_chain(),),
        "mixed": (
            tcp_chain((TLS_BACKEND, 1), server_names=(PASSED,)),
            tcp_chain((TCP_A, 1), server_names=(ENDED,), tls=ir.DownstreamTls(secrets=(secrets[ENDED].name,), alpn=())),
            tcp_chain(server_names=("*.closed.example.com",)),
            https_chain("rest", "b", default),
        ),
    }
    gateway = ir.GatewayIR(
        gateway=KEY,
        listeners=tuple(listener(name, ports[name], *of, port=443) for name, of in chains.items()),
        route_tables=(table("a", A), table("b", B, host(ELSEWHERE, MISDIRECTED))),
        clusters=(*clusters(A, B), *clusters(TCP_A, TCP_B, TLS_BACKEND, protocol="tcp")),
        secrets=tuple(secrets.values()),
    )
    places = {
        A: backends.http["a"],
        B: backends.http["b"],
        TCP_A: backends.tcp["a"],
        TCP_B: backends.tcp["b"],
        TLS_BACKEND: tls_backend,
    }
    return start_proxy(assemble(gateway, [endpoints(name, port) for name, port in places.items()]))


@pytest.mark.parametrize(
    ("server_name", "backend"),
    [("one.example.com", "a"), ("two.example.com", "a"), ("x.wild.example.com", "b"), ("default.example.org", "a")],
)
def test_the_server_name_chooses_certificate_and_routes(proxy, ports, server_name: str, backend: str) -> None:
    answer = proxy.request(ports["https"], "/", tls=trusting(), server_name=server_name)
    assert answer.seen["backend"] == backend
    assert answer.seen["headers"]["x-forwarded-proto"] == ["https"]


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cadata=AUTHORITY.certificate.decode())


@pytest.mark.parametrize("spelling", [ELSEWHERE, ELSEWHERE.title(), f"{ELSEWHERE}:443"])
def test_a_connection_that_was_made_for_what_is_elsewhere_now_is_closed(proxy, ports, spelling: str) -> None:
    """One that was made for another hostname goes on."""
    for server_name, connection in ((ELSEWHERE, "close"), ("x.wild.example.com", None)):
        answer = proxy.request(ports["https"], "/", host=spelling, tls=trusting(), server_name=server_name)
        assert (answer.status, answer.header("connection")) == (421, connection)


def test_http2_is_offered(proxy, ports) -> None:
    assert handshake(ports["https"], alpn=["h2", "http/1.1"]) == "h2"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_tls_before_1_2_is_refused(proxy, ports) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        handshake(ports["https"], maximum=ssl.TLSVersion.TLSv1_1)


def test_who_stops_in_the_middle_of_a_handshake_keeps_no_connection(
    secrets: dict[str, ir.TlsSecret], free_port, start_proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And who has come through it may be silent for longer."""
    monkeypatch.setattr(filter_chain, "HANDSHAKE_TIMEOUT", 0.5)
    port, secret = free_port(), secrets["default.example.org"]
    of = listener("tls", port, https_chain("only", "a", secret), port=443)
    start_proxy(
        assemble(ir.GatewayIR(gateway=KEY, listeners=(of,), route_tables=(table("a", A),), secrets=(secret,)), [])
    )
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        trusting().wrap_socket(plain, server_hostname="default.example.org") as secure,
        socket.create_connection(("127.0.0.1", port), timeout=10) as stopped,
    ):
        stopped.sendall(first_words("default.example.org"))
        while stopped.recv(10_000):
            pass
        secure.settimeout(0.5)
        with pytest.raises(TimeoutError):
            secure.recv(1)


def first_words(server_name: str) -> bytes:
    """Of a client's."""
    back, on = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        trusting().wrap_bio(back, on, server_hostname=server_name).do_handshake()
    return on.read()


def handshake(
    port: int, *, alpn: list[str] | None = None, maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> str | None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version, context.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, maximum
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.set_alpn_protocols(alpn or ["http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="one.example.com") as secure,
    ):
        return secure.selected_alpn_protocol()


def test_bytes_go_to_the_only_backend_with_a_weight(proxy, ports) -> None:
    assert {proxy.connect(ports["tcp"]) for _ in range(10)} == {b"a"}


def test_connections_are_shared_by_weight(proxy, ports) -> None:
    counts = Counter(proxy.connect(ports["weighted"]) for _ in range(100))
    assert 25 < counts[b"a"] < 75


def test_a_connection_without_a_backend_is_closed(proxy, ports) -> None:
    assert proxy.connect(ports["nowhere"]) == b""


def said(port: int, server_name: str) -> bytes:
    """What a client reads until the other side closes."""
    context = trusting()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=server_name) as secure,
    ):
        assert secure.selected_alpn_protocol() is None
        return secure.recv(100)


def test_a_connection_is_passed_through_to_the_certificate_of_its_backend(proxy, ports) -> None:
    assert said(ports["mixed"], PASSED) == PASSED.encode()


def test_a_connection_is_decrypted_for_a_backend_on_the_same_port(proxy, ports) -> None:
    assert said(ports["mixed"], ENDED) == b"a"


def test_http_is_served_on_the_same_port(proxy, ports) -> None:
    answer = proxy.request(ports["mixed"], "/", tls=trusting(), server_name="default.example.org")
    assert answer.seen["backend"] == "b"


def test_a_server_name_that_nothing_serves_is_not_left_to_others(proxy, ports) -> None:
    with pytest.raises((ssl.SSLEOFError, ConnectionResetError)):
        said(ports["mixed"], CLOSED)
