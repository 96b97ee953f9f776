"""Where the API server is, and how to prove to it who we are."""

import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit


class BadCredentials(Exception):
    """The kubeconfig or service account cannot be used; the message says why."""


class Tls(NamedTuple):
    """Whom to trust, and what to show. Files are paths of PEM."""

    ca_file: str | None = None
    ca_data: str | bytes | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    verify: bool = True

    def context(self) -> ssl.SSLContext:
        """Make the TLS context: the cluster's authority, the client certificate when there is one."""
        context = ssl.create_default_context(cafile=self.ca_file, cadata=self.ca_data)
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate_file:
            context.load_cert_chain(self.certificate_file, self.key_file)
        # Clusters issue authorities without the extensions that RFC 5280 wants; Python 3.13 would refuse them.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return context


class Credentials:
    """A host, a TLS context and an Authorization header that follows its source."""

    def __init__(
        self,
        host: str,
        authorization: Callable[[], Awaitable[str | None]],
        tls: Tls,
        *,
        proxy: str | None = None,
        server_name: str | None = None,
    ) -> None:
        """Raises `OSError` when a file of `tls` cannot be read, or does not hold what it should."""
        self.host = host.rstrip("/")
        """The API server's base URL."""
        self.authorization = authorization
        """Returns the Authorization header, renewed where its source is."""
        self.tls = tls.context
        self.proxy = proxy
        self.server_name = server_name
        """The name to check in the server's certificate, when it is not the host's."""
        files = (tls.ca_file, tls.certificate_file, tls.key_file)
        self.tls_material = tuple(Path(name).read_bytes() if name else b"" for name in files)
        """What `tls()` is made of; equal material makes an equal context."""
        tls.context()

    @property
    def is_local(self) -> bool:
        """Whether the server is on this machine, where no proxy stands between."""
        return urlsplit(self.host).hostname in {"localhost", "127.0.0.1", "::1"}
