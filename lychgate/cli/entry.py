"""The console script."""

import os
import signal

from lychgate.cli.main import app
from lychgate.terminal import hold_streams, let_go


def main() -> None:
    """Do what the command line says, and exit."""
    if os.getpid() == 1:
        # The first process of a container is ended by no signal that it does not catch. Most of our start is imports:
        # who is told to end meanwhile would go on, take the Lease, and be killed with it.
        signal.signal(signal.SIGTERM, lambda number, _: os._exit(128 + number))
    # gRPC reads these when it is imported: it need not prepare for forks (we only ever spawn), nor say so.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    hold_streams()
    try:
        app()
    finally:
        let_go()
