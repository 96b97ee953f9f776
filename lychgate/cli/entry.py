"""The console script."""

import os
import signal

GRPC = {
    "GRPC_ENABLE_FORK_SUPPORT": "false",
    "GRPC_VERBOSITY": "ERROR",
    "GRPC_EXPERIMENTS": "-event_engine_listener",
}
"""What gRPC reads in the environment. It need not prepare for forks (we only ever spawn), nor say so. The thread that
waits for its events reads the sockets, too: the pool that would else do it hands each message from thread to thread,
which is a twelfth of what a changed slice costs the process (ADR 18).
"""


def main() -> None:
    """Do what the command line says, and exit."""
    _can_be_ended()
    from lychgate.cli.main import app  # most of the start of a small command
    from lychgate.terminal import hold_streams, let_go

    for name, text in GRPC.items():
        os.environ.setdefault(name, text)
    hold_streams()
    try:
        app()
    finally:
        let_go()


def _can_be_ended() -> None:
    """Have the signals that mean the end end us without a word, until somebody has one to say."""
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:  # which would make a traceback of any import
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if os.getpid() == 1:
        # The first process of a container is ended by no signal that it does not catch. Most of our start is imports:
        # who is told to end meanwhile would go on, take the Lease, and be killed with it.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: os._exit(128 + number))
