"""`lychgate run` before a backend that speaks TLS and insists on a certificate: from files to the wire and back."""

import base64
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509

from tests.authority import Authority
from tests.e2e.standalone import Standalone
from tests.servers import serving
from tests.tls_backend import TlsServer

pytestmark = pytest.mark.envoy

GROUP = "gateway.networking.k8s.io/v1"


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def backend(tmp_path: Path, authority: Authority) -> Iterator[TlsServer]:
    context = authority.server_context(tmp_path, x509.DNSName("web.example.com"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=authority.certificate.decode())
    with serving(TlsServer(context)) as server:
        yield server


@pytest.fixture
def standalone(
    tmp_path: Path, authority: Authority, backend: TlsServer, free_port: Callable[[], int]
) -> Iterator[tuple[Standalone, int]]:
    port, folder = free_port(), tmp_path / "config"
    folder.mkdir()
    shown = dict(zip(("tls.crt", "tls.key"), authority.issue(common_name="the gateway"), strict=True))
    listeners = [{"name": "http", "port": port, "protocol": "HTTP"}]
    tls = {"backend": {"clientCertificateRef": {"name": "shown"}}}
    write(
        folder / "gateway.yaml",
        manifest("GatewayClass", "eg", {"controllerName": "gateway.envoyproxy.io/gatewayclass-controller"}),
        manifest("Gateway", "eg", {"gatewayClassName": "eg", "listeners": listeners, "tls": tls}),
        manifest(
            "HTTPRoute",
            "r",
            {"parentRefs": [{"name": "eg"}], "rules": [{"backendRefs": [{"name": "web", "port": 443}]}]},
        ),
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"ports": [{"port": 443}]}},
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "shown"},
            "data": {name: base64.b64encode(text).decode() for name, text in shown.items()},
        },
    )
    write(folder / "trusted.yaml", config_map(authority))
    write(folder / "policy.yaml", policy("web.example.com"))
    with Standalone(folder, tmp_path / "state", "--backend", f"web=127.0.0.1:{backend.server_address[1]}") as running:
        yield running, port


def test_a_backend_is_verified_and_sees_who_asks(standalone: tuple[Standalone, int], authority: Authority) -> None:
    running, port = standalone
    running.until(lambda: running.get("/", port=port).status == 200)
    assert b"the gateway" in running.get("/", port=port).body
    assert b"web.example.com" in running.get("/", port=port).body

    write(running.folder / "policy.yaml", policy("other.example.com"))
    running.until(lambda: running.get("/", port=port).status == 503)
    write(running.folder / "policy.yaml", policy("web.example.com"))
    running.until(lambda: running.get("/", port=port).status == 200)

    write(running.folder / "trusted.yaml", config_map(Authority("another")))
    running.until(lambda: running.get("/", port=port).status == 503)
    (running.folder / "trusted.yaml").unlink()
    running.until(lambda: running.get("/", port=port).status == 500)
    assert "NoValidCACertificate" in running.status().stdout
    write(running.folder / "trusted.yaml", config_map(authority))
    running.until(lambda: running.get("/", port=port).status == 200)


def write(file: Path, *documents: dict[str, object]) -> None:
    file.write_text(yaml.safe_dump_all(documents))


def manifest(kind: str, name: str, spec: dict[str, Any]) -> dict[str, object]:
    return {"apiVersion": GROUP, "kind": kind, "metadata": {"name": name}, "spec": spec}


def config_map(authority: Authority) -> dict[str, object]:
    data = {"ca.crt": authority.certificate.decode()}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "trusted"}, "data": data}


def policy(hostname: str) -> dict[str, object]:
    trusted = [{"group": "", "kind": "ConfigMap", "name": "trusted"}]
    spec = {
        "targetRefs": [{"group": "", "kind": "Service", "name": "web"}],
        "validation": {"hostname": hostname, "caCertificateRefs": trusted},
    }
    return manifest("BackendTLSPolicy", "p", spec)
