"""Nothing → a network namespace with the node's address in it and no way out."""

import subprocess
from pathlib import Path

from tests.lab.places import NAMESPACE, NODE_ADDRESS, STATE

NETNS = Path("/run/netns")
BEFORE = STATE / "netns-before"
"""The namespaces that were there before us, one name a line: `remove` leaves them alone."""


def create() -> None:
    """Make the namespace. One end of a veth pair is the node's interface and default route, the other end's peer."""
    BEFORE.write_text("\n".join(_names()))
    _ip("netns", "add", NAMESPACE)
    for command in (
        "link set lo up",
        "link add node0 type veth peer name node0-peer",
        f"addr add {NODE_ADDRESS}/24 dev node0",
        "link set node0 up",
        "link set node0-peer up",
        "route add default dev node0",
    ):
        _ip("-n", NAMESPACE, *command.split())
    subprocess.run(inside("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.route_localnet=1"), check=True)


def remove() -> None:
    """Delete our namespace and those that the CNI plugins made for pods since `create`."""
    before = set(BEFORE.read_text().split()) if BEFORE.exists() else None
    for name in _names():
        made_for_a_pod = before is not None and name.startswith("cni-") and name not in before
        if name == NAMESPACE or made_for_a_pod:
            subprocess.run(["ip", "netns", "del", name], check=False)
    if NETNS.is_dir() and not _names():
        # `ip` mounts the folder on itself for the first namespace, and would again.
        subprocess.run(["umount", str(NETNS)], check=False, capture_output=True)
        NETNS.rmdir()


def exists() -> bool:
    """Tell whether our namespace is there."""
    return NAMESPACE in _names()


def inside(*command: str | Path) -> list[str]:
    """Return the command line that runs `command` in the namespace."""
    return ["nsenter", f"--net={NETNS / NAMESPACE}", "--", *map(str, command)]


def _names() -> list[str]:
    return sorted(path.name for path in NETNS.iterdir()) if NETNS.is_dir() else []


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
