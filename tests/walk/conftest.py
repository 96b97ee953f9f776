"""A cluster for the walk: the one that is up, or one of its own for as long as the walk takes."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.lab import cluster, tools
from tests.lab.places import PROJECT
from tests.walk.terminal import kubectl


@pytest.fixture(scope="session", autouse=True)
def lab(request: pytest.FixtureRequest) -> Iterator[None]:
    """Bring the lab up and take it down; one that is up already is used with today's images, and left up."""
    if obstacle := tools.obstacle():
        assert os.environ.get("CI") != "true", f"nothing may be left out with CI=true, but {obstacle}"
        pytest.skip(f"left out: {obstacle}")
    found_up = cluster.is_up()
    ask_the_lab("image" if found_up else "up")
    yield
    if request.session.testsfailed:
        print_evidence()
    if not found_up:
        ask_the_lab("down")


def ask_the_lab(command: str) -> None:
    """Run the lab's own command: its processes outlive it, which they could not as children of ours."""
    subprocess.run([sys.executable, str(PROJECT / "tests" / "lab"), command], check=True)


def print_evidence() -> None:
    """Print what one looks at first when a step failed."""
    for command in (
        "get pods -A -o wide",
        "get events -A --sort-by=.lastTimestamp",
        "get gateways,httproutes,tcproutes -A -o yaml",
        "logs -n envoy-gateway-system deployment/envoy-gateway --tail=200",
    ):
        print(f"\n$ kubectl {command}\n{kubectl(command, check=False)}")
