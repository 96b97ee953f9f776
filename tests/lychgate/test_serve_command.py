"""`lychgate serve` before it serves: what cannot work is said in a line, with the exit code 2."""

import os
import subprocess
import sys

import pytest

QUIET = {"LYCHGATE_HEALTH_PORT": "0", "LYCHGATE_METRICS_PORT": "0"}


def serve(*flags: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own, outside of any cluster; without flags as a pod runs it."""
    env = {name: text for name, text in os.environ.items() if not name.startswith(("KUBE", "LYCHGATE"))}
    command = [sys.executable, "-m", "lychgate", "serve", *flags]
    return subprocess.run(
        command, env=env | QUIET | environment, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("flags", [(), ("--log-level", "error")])
def test_without_a_cluster_it_says_which_kubeconfig_it_missed(flags: tuple[str, ...]) -> None:
    done = serve(*flags, KUBECONFIG="/nowhere/config")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("lychgate serve: /nowhere/config: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("flags", [(), ("--log-level", "error")])
def test_a_setting_without_a_usable_value_is_named(flags: tuple[str, ...]) -> None:
    done = serve(*flags, LYCHGATE_XDS_PORT="many")
    assert done.returncode == 2
    assert "xdsPort" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_pod_loads_no_library_for_command_lines() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "lychgate", "serve"],
        env={**os.environ, **QUIET, "KUBECONFIG": "/nowhere/config"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "lychgate.in_cluster" in loaded
    assert not loaded & {"typer", "rich.console", "lychgate.cli.main"}
