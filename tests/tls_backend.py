"""A backend behind TLS that tells what TLS told it."""

import json
import ssl
from http.server import ThreadingHTTPServer
from typing import Any

from tests.servers import QuietHandler


class Seen(QuietHandler):
    """Answers with what TLS told of the client, as JSON, and closes: a kept connection is not asked who it is again."""

    server: "TlsServer"

    def answer(self) -> None:
        assert isinstance(self.connection, ssl.SSLSocket)
        certificate = self.connection.getpeercert() or {}
        subject: Any = certificate.get("subject", ())
        seen = {"server_name": self.server.server_names[-1], "client": [pair[0][1] for pair in subject]}
        self.reply(200, json.dumps(seen).encode(), connection="close")


class TlsServer(ThreadingHTTPServer):
    """One backend. Whoever cannot agree with it on TLS is closed."""

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
