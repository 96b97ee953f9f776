"""A kubeconfig → credentials.

The only importer of `kubernetes`: it knows the formats (contexts, exec plugins, OIDC); the transport and every decision
about retries are ours.
"""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import yaml
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config import kube_config
from kubernetes.aio.config.config_exception import ConfigException

from k8s_watch.credentials import BadCredentials, Credentials, Tls

DEFAULT = "~/.kube/config"

_load_kube_config: Callable[..., Awaitable[Any]] = kube_config.load_kube_config

_UNREADABLE = (ConfigException, yaml.YAMLError, OSError, ValueError, TypeError, KeyError, AttributeError)
"""What reading a kubeconfig raises: of one that has another shape, whatever the loader stumbles over."""


async def read_kubeconfig(path: str | None) -> Credentials:
    """Read the file at `path`, or several, as $KUBECONFIG names them; None is the default. Raises `BadCredentials`."""
    of: Any = Configuration()

    async def authorization() -> str | None:
        """A token file that cannot be read right now leaves the last token in use."""
        header: str | None
        try:
            header = await of.get_api_key_with_prefix("BearerToken")
        except (OSError, ConfigException):
            header = of.api_key.get("BearerToken")
        return header.strip() if header else None  # files of tokens like to end with a newline

    if not _exists(where := path or DEFAULT):
        raise BadCredentials(f"{where}: no such file: name a kubeconfig with --kubeconfig or $KUBECONFIG")
    try:
        loader = await _load_kube_config(config_file=where, client_configuration=of, persist_config=False)
        if _has_plugin(loader) and not (of.api_key.get("BearerToken") or of.cert_file):
            raise ValueError("its exec plugin gave no credentials; the log says why")  # which is all the loader does
        tls = Tls(of.ssl_ca_cert, of.ca_cert_data, of.cert_file, of.key_file, of.verify_ssl)
        return Credentials(of.host, authorization, tls, proxy=of.proxy, server_name=of.tls_server_name)
    except _UNREADABLE as error:
        raise BadCredentials(f"{where}: {error}") from error


def _exists(where: str) -> bool:
    """Whether there is a file. The loader takes several, of which some may be missing, and calls none an invalid one.

    Spec: Kubernetes, "The KUBECONFIG environment variable"
    """
    return any(Path(each).expanduser().exists() for each in where.split(os.pathsep) if each)


def _has_plugin(loader: Any) -> bool:
    return bool(loader._user) and "exec" in loader._user
