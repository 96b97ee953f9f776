"""The console script."""

import os

from lychgate.cli.main import app
from lychgate.terminal import hold_streams, let_go


def main() -> None:
    """Do what the command line says, and exit."""
    # gRPC reads these when it is imported: it need not prepare for forks (we only ever spawn), nor say so.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    hold_streams()
    try:
        app()
    finally:
        let_go()
