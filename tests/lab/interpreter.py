"""Debian's packages → the interpreter of the image, in the cache: the one that `docker/Dockerfile` installs.

Not the interpreter that runs this: one built without profile-guided optimization takes half as long again for the same
work, and figures measured with it would not be those of the image that users run.
"""

import os
import shutil
import subprocess
from pathlib import Path

from tests.lab.places import CACHE

RELEASE = "trixie"
"""The Debian release of `docker/Dockerfile`."""
VERSION = "3.13"
PYTHON = f"python{VERSION}"
PACKAGES = (PYTHON, "libstdc++6")
"""The second for the C++ in gRPC."""
FOLDER = CACHE / f"debian-{RELEASE}"
ROOT = FOLDER / "root"
MERGED = ("bin", "lib", "lib64", "sbin")
"""Links into /usr, which on Debian the package `base-files` makes."""
UNUSED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/zoneinfo", "usr/sbin", "usr/share/lintian")


def provide() -> Path:
    """Return a root file system that holds the interpreter and its libraries; downloaded once, by apt."""
    done = FOLDER / "done"
    if not done.exists():
        shutil.rmtree(FOLDER, ignore_errors=True)
        for package in _download(FOLDER / "apt"):
            subprocess.run(["dpkg-deb", "--extract", package, ROOT], check=True)
        for name in UNUSED:
            shutil.rmtree(ROOT / name, ignore_errors=True)
        for name in MERGED:
            if (ROOT / "usr" / name).exists():
                (ROOT / name).symlink_to(f"usr/{name}")
        shutil.rmtree(FOLDER / "apt")
        done.touch()
    return ROOT


def run(*arguments: str) -> None:
    """Run that interpreter on this machine, whose C library may be older than its own."""
    (loader,) = (provide() / "usr").glob("lib*/ld-linux-*.so.*")
    (libraries,) = (ROOT / "usr/lib").glob("*-linux-gnu")
    command: list[str | Path] = [loader, "--library-path", libraries, ROOT / "usr/bin" / PYTHON, *arguments]
    env = {**os.environ, "PYTHONHOME": str(ROOT / "usr")}
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)


def _download(folder: Path) -> list[Path]:
    """Have apt fetch PACKAGES of RELEASE and what they depend on, as if nothing were installed.

    From where this machine has its own Debian packages; its lists and its state are not touched.
    """
    for name in ("lists/partial", "archives/partial", "etc/apt.conf.d", "etc/preferences.d", "etc/sources.list.d"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    (folder / "etc/sources.list").write_text(f"deb [signed-by={keyring}] {_mirror()} {RELEASE} main\n")
    places = {
        "Dir::State": folder,
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder,
        "Dir::Etc": folder / "etc",
        "APT::Sandbox::User": "root",
        "APT::Install-Recommends": "false",
    }
    apt = ["apt-get", "-qq", *(f"--option={name}={value}" for name, value in places.items())]
    subprocess.run([*apt, "update"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*apt, "install", "--yes", "--download-only", *PACKAGES], check=True, stdout=subprocess.DEVNULL)
    return sorted((folder / "archives").glob("*.deb"))


def _mirror() -> str:
    """Where this machine's apt finds Debian."""
    question = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian"]
    for attempt in range(2):
        for uri in subprocess.run(question, check=True, capture_output=True, text=True).stdout.split():
            if not uri.rstrip("/").endswith("-security"):
                return uri
        if attempt == 0:  # apt knows a source's origin only once it has read it
            subprocess.run(["apt-get", "-qq", "update"], check=True, stdout=subprocess.DEVNULL)
    raise SystemExit("lab: no Debian among apt's sources; the image's interpreter is Debian's")
