"""A pod's service account → credentials."""

import os
import time
from pathlib import Path

from k8s_watch.credentials import BadCredentials, Credentials, Tls

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Spec: Kubernetes, "Accessing the Kubernetes API from a Pod"."""
TOKEN_SECONDS = 60.0
"""For how long a token that was read is used before its file is looked at again."""


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


def read_service_account() -> Credentials:
    """Read what the kubelet gave to the pod that we are in. Raises `BadCredentials`."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT") or "443"
    try:
        token = _TokenFile(SERVICE_ACCOUNT / "token")
        url = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
        return Credentials(url, token.authorization, Tls(ca_file=str(SERVICE_ACCOUNT / "ca.crt")))
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise BadCredentials(f"the pod's service account: {error}") from error
