"""Binaries and images → a running cluster, and back to nothing.

`up` starts, in this order: the network, containerd (which reads the images while the rest starts), etcd, the API
server, everything that talks to the API server. `down` ends it in the opposite order, by the process ids that `up`
wrote down, and then removes containers, mounts, network namespaces, cgroups and the state folder. What is left of a
cluster that was killed is removed in the same way, by `down` or by the next `up`.
"""

import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.lab import base_images, binaries, network, node, orphans, pki, processes, project_images, tools
from tests.lab.places import ADMIN_KUBECONFIG, CONTAINERD_SOCKET, NODE, STATE, binary

log = logging.getLogger("lab")

HERE = Path(__file__).parent
CONTROL_PLANE = ("loadbalancer", "proxy", "scheduler", "controller-manager", "apiserver", "etcd")
ESSENTIAL = ("etcd", "apiserver", "containerd", "kubelet")
"""Without one of these there is no cluster."""
CGROUP_ROOT = Path("/sys/fs/cgroup")


def build() -> list[Path]:
    """Make what `up` needs and return the image archives to load; does only what is not there yet."""
    if obstacle := tools.obstacle():
        raise SystemExit(f"lab: {obstacle}")
    tools.install()
    binaries.build()
    return [*base_images.build(), *project_images.build()]


def up() -> None:
    """Start the cluster; returns when the node is Ready and every image is loaded. Takes about 15 seconds."""
    if is_up():
        raise SystemExit(f"lab: already up in {STATE}; `down` first")
    if STATE.exists():
        log.info("what a cluster that was killed left in %s is removed", STATE)
        down()
    archives = build()
    started = time.monotonic()
    _start(archives)
    log.info("up in %.0f s; KUBECONFIG=%s", time.monotonic() - started, ADMIN_KUBECONFIG)


def down() -> None:
    """End everything that `up` started and remove every trace of it; a no-op when nothing is there."""
    processes.stop(["kubelet"])
    _end_containers()
    processes.stop(["containerd"])
    processes.stop(CONTROL_PLANE)
    _unmount_below(STATE)
    network.remove()
    _remove_cgroups()
    shutil.rmtree(STATE, ignore_errors=True)


def is_up() -> bool:
    """Tell whether the cluster runs, or whether somebody is starting it. One that was killed is not up."""
    return all(map(processes.run, ESSENTIAL)) or processes.run("up")


def load(archives: Iterable[Path]) -> None:
    """Make image archives known to the cluster. Their tags then mean the new content; running pods keep the old one."""
    for archive in archives:
        _ctr("images", "import", "--digests=false", str(archive))


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    """Run kubectl as the cluster's administrator and return what it printed. Raises CalledProcessError."""
    command = network.inside(binary("kubectl"), f"--kubeconfig={ADMIN_KUBECONFIG}", *arguments)
    return subprocess.run(command, check=True, input=stdin, capture_output=True, text=True).stdout


def _start(archives: list[Path]) -> None:
    for folder in (processes.LOGS, processes.PIDS):
        folder.mkdir(parents=True)
    processes.record("up", os.getpid())
    network.create()
    node.write_config()
    processes.start("containerd", *node.containerd())
    with ThreadPoolExecutor(max_workers=1) as loader:
        loading = loader.submit(_load_first, archives)
        pki.create()
        _start_control_plane()
        processes.wait_for("containerd", CONTAINERD_SOCKET.exists, patience=30)
        processes.start("kubelet", *node.kubelet())
        processes.wait_for("the node", _node_is_ready, patience=90)
        loading.result()
    kubectl("apply", "-f", str(HERE / "coredns.yaml"))
    kubectl("rollout", "status", "-n", "kube-system", "deployment/coredns", "--timeout=60s")


def _start_control_plane() -> None:
    processes.start("etcd", *node.etcd())
    processes.start("apiserver", *node.apiserver())
    processes.wait_for("the API server", lambda: _succeeds("get", "--raw", "/readyz"), patience=90)
    processes.start("controller-manager", *node.controller_manager())
    processes.start("scheduler", *node.scheduler())
    kubectl(
        "create", "clusterrolebinding", "lab-proxy", "--clusterrole=system:node-proxier", "--user=system:kube-proxy"
    )
    processes.start("proxy", *node.proxy())
    processes.start("loadbalancer", sys.executable, HERE, "loadbalancer")


def _load_first(archives: list[Path]) -> None:
    processes.wait_for("containerd", CONTAINERD_SOCKET.exists, patience=30)
    load(archives)


def _node_is_ready() -> bool:
    try:
        answer = kubectl("get", "node", NODE, "-o", "jsonpath={.status.conditions[?(@.type=='Ready')].status}")
    except subprocess.CalledProcessError:
        return False
    return answer == "True"


def _succeeds(*arguments: str) -> bool:
    try:
        kubectl(*arguments)
    except subprocess.CalledProcessError:
        return False
    return True


def _end_containers() -> None:
    """Kill every task and wait until containerd knows of none, so that no shim stays behind."""
    if not processes.run("containerd"):
        orphans.kill()
        return
    for task in _tasks():
        _ctr("tasks", "kill", "--signal", "SIGKILL", task, check=False)
    processes.wait_for("the end of the containers", lambda: not _delete_tasks(), patience=30)


def _tasks() -> list[str]:
    return _ctr("tasks", "list", "--quiet", check=False).split()


def _delete_tasks() -> list[str]:
    """Delete the tasks whose process ended, which ends their shims, and return those that are left."""
    for task in _tasks():
        _ctr("tasks", "delete", task, check=False)
    return _tasks()


def _ctr(*arguments: str, check: bool = True) -> str:
    command = ["ctr", "--address", str(CONTAINERD_SOCKET), "--namespace", "k8s.io", *arguments]
    return subprocess.run(command, check=check, capture_output=True, text=True).stdout


def _unmount_below(folder: Path) -> None:
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for place in sorted((place for place in mounted if place.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", place], check=False)


def _remove_cgroups() -> None:
    """Remove the kubelet's empty cgroups, children first: in every hierarchy of version 1, in the one of version 2."""
    for top in [*CGROUP_ROOT.glob("kubepods"), *CGROUP_ROOT.glob("*/kubepods")]:
        for folder in sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True):
            folder.rmdir()
        top.rmdir()
