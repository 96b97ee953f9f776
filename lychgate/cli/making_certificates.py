"""`lychgate certgen`: the certificates of xDS, into Secrets or into a folder."""

import asyncio
from pathlib import Path

from flow.clock import SystemClock
from k8s_apply.certificate_folders import ensure_certificate_files
from k8s_apply.certificate_secrets import CertificatePlan, ensure_certificates
from k8s_apply.certificates import BadCertificateError
from k8s_apply.http import HttpWriter
from k8s_watch.api import ApiError
from k8s_watch.connection import connect
from k8s_watch.credentials import BadCredentials
from lychgate.settings import Settings
from lychgate.terminal import complain, reporting


def main(settings: Settings, local: Path | None) -> int:
    """Make or renew what is needed and name it; return 0, or 1 when that failed."""
    plan = CertificatePlan(
        namespace=settings.namespace, service=settings.service_name, cluster_domain=settings.cluster_domain
    )
    try:
        if local:
            written = [str(path) for path in ensure_certificate_files(local, plan.names, clock=SystemClock())]
        else:
            written = [f"Secret {settings.namespace}/{name}" for name in asyncio.run(_in_cluster(settings, plan))]
    except (BadCertificateError, BadCredentials, ApiError, OSError) as error:
        complain(f"lychgate certgen: {error}")
        return 1
    with reporting("certgen"):
        print("\n".join(f"written: {what}" for what in written) or "every certificate is good: nothing written")
    return 0


async def _in_cluster(settings: Settings, plan: CertificatePlan) -> tuple[str, ...]:
    async with await connect(settings.kubeconfig) as connection:
        return await ensure_certificates(HttpWriter(connection), plan, clock=SystemClock())
