"""A backend behind TLS that tells what TLS told it."""

import contextlib
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Seen(BaseHTTPRequestHandler):
    """Answers with what TLS told of the client, as JSON, and closes: a kept connection is not asked who it is again."""

    protocol_version = "HTTP/1.1"
    server: "TlsServer"

    def do_GET(self) -> None:
        assert isinstance(self.connection, ssl.SSLSocket)
        certificate = self.connection.getpeercert() or {}
        subject: Any = certificate.get("subject", ())
        seen = {"server_name": self.server.server_names[-1], "client": [pair[0][1] for pair in subject]}
        body = json.dumps(seen).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class named it
        """Say nothing: tests read the answers."""


class TlsServer(ThreadingHTTPServer):
    """One backend. Whoever cannot agree with it on TLS is closed."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), Seen)
        self.server_names: list[str | None] = []
        self.protocols: list[str | None] = []
        context.sni_callback = lambda _, name, __: self.server_names.append(name)
        self._context = context

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Agree on TLS in the connection's own thread: one that waits keeps nobody else waiting."""
        with self._context.wrap_socket(request, server_side=True) as secure:
            self.protocols.append(secure.selected_alpn_protocol())
            super().finish_request(secure, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away."""


@contextlib.contextmanager
def serving(context: ssl.SSLContext) -> Iterator[TlsServer]:
    """A backend on a port of its own, for as long as the `with` lasts."""
    with TlsServer(context) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
