"""A pod's service account, or a kubeconfig: which of them says who we are."""

import os

from k8s_watch.credentials import Credentials
from k8s_watch.service_account import read_service_account


async def load_credentials(kubeconfig: str | None) -> Credentials:
    """Read credentials afresh from the disk: from `kubeconfig`, else $KUBECONFIG, else the pod, else ~/.kube/config.

    Raises `BadCredentials`. Contacts no API server; an exec plugin of the kubeconfig is run.
    """
    if kubeconfig is None and "KUBECONFIG" not in os.environ and "KUBERNETES_SERVICE_HOST" in os.environ:
        return read_service_account()
    # The official client, which knows all that a kubeconfig may hold, is slow to import and large: no pod needs it.
    from k8s_watch.kubeconfig import read_kubeconfig  # noqa: PLC0415

    return await read_kubeconfig(kubeconfig or os.environ.get("KUBECONFIG") or None)
