"""A pod's service account, or a kubeconfig → where the API server is and how to prove who we are."""

import os
import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Spec: Kubernetes, "Accessing the Kubernetes API from a Pod"."""
TOKEN_SECONDS = 60.0
"""For how long a token that was read is used before its file is looked at again."""


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


class _TokenFile:
    """A bearer token that follows its file. One that cannot be read right now leaves the last token in use."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._header = self._read()
        self._read_at = time.monotonic()

    async def authorization(self) -> str | None:
        if time.monotonic() >= self._read_at + TOKEN_SECONDS:
            try:
                self._header = self._read()
            except (OSError, ValueError):
                return self._header
            self._read_at = time.monotonic()
        return self._header

    def _read(self) -> str:
        if token := self._path.read_text().strip():
            return f"Bearer {token}"
        raise ValueError(f"{self._path} is empty")


async def load_credentials(kubeconfig: str | None) -> Credentials:
    """Read credentials afresh from the disk: from `kubeconfig`, else $KUBECONFIG, else the pod, else ~/.kube/config.

    Raises `BadCredentials`. Contacts no API server; an exec plugin of the kubeconfig is run.
    """
    if kubeconfig is None and "KUBECONFIG" not in os.environ and "KUBERNETES_SERVICE_HOST" in os.environ:
        return _of_pod()
    # The official client, which knows all that a kubeconfig may hold, is slow to import and large: no pod needs it.
    from k8s_watch.kubeconfig import read_kubeconfig  # noqa: PLC0415

    return await read_kubeconfig(kubeconfig or os.environ.get("KUBECONFIG") or None)


def _of_pod() -> Credentials:
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT") or "443"
    try:
        token = _TokenFile(SERVICE_ACCOUNT / "token")
        url = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
        return Credentials(url, token.authorization, Tls(ca_file=str(SERVICE_ACCOUNT / "ca.crt")))
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise BadCredentials(f"the pod's service account: {error}") from error
