"""YAML → snapshot → graph → statuses, for tests that say their world in a few lines."""

import base64
import datetime
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from gateway_api.graph.build import build_graph
from gateway_api.graph.types import Graph, GraphSettings, HTTPRouteNode, ListenerNode
from k8s_watch import kinds
from k8s_watch.keys import ObjectKey
from k8s_watch.snapshot import FIELDS, ClusterSnapshot

KINDS = {kind.name: kind for kind in kinds.ALL}

WORLD = """
kind: GatewayClass
metadata: {name: eg, generation: 1}
spec: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}
---
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80}, {port: 81, appProtocol: kubernetes.io/h2c}, {port: 53, protocol: UDP}]}
---
kind: Service
metadata: {name: web, namespace: other}
spec: {ports: [{port: 80}]}
"""

GATEWAY = """
kind: Gateway
metadata: {name: eg, generation: 2}
spec: {gatewayClassName: eg, listeners: [{name: http, port: 80, protocol: HTTP}, {name: tcp, port: 90, protocol: TCP}]}
"""


def snapshot_of(*texts: str) -> ClusterSnapshot:
    """Read objects; a later one replaces an earlier one of the same kind and name."""
    objects: dict[str, dict[ObjectKey, Any]] = {}
    for text in texts:
        for document in yaml.safe_load_all(textwrap.dedent(text)):
            kind = KINDS[document["kind"]]
            if kind.namespaced:
                document["metadata"].setdefault("namespace", "default")
            decoded = msgspec.convert(document, kind.type)
            objects.setdefault(FIELDS[kind.name], {})[decoded.key] = decoded
    return ClusterSnapshot(revision=1, **objects)  # type: ignore[arg-type]


@pytest.fixture
def snapshot() -> Callable[..., ClusterSnapshot]:
    """YAML texts → snapshot."""
    return snapshot_of


@pytest.fixture
def graph() -> Callable[..., Graph]:
    """YAML texts → graph, with the class `eg` and the Service `web` of namespaces default and other."""
    return lambda *texts: build_graph(snapshot_of(WORLD, *texts), GraphSettings())


@pytest.fixture
def listeners(graph: Callable[..., Graph]) -> Callable[..., Mapping[str, ListenerNode]]:
    """The listeners of a Gateway `eg`, as a YAML list → their nodes by name."""

    def build(text: str, *others: str) -> Mapping[str, ListenerNode]:
        gateway = {"gatewayClassName": "eg", "listeners": yaml.safe_load(text)}
        document = yaml.safe_dump({"kind": "Gateway", "metadata": {"name": "eg"}, "spec": gateway})
        return {node.spec.name: node for node in graph(document, *others).gateways["default", "eg"].listeners}

    return build


@pytest.fixture
def http_route(graph: Callable[..., Graph]) -> Callable[..., HTTPRouteNode]:
    """The spec of an HTTPRoute `r` as YAML, attached to Gateway `eg` → its node."""

    def build(text: str, *others: str) -> HTTPRouteNode:
        spec = {"parentRefs": [{"name": "eg"}], **yaml.safe_load(text)}
        document = yaml.safe_dump({"kind": "HTTPRoute", "metadata": {"name": "r"}, "spec": spec})
        return graph(GATEWAY, document, *others).http["HTTPRoute"].nodes["default", "r"]

    return build


@pytest.fixture
def secret() -> Callable[..., str]:
    """A Secret's name, and its key → the Secret as YAML, with a certificate for that key and these `names`."""

    def build(
        name: str = "cert",
        *,
        namespace: str = "default",
        key: CertificateIssuerPrivateKeyTypes | None = None,
        names: Sequence[str] = (),
    ) -> str:
        data = secret_data(key or ec.generate_private_key(ec.SECP256R1()), *names)
        return yaml.safe_dump({"kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "data": data})

    return build


def secret_data(key: CertificateIssuerPrivateKeyTypes, *names: str) -> dict[str, str]:
    """The data of a Secret with a certificate for that key and these names."""
    extensions = [x509.SubjectAlternativeName(map(x509.DNSName, names))] if names else []
    return {"tls.crt": _b64(certificate(key, *extensions)), "tls.key": _b64(pem_key(key))}


def pem_key(key: CertificateIssuerPrivateKeyTypes) -> bytes:
    """The key as PEM, unencrypted."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def certificate(
    key: CertificateIssuerPrivateKeyTypes, *extensions: x509.ExtensionType, common_name: str = "www.example.com"
) -> bytes:
    """A certificate for that key, signed by itself, as PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else [])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(start).not_valid_after(start + datetime.timedelta(days=1))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
