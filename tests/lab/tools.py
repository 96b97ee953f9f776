"""This machine → whether it can run the lab, and the Debian packages that it lacks."""

import os
import shutil
import subprocess
import sys

PACKAGES = {
    "ip": "iproute2",
    "nft": "nftables",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "containerd": "containerd",
    "runc": "runc",
    "openssl": "openssl",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
}
"""Program → the Debian package that brings it."""


def obstacle() -> str | None:
    """Say in one sentence why this machine cannot run the lab; None when it can."""
    if not sys.platform.startswith("linux"):
        return "the lab needs Linux"
    if os.geteuid() != 0:
        return "the lab needs root"
    if shutil.which("go") is None:
        return "the lab needs Go to build Kubernetes"
    if missing() and shutil.which("apt-get") is None:
        return f"the lab needs these programs: {', '.join(missing())}"
    return None


def missing() -> list[str]:
    """Programs of `PACKAGES` that are not installed."""
    return [program for program in PACKAGES if shutil.which(program) is None]


def install() -> None:
    """Install the Debian packages whose programs are missing; a no-op when none is."""
    packages = sorted({PACKAGES[program] for program in missing()})
    if not packages:
        return
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], env=env, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
        env=env,
        check=True,
        stdout=subprocess.DEVNULL,
    )
