"""Certificate files → TLS credentials of the server that follow the files when they are renewed."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import grpc
import msgspec

from flow.clock import Clock

REREAD_AFTER = 10.0
"""Seconds. Handshakes within that time share one look at the files."""


class TlsFiles(msgspec.Struct, frozen=True):
    """Paths of PEM files: who may connect, who we are, and our key."""

    ca: Path
    """Certificates, one after the other, of which one must have signed a client's. More than one while they rotate."""
    certificate: Path
    """Our own certificate first, then those that lead to a root that the proxies know."""
    key: Path


class Reloading:
    """The newest files that belong together. Streams that are open keep what they began with."""

    def __init__(self, files: TlsFiles, clock: Clock) -> None:
        self._files = files
        self._clock = clock
        self._content = self._read()
        self._looked = clock.monotonic()

    def credentials(self) -> grpc.ServerCredentials:
        """Credentials that demand a client certificate. Raises `OSError` when a file cannot be read."""
        # gRPC takes None for "unchanged", which its types do not say.
        renewed = cast("Callable[[], grpc.ServerCertificateConfiguration]", self._renewed)
        return grpc.dynamic_ssl_server_credentials(
            _configuration(self._content), renewed, require_client_authentication=True
        )

    def _renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """What gRPC asks at every handshake, in a thread of its own; None means no change.

        Files that are being replaced may be gone or half there; the next handshake looks again.
        """
        now = self._clock.monotonic()
        if now - self._looked < REREAD_AFTER:
            return None
        self._looked = now
        try:
            content = self._read()
        except OSError:
            return None
        if content == self._content:
            return None
        self._content = content
        return _configuration(content)

    def _read(self) -> tuple[bytes, bytes, bytes]:
        return self._files.ca.read_bytes(), self._files.certificate.read_bytes(), self._files.key.read_bytes()


def _configuration(content: tuple[bytes, bytes, bytes]) -> grpc.ServerCertificateConfiguration:
    ca, certificate, key = content
    return grpc.ssl_server_certificate_configuration([(key, certificate)], root_certificates=ca)
