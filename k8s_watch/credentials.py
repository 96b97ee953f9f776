"""Kubeconfig or a pod's service account → where the API server is and how to prove who we are.

The only importer of `kubernetes`: it knows the formats (contexts, exec plugins, projected tokens, OIDC); the
transport and every decision about retries are ours.
"""

import os
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config import incluster_config, kube_config
from kubernetes.aio.config.config_exception import ConfigException

_load_kube_config: Callable[..., Awaitable[object]] = kube_config.load_kube_config
_load_incluster_config: Callable[..., None] = incluster_config.load_incluster_config

_UNREADABLE = (ConfigException, yaml.YAMLError, OSError, ValueError, TypeError, KeyError, AttributeError)
"""What reading a kubeconfig raises: of one that has another shape, whatever the loader stumbles over."""


class BadCredentials(Exception):
    """The kubeconfig or service account cannot be used; the message says why."""


class Credentials:
    """A host, a TLS context and a bearer token that follows its file."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self.host: str = configuration.host.rstrip("/")
        """The API server's base URL."""
        self.proxy: str | None = configuration.proxy
        self.server_name: str | None = configuration.tls_server_name
        """The name to check in the server's certificate, when it is not the host's."""
        files = (configuration.ssl_ca_cert, configuration.cert_file, configuration.key_file)
        self.tls_material = tuple(Path(name).read_bytes() if name else b"" for name in files)
        """What `tls()` is made of; equal material makes an equal context."""

    @property
    def is_local(self) -> bool:
        """Whether the server is on this machine, where no proxy stands between."""
        return urlsplit(self.host).hostname in {"localhost", "127.0.0.1", "::1"}

    async def authorization(self) -> str | None:
        """Return the Authorization header. In a pod the token file is read again each minute.

        A token file that cannot be read right now leaves the last token in use.
        """
        header: str | None
        try:
            header = await self._configuration.get_api_key_with_prefix("BearerToken")
        except (OSError, ConfigException):
            header = self._configuration.api_key.get("BearerToken")
        return header.strip() if header else None  # files of tokens like to end with a newline

    def tls(self) -> ssl.SSLContext:
        """Make the TLS context: the cluster's authority, the client certificate when there is one."""
        of = self._configuration
        context = ssl.create_default_context(cafile=of.ssl_ca_cert, cadata=of.ca_cert_data)
        if not of.verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if of.cert_file:
            context.load_cert_chain(of.cert_file, of.key_file)
        # Clusters issue authorities without the extensions that RFC 5280 wants; Python 3.13 would refuse them.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return context


async def load_credentials(kubeconfig: str | None) -> Credentials:
    """Read credentials afresh from the disk: from `kubeconfig`, else $KUBECONFIG, else the pod, else ~/.kube/config.

    Raises `BadCredentials`. Contacts no API server; an exec plugin of the kubeconfig is run.
    """
    configuration: Any = Configuration()
    try:
        if kubeconfig is None and "KUBECONFIG" not in os.environ and "KUBERNETES_SERVICE_HOST" in os.environ:
            _load_incluster_config(client_configuration=configuration)
        else:
            config_file = kubeconfig or os.environ.get("KUBECONFIG") or None
            await _load_kube_config(config_file=config_file, client_configuration=configuration, persist_config=False)
        credentials = Credentials(configuration)
        credentials.tls()
    except _UNREADABLE as error:
        where = kubeconfig or os.environ.get("KUBECONFIG") or "the pod's service account or ~/.kube/config"
        raise BadCredentials(f"{where}: {error}") from error
    return credentials
