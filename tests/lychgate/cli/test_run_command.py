"""`lychgate run` before it runs: what cannot work is said in a line, with the exit code 2."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def run(folder: Path, *flags: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lychgate", "run", str(folder), "--state-dir", str(folder / "state"), *flags]
    env = {name: text for name, text in os.environ.items() if not name.startswith("LYCHGATE")}
    return subprocess.run(command, env=env | environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def envoy(tmp_path: Path) -> str:
    """Something to run, which is not reached."""
    file = tmp_path / "envoy"
    file.touch(0o700)
    return str(file)


@pytest.mark.parametrize("log", ["nowhere/a.log", "."])
def test_an_access_log_that_cannot_be_written_is_said(log: str, tmp_path: Path, envoy: str) -> None:
    path = (tmp_path / log).resolve()
    done = run(tmp_path, "--envoy", envoy, "--access-log", str(path))
    assert done.returncode == 2
    assert done.stderr.startswith(f"lychgate run: --access-log {path} cannot be written: ")
    assert done.stderr.count("\n") == 1


def test_a_temporary_folder_that_is_too_deep_for_sockets_is_said(tmp_path: Path, envoy: str) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    done = run(tmp_path, "--envoy", envoy, TMPDIR=str(deep))
    assert done.returncode == 2
    assert done.stderr.startswith("lychgate run: the folder for temporary files is too deep")
    assert done.stderr.count("\n") == 1
