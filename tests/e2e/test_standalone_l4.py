"""`lychgate run` with routes of bytes: TCP and UDP on one port number, server names on another, a live edit."""

import base64
import contextlib
import socket
import socketserver
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.authority import Authority
from tests.e2e.standalone import Standalone
from tests.servers import serving

pytestmark = pytest.mark.envoy

ENDED, PASSED = "ended.example.com", "passed.example.com"
MANIFESTS = """
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{name: eg}}
spec: {{controllerName: gateway.envoyproxy.io/gatewayclass-controller}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: eg}}
spec:
  gatewayClassName: eg
  listeners:
  - {{name: tcp, port: {plain}, protocol: TCP}}
  - {{name: udp, port: {plain}, protocol: UDP}}
  - name: end
    port: {tls}
    protocol: TLS
    hostname: {ended}
    tls: {{mode: Terminate, certificateRefs: [{{name: c}}]}}
  - {{name: pass, port: {tls}, protocol: TLS, hostname: "*.example.com", tls: {{mode: Passthrough}}}}
---
apiVersion: v1
kind: Secret
metadata: {{name: c}}
type: kubernetes.io/tls
data: {{tls.crt: {chain}, tls.key: {key}}}
"""
ROUTE = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: {kind}
metadata: {{name: {name}}}
spec:
  parentRefs: [{{name: eg}}]
  {hostnames}
  rules: [{{backendRefs: [{{name: {service}, port: 1}}]}}]
"""


class Backend(socketserver.BaseRequestHandler):
    """Says its name: to whoever connects, or before each datagram that it sends back."""

    server: Any

    def handle(self) -> None:
        if isinstance(self.request, tuple):
            self.request[1].sendto(self.server.name + self.request[0], self.client_address)
        elif self.server.context is None:
            self.request.sendall(self.server.name)
        else:
            with self.server.context.wrap_socket(self.request, server_side=True) as secure:
                secure.sendall(self.server.name)


@contextlib.contextmanager
def backend(kind: Any, name: bytes, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve; gives the `--backend` for a Service of that name."""
    with serving(kind(("127.0.0.1", 0), Backend)) as server:
        server.name, server.context = name, context
        yield f"{name.decode()}=127.0.0.1:{server.server_address[1]}"


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def ports(free_port: Callable[[], int]) -> dict[str, int]:
    return {"plain": free_port(), "tls": free_port()}


@pytest.fixture
def standalone(tmp_path: Path, authority: Authority, ports: dict[str, int]) -> Iterator[Standalone]:
    chain, key = (base64.b64encode(pem).decode() for pem in authority.issue(x509.DNSName(ENDED)))
    folder = tmp_path / "config"
    folder.mkdir()
    routes = "".join(
        ROUTE.format(kind=kind, name=kind.lower() + service, service=service, hostnames=hostnames)
        for kind, service, hostnames in [
            ("TCPRoute", "plain", ""),
            ("UDPRoute", "datagrams", ""),
            ("TLSRoute", "plain", f"hostnames: [{ENDED}]"),
            ("TLSRoute", "secure", f"hostnames: [{PASSED}]"),
        ]
    )
    (folder / "all.yaml").write_text(MANIFESTS.format(**ports, chain=chain, key=key, ended=ENDED) + routes)
    context = authority.server_context(tmp_path, x509.DNSName(PASSED))
    with (
        backend(socketserver.TCPServer, b"plain") as plain,
        backend(socketserver.TCPServer, b"secure", context) as secure,
        backend(socketserver.UDPServer, b"datagrams") as datagrams,
    ):
        options = [word for one in (plain, secure, datagrams) for word in ("--backend", one)]
        with Standalone(folder, tmp_path / "state", *options) as running:
            running.until(lambda: said(ports["plain"]) == b"plain")
            yield running


def said(port: int, authority: Authority | None = None, server_name: str = "") -> bytes:
    """What a client reads, over TLS if it knows whom to trust; nothing where it is turned away."""
    refused = contextlib.suppress(ConnectionError, ssl.SSLEOFError)
    with refused, socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
        if authority is None:
            return plain.recv(100)
        context = ssl.create_default_context(cadata=authority.certificate.decode())
        with context.wrap_socket(plain, server_hostname=server_name) as secure:
            return secure.recv(100)
    return b""


def answered(port: int) -> bytes:
    """What comes back for a datagram; nothing when nothing does for a while, as datagrams may be lost."""
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(1)
        client.connect(("127.0.0.1", port))
        with contextlib.suppress(TimeoutError, ConnectionRefusedError):
            client.send(b"?")
            return client.recv(100)
    return b""


def test_bytes_datagrams_and_server_names_reach_their_backends(
    standalone: Standalone, ports: dict[str, int], authority: Authority
) -> None:
    standalone.until(lambda: answered(ports["plain"]) == b"datagrams?")
    standalone.until(lambda: said(ports["tls"], authority, ENDED) == b"plain")
    standalone.until(lambda: said(ports["tls"], authority, PASSED) == b"secure")
    assert said(ports["tls"], authority, "other.example.com") == b""

    text = (standalone.folder / "all.yaml").read_text()
    (standalone.folder / "all.yaml").write_text(text.replace(f"hostnames: [{PASSED}]", "hostnames: [new.example.com]"))
    standalone.until(lambda: said(ports["tls"], authority, PASSED) == b"")
    assert said(ports["tls"], authority, ENDED) == b"plain"
