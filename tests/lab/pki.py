"""Nothing → a certificate authority, the certificates of the cluster's parts, and a kubeconfig for each of them."""

import base64
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.lab.places import API_SERVICE_ADDRESS, NODE, NODE_ADDRESS, STATE

PKI = STATE / "pki"
DAYS = "3650"
NEW_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"

# Extensions without which strict clients refuse a certificate: Python from 3.13 on. Spec: RFC 5280 §4.2.1
AUTHORITY = "basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"
MEMBER = (
    "basicConstraints=CA:FALSE",
    "keyUsage=digitalSignature",
    "extendedKeyUsage=clientAuth,serverAuth",
    "subjectKeyIdentifier=hash",
    "authorityKeyIdentifier=keyid",
)


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
    extensions = [word for extension in AUTHORITY for word in ("-addext", extension)]
    _openssl(f"req -x509 {NEW_KEY} -subj /CN=lab-ca -keyout ca.key -out ca.crt -days {DAYS}", *extensions)
    _openssl("ecparam -name prime256v1 -genkey -noout -out service-account.key")
    _openssl("ec -pubout -in service-account.key -out service-account.pub")
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
    names = [f"subjectAltName={','.join(identity.names)}"] if identity.names else []
    (PKI / f"{identity.name}.ext").write_text("\n".join((*MEMBER, *names)))
    name = identity.name
    _openssl(f"req {NEW_KEY} -keyout {name}.key -out {name}.csr -subj", identity.subject)
    signing = f"-CA ca.crt -CAkey ca.key -CAcreateserial -days {DAYS}"
    _openssl(f"x509 -req -in {name}.csr {signing} -out {name}.crt -extfile {name}.ext")


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
