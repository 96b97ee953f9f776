"""What a command says to its terminal, or to the file or pipe in its place, which may be full or gone.

Nobody's traffic may end because nobody listens any more: `lychgate run | head -1` goes on serving.

And nobody whose words it repeats may command it: the name of a backend may be any text, and who looks at a status is
an administrator.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO, cast


def hold_streams() -> None:
    """Put a stream that takes nothing in the place of each that was closed before we began. To be called first.

    Else the next file that we open would be what the others take for standard output.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(2, "w")


def printable(text: str) -> str:
    """Return the text with what nobody can read, line breaks and tabs aside, written out: `\\x1b` for an escape."""
    if text.isprintable():
        return text
    shown = (c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)
    return "".join(shown)


def say(text: str) -> None:
    """Print a line to standard output at once; what cannot be written is lost."""
    with suppress(OSError):
        print(printable(text), flush=True)  # noqa: T201 (a command speaks to its terminal)


@contextmanager
def reporting(command: str) -> Iterator[None]:
    """Let the block print what a command is for. Where that cannot be written, end the process: with a line, and 2."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:  # who reads has seen enough, and needs no line
        sys.exit(2)
    except OSError as error:
        complain(f"lychgate {command}: standard output cannot be written: {error.strerror}")
        sys.exit(2)


def complain(text: str) -> None:
    """Print a line to standard error; what cannot be written is lost."""
    with suppress(OSError):
        print(printable(text), file=sys.stderr, flush=True)  # noqa: T201 (a command speaks to its terminal)


def forgiving(stream: TextIO) -> TextIO:
    """Return the stream as one for logs: a line that cannot be written is lost, and the next may be heard again."""
    return cast("TextIO", _Forgiving(stream))


class _Forgiving:
    """As much of a stream as loggers use."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def let_go() -> None:
    """Give up what standard output and standard error could not write.

    To be called last: the interpreter tries again when it ends, and makes of a failure an exit code of its own.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
