"""Backends out of the standard library: a thread of their own for as long as a `with` lasts, and no word on stderr."""

import contextlib
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler


class QuietHandler(BaseHTTPRequestHandler):
    """Speaks HTTP/1.1, keeps connections, and leads every request to `answer`."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        """Answer one request, by `reply`. The path and headers are the base class's."""
        raise NotImplementedError

    def do_GET(self) -> None:
        self.answer()

    do_POST = do_PUT = do_GET  # noqa: N815

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer; an underscore in a header's name stands for a dash."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class named it
        """Say nothing: tests read the answers."""


@contextlib.contextmanager
def serving[Server: socketserver.BaseServer](server: Server) -> Iterator[Server]:
    """Serve until the block ends; gives the server."""
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
