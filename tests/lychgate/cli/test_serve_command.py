"""`lychgate serve` before it serves: what cannot work is said in a line, with the exit code 2."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lychgate.cli.entry import GRPC
from tests.authority import Authority
from tests.xds_server.serve.conftest import SERVER_NAMES

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
    assert "LYCHGATE_XDS_PORT is 'many'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_misspelt_variable_is_warned_of() -> None:
    done = serve(LYCHGATE_XDS_PRT="1", KUBECONFIG="/nowhere/config")
    assert "LYCHGATE_XDS_PRT is not a setting and is ignored: did you mean LYCHGATE_XDS_PORT?" in done.stderr


@pytest.fixture
def cluster(tmp_path: Path) -> str:
    """A kubeconfig of a cluster that is away."""
    file = tmp_path / "kubeconfig"
    file.write_text(
        "current-context: a\n"
        "contexts: [{name: a, context: {cluster: a, user: a}}]\n"
        "clusters: [{name: a, cluster: {server: 'http://127.0.0.1:1'}}]\n"
        "users: [{name: a, user: {token: x}}]\n"
    )
    return str(file)


def test_a_certificate_that_is_not_there_is_named(cluster: str, tmp_path: Path) -> None:
    done = serve("--kubeconfig", cluster, "--xds-cert-dir", str(tmp_path), LYCHGATE_LOG_LEVEL="error")
    assert done.returncode == 2
    assert done.stderr.startswith(f"lychgate serve: xDS needs {tmp_path}/ca.crt: No such file or directory: ")
    assert done.stderr.count("\n") == 1


def test_an_xds_port_that_another_has_is_named(cluster: str, tmp_path: Path) -> None:
    authority = Authority("ours")
    pem = authority.issue(*SERVER_NAMES)
    for name, text in {"ca.crt": authority.certificate, "tls.crt": pem.certificate, "tls.key": pem.key}.items():
        (tmp_path / name).write_bytes(text)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        where = {"LYCHGATE_XDS_ADDRESS": "127.0.0.1", "LYCHGATE_XDS_PORT": str(port)}
        done = serve("--kubeconfig", cluster, "--xds-cert-dir", str(tmp_path), LYCHGATE_LOG_LEVEL="error", **where)
    assert done.returncode == 2
    assert f"lychgate serve: cannot listen on 127.0.0.1:{port}, the xDS port" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_pod_loads_nothing_that_only_other_commands_use() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "lychgate", "serve"],
        env={**os.environ, **QUIET, "KUBECONFIG": "/nowhere/config"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "lychgate.in_cluster.process" in loaded
    assert not loaded & {"rich.console", "watchfiles", "lychgate.standalone"}


def test_grpc_knows_all_that_it_is_told() -> None:
    """Of an experiment that it has no more it says a line, in every log."""
    serving = "import grpc, concurrent.futures as f; s = grpc.server(f.ThreadPoolExecutor(1)); s.start(); s.stop(0)"
    done = subprocess.run(
        [sys.executable, "-c", serving], env={**os.environ, **GRPC}, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
