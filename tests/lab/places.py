"""Environment variables → where the lab keeps what it builds and what it runs, and the addresses it uses."""

import os
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]

CACHE = Path(os.environ.get("LYCHGATE_LAB_BIN") or Path.home() / ".cache" / "lychgate" / "lab")
"""Built binaries, image layers and images. Survives `down`; anything in it can be built again."""

STATE = Path(os.environ.get("LYCHGATE_LAB_DIR") or Path(tempfile.gettempdir()) / "lychgate-lab")
"""The running cluster: etcd's data, sockets, logs, process ids, certificates. `down` removes it."""

ADMIN_KUBECONFIG = STATE / "admin.kubeconfig"
CONTAINERD_SOCKET = STATE / "containerd" / "sock"

NAMESPACE = "lychgate-lab"
"""The network namespace that holds the node."""

NODE = "lab"
NODE_ADDRESS = "172.31.77.2"
POD_NETWORK = "10.244.0.0/16"
SERVICE_NETWORK = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"
DNS_SERVICE_ADDRESS = "10.96.0.10"
LOADBALANCER_NETWORK = "172.31.78.0/24"


def binary(name: str) -> Path:
    """Path of a binary that `build` makes."""
    return CACHE / name
