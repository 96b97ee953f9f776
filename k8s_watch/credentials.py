"""Where the API server is, and how to prove to it who we are."""

import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass


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
        self.proxy = proxy or _proxy_of_environment(self.host)
        """The URL of the HTTP proxy on the way to the host."""
        self.server_name = server_name
        """The name to check in the server's certificate, when it is not the host's."""
        files = (tls.ca_file, tls.certificate_file, tls.key_file)
        self.tls_material = tuple(Path(name).read_bytes() if name else b"" for name in files)
        """What `tls()` is made of; equal material makes an equal context."""
        tls.context()

    async def is_anonymous(self) -> bool:
        """Whether nothing in it says who we are."""
        _, certificate, _ = self.tls_material
        return not certificate and not await self.authorization()


def _proxy_of_environment(host: str) -> str | None:
    """Return what HTTPS_PROXY and the like say of this host; None where NO_PROXY excepts it or it is this machine.

    Asked once: the session's own look at the environment costs every request two turns of a thread.
    """
    url, proxies = urlsplit(host), getproxies()
    name = url.hostname or ""
    if name in {"localhost", "127.0.0.1", "::1"} or proxy_bypass(url.netloc) or _is_within(name, proxies.get("no", "")):
        return None
    return proxies.get(url.scheme)


def _is_within(name: str, networks: str) -> bool:
    """Whether `name` is an IP address of one of these networks: clusters are often excepted as 10.96.0.0/12."""
    for network in networks.split(","):
        with suppress(ValueError):  # most of them are names
            if ip_address(name) in ip_network(network.strip(), strict=False):
                return True
    return False
