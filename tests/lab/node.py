"""Addresses and paths → the configuration files and command lines of the node's parts."""

import json
from pathlib import Path

from tests.lab import pki
from tests.lab.base_images import PAUSE_IMAGE
from tests.lab.places import (
    CONTAINERD_SOCKET,
    DNS_SERVICE_ADDRESS,
    NODE,
    NODE_ADDRESS,
    POD_NETWORK,
    SERVICE_NETWORK,
    STATE,
    binary,
)

type Command = list[str | Path]

CNI_PLUGINS = Path("/usr/lib/cni")
"""Where Debian's containernetworking-plugins puts them."""

PATIENT_CLIENT = ("--kube-api-qps=300", "--kube-api-burst=600")
"""Default client limits make a suite that creates hundreds of objects wait for the cluster, not for the controller."""


def etcd() -> Command:
    return [
        binary("etcd"),
        f"--data-dir={STATE}/etcd",
        "--listen-client-urls=http://127.0.0.1:2379",
        "--advertise-client-urls=http://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--unsafe-no-fsync",  # the lab's data does not outlive the lab
    ]


def apiserver() -> Command:
    return [
        binary("kube-apiserver"),
        "--etcd-servers=http://127.0.0.1:2379",
        f"--advertise-address={NODE_ADDRESS}",
        "--bind-address=0.0.0.0",
        "--secure-port=6443",
        f"--tls-cert-file={pki.certificate('apiserver')}",
        f"--tls-private-key-file={pki.key('apiserver')}",
        f"--client-ca-file={pki.certificate('ca')}",
        "--authorization-mode=Node,RBAC",
        f"--service-cluster-ip-range={SERVICE_NETWORK}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki.PKI}/service-account.pub",
        f"--service-account-signing-key-file={pki.key('service-account')}",
        f"--kubelet-client-certificate={pki.certificate('admin')}",
        f"--kubelet-client-key={pki.key('admin')}",
        "--kubelet-preferred-address-types=InternalIP",  # `kubectl logs`: the node's name resolves nowhere
        "--allow-privileged=true",
        "--enable-priority-and-fairness=false",
        "--max-requests-inflight=2000",
        "--max-mutating-requests-inflight=1000",
    ]


def controller_manager() -> Command:
    return [
        binary("kube-controller-manager"),
        f"--kubeconfig={pki.kubeconfig('controller-manager')}",
        f"--service-account-private-key-file={pki.key('service-account')}",
        f"--root-ca-file={pki.certificate('ca')}",
        f"--cluster-signing-cert-file={pki.certificate('ca')}",
        f"--cluster-signing-key-file={pki.key('ca')}",
        "--leader-elect=false",
        "--allocate-node-cidrs=true",
        f"--cluster-cidr={POD_NETWORK}",
        f"--service-cluster-ip-range={SERVICE_NETWORK}",
        "--use-service-account-credentials=true",
        "--concurrent-endpoint-syncs=10",
        "--concurrent-service-endpoint-syncs=10",
        "--concurrent-deployment-syncs=10",
        "--concurrent-replicaset-syncs=10",
        *PATIENT_CLIENT,
    ]


def scheduler() -> Command:
    config = f"--kubeconfig={pki.kubeconfig('scheduler')}"
    return [binary("kube-scheduler"), config, "--leader-elect=false", *PATIENT_CLIENT]


def containerd() -> Command:
    return ["containerd", "-c", STATE / "containerd" / "config.toml"]


def kubelet() -> Command:
    return [
        binary("kubelet"),
        f"--config={STATE}/kubelet/config.json",
        f"--kubeconfig={pki.kubeconfig('kubelet')}",
        f"--root-dir={STATE}/kubelet/root",
        f"--node-ip={NODE_ADDRESS}",
        f"--hostname-override={NODE}",
    ]


def proxy() -> Command:
    return [binary("kube-proxy"), f"--config={STATE}/proxy.json"]


def write_config() -> None:
    """Write the files that the commands above name."""
    for folder in ("etcd", "kubelet", "cni", "containerd"):
        (STATE / folder).mkdir(parents=True)
    (STATE / "cni" / "10-lab.conflist").write_text(json.dumps(_cni()))
    (STATE / "containerd" / "config.toml").write_text(_containerd())
    (STATE / "kubelet" / "config.json").write_text(json.dumps(_kubelet()))
    (STATE / "proxy.json").write_text(json.dumps(_proxy()))
    (STATE / "resolv.conf").write_text("nameserver 127.0.0.1\n")


def _cni() -> dict[str, object]:
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "hairpinMode": True,
        "ipMasq": False,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": POD_NETWORK}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": str(STATE / "cni-state"),
        },
    }
    port_map = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "0.4.0", "name": "lab", "plugins": [bridge, port_map]}


def _containerd() -> str:
    """Configure containerd for a machine that may itself be a container.

    restrict_oom_score_adj: CAP_SYS_RESOURCE may be absent. enable_unprivileged_ports: containers that are not root bind
    ports below 1024, which the suite's backends do.
    """
    return f"""version = 2
root = "{STATE}/containerd/root"
state = "{STATE}/containerd/state"

[grpc]
  address = "{CONTAINERD_SOCKET}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  max_container_log_line_size = 65536
  restrict_oom_score_adj = true
  enable_unprivileged_ports = true

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_PLUGINS}"
    conf_dir = "{STATE}/cni"
"""


def _kubelet() -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,  # the machine's choice, not ours
        "failSwapOn": False,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(pki.certificate("ca"))},
        },
        "authorization": {"mode": "AlwaysAllow"},
        "tlsCertFile": str(pki.certificate("kubelet")),
        "tlsPrivateKeyFile": str(pki.key("kubelet")),
        "clusterDNS": [DNS_SERVICE_ADDRESS],
        "clusterDomain": "cluster.local",
        "resolvConf": str(STATE / "resolv.conf"),
        "maxPods": 250,
        # A full disk of the machine must not evict the lab's pods.
        "evictionHard": {
            "memory.available": "50Mi",
            "nodefs.available": "0%",
            "imagefs.available": "0%",
            "nodefs.inodesFree": "0%",
        },
        "localStorageCapacityIsolation": False,
        "enforceNodeAllocatable": ["pods"],
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
        "registryPullQPS": 0,
        "syncFrequency": "10s",
    }


def _proxy() -> dict[str, object]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": POD_NETWORK,
        "clientConnection": {"kubeconfig": str(pki.kubeconfig("proxy"))},
        "hostnameOverride": NODE,
        "nftables": {"minSyncPeriod": "100ms"},
        "conntrack": {"maxPerCore": 0},
    }
