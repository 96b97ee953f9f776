"""A hostname and a pace → the load generator beside the block that runs under it."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.cluster.api import Json


@contextmanager
def under_load(address: str, host: str, paths: Iterable[str], rate: float, *more: str) -> Iterator[Json]:
    """Send requests while the block lasts; what they met is in the yielded object afterwards.

    Each path may say which Deployments are to answer: `/a=backend-a,backend-b`.
    """
    command = [sys.executable, str(Path(__file__).with_name("traffic.py")), "--address", address, "--host", host]
    command += [word for path in paths for word in ("--path", path)] + ["--rate", str(rate), *more]
    met: Json = {}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield met
    finally:
        printed, _ = process.communicate("end\n")
    met.update(json.loads(printed))
