"""The lab that is up, or one of our own → a block whose connections are made in the cluster's network."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab import cluster
from tests.lab.network import NETNS
from tests.lab.places import NAMESPACE, PROJECT


@contextmanager
def in_the_lab() -> Iterator[None]:
    """Use the lab that is up, with today's images, or one of our own; be in its network while the block lasts."""
    found_up = cluster.is_up()
    _ask_the_lab("image" if found_up else "up")
    try:
        with Path("/proc/self/ns/net").open() as ours, Path(NETNS / NAMESPACE).open() as theirs:
            os.setns(theirs.fileno(), os.CLONE_NEWNET)
            yield
            os.setns(ours.fileno(), os.CLONE_NEWNET)
    finally:
        if not found_up:
            _ask_the_lab("down")


def _ask_the_lab(command: str) -> None:
    """Run the lab's own command: what it starts is no child of ours."""
    subprocess.run([sys.executable, PROJECT / "tests" / "lab", command], check=True)
