"""Nothing → a certificate authority, the certificates of the cluster's parts, and a kubeconfig for each of them."""

import base64
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lab.places import API_SERVICE_ADDRESS, NODE, NODE_ADDRESS, STATE

PKI = STATE / "pki"
DAYS = "3650"


@dataclass(frozen=True)
class Identity:
    """A client or server of the cluster. The API server reads its subject: O is the group, CN the user."""

    name: str
    subject: str
    names: tuple[str, ...] = ()
    """Subject alternative names, as openssl spells them."""


APISERVER = Identity(
    "apiserver",
    "/CN=kube-apiserver",
    (
        "DNS:kubernetes",
        "DNS:kubernetes.default",
        "DNS:kubernetes.default.svc",
        "DNS:kubernetes.default.svc.cluster.local",
        "DNS:localhost",
        "IP:127.0.0.1",
        f"IP:{API_SERVICE_ADDRESS}",
        f"IP:{NODE_ADDRESS}",
    ),
)
CLIENTS = (
    Identity("admin", "/O=system:masters/CN=admin"),
    Identity("controller-manager", "/O=system:masters/CN=system:kube-controller-manager"),
    Identity("scheduler", "/CN=system:kube-scheduler"),
    Identity("proxy", "/CN=system:kube-proxy"),
    Identity("kubelet", f"/O=system:nodes/CN=system:node:{NODE}", (f"IP:{NODE_ADDRESS}", f"DNS:{NODE}")),
)


def create() -> None:
    """Write the authority, the service account key, and a certificate per identity; a kubeconfig per client."""
    PKI.mkdir(parents=True, exist_ok=True)
    _openssl("req -x509 -newkey rsa:2048 -nodes -subj /CN=lab-ca -keyout ca.key -out ca.crt -days", DAYS)
    _openssl("genrsa -out service-account.key 2048")
    _openssl("rsa -pubout -in service-account.key -out service-account.pub")
    _issue(APISERVER)
    for client in CLIENTS:
        _issue(client)
        kubeconfig(client.name).write_text(json.dumps(_kubeconfig(client)))


def kubeconfig(name: str) -> Path:
    """Path of the kubeconfig of one client."""
    return STATE / f"{name}.kubeconfig"


def certificate(name: str) -> Path:
    return PKI / f"{name}.crt"


def key(name: str) -> Path:
    return PKI / f"{name}.key"


def _issue(identity: Identity) -> None:
    extensions = "extendedKeyUsage=clientAuth,serverAuth\n"
    if identity.names:
        extensions += f"subjectAltName={','.join(identity.names)}\n"
    (PKI / f"{identity.name}.ext").write_text(extensions)
    name = identity.name
    _openssl(f"req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj", identity.subject)
    _openssl(
        f"x509 -req -CA ca.crt -CAkey ca.key -CAcreateserial -in {name}.csr -out {name}.crt -extfile {name}.ext -days",
        DAYS,
    )


def _kubeconfig(client: Identity) -> dict[str, object]:
    cluster = {"server": f"https://{NODE_ADDRESS}:6443", "certificate-authority-data": _base64(certificate("ca"))}
    user = {
        "client-certificate-data": _base64(certificate(client.name)),
        "client-key-data": _base64(key(client.name)),
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": cluster}],
        "users": [{"name": client.name, "user": user}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": client.name}}],
        "current-context": "lab",
    }


def _base64(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()


def _openssl(options: str, *last: str) -> None:
    """Run openssl in the folder of the certificates. Raises CalledProcessError with its words in `stderr`."""
    subprocess.run(["openssl", *options.split(), *last], cwd=PKI, check=True, capture_output=True)
