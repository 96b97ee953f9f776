"""The console script.

A pod says `lychgate serve` and nothing more. That goes past the library that reads command lines: to find nothing to
read it costs 15 MiB and a tenth of a second, in which our ports are not open yet.
"""

import os
import sys

from lychgate.cli import serving
from lychgate.terminal import hold_streams, let_go


def main() -> None:
    """Do what the command line says, and exit."""
    # gRPC reads these when it is imported: it need not prepare for forks (we only ever spawn), nor say so.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    hold_streams()
    try:
        if sys.argv[1:] == ["serve"]:
            sys.exit(serving.main(None, {}))
        from lychgate.cli.main import app

        app()
    finally:
        let_go()
