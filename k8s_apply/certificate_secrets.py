"""The authority's and the server's certificate, kept in two Secrets: made once, renewed in time.

What somebody else supplied (cert-manager, an operator) is left alone, and refused when no proxy could use it. We
replace only a Secret with our label, and a server's that Envoy Gateway has generated and left behind.
"""

import base64
from collections.abc import Callable, Mapping

import msgspec

from flow.clock import Clock
from k8s_apply.api import Conflict, Json, KubeWriter, NotFound
from k8s_apply.certificates import (
    Authority,
    BadCertificateError,
    Files,
    load_authority,
    renewed_authority,
    server_files,
    server_names,
    server_problem,
)
from k8s_watch.keys import ObjectKey
from k8s_watch.kinds import SECRET

LABEL = "lychgate/certgen"
"""A label: "true" on Secrets that we made and may replace."""
GENERATED = "control-plane", "envoy-gateway"
"""A label and its value: what Envoy Gateway's own certgen puts on every Secret that it makes."""
CERT_MANAGER = "cert-manager.io/certificate-name"
"""An annotation of what cert-manager issues. It keeps labels of a Secret that was there before it."""
ATTEMPTS = 5


class CertificatePlan(msgspec.Struct, frozen=True, kw_only=True):
    """Which Secrets, for which Service."""

    namespace: str = "envoy-gateway-system"
    authority_name: str = "envoy-gateway-ca"
    """The Secret of the authority: ca.crt, ca.key, and cross.crt after it was renewed."""
    server_name: str = "envoy-gateway"
    """The Secret of the server: ca.crt, tls.crt, tls.key."""
    service: str = "envoy-gateway"
    cluster_domain: str = "cluster.local"

    @property
    def names(self) -> tuple[str, ...]:
        """The DNS names of the server's certificate."""
        return server_names(self.service, self.namespace, self.cluster_domain)


async def ensure_certificates(api: KubeWriter, plan: CertificatePlan, *, clock: Clock) -> tuple[str, ...]:
    """Make sure that both Secrets hold good certificates; return the names of those that had to be written.

    Two callers at once agree: whoever comes second takes what the first has written. Raises `ApiError` and `OSError`
    of the API, and BadCertificateError when the authority's Secret holds no authority, or somebody else's Secret of the
    server a certificate with which no proxy could connect.
    """
    at, server = ObjectKey(plan.namespace, plan.authority_name), ObjectKey(plan.namespace, plan.server_name)

    def renewed(current: Files) -> Files:
        known = _authority(current, at) if current else None
        authority = renewed_authority(known, clock.now())
        return current if authority is known else authority.files

    kept, made = await _ensure_secret(api, at, "Opaque", renewed, _is_ours)
    authority = _authority(kept, at)

    def problem(current: Files) -> str:
        return server_problem(authority, plan.names[-1], current, clock.now())

    served, served_anew = await _ensure_secret(
        api,
        server,
        "kubernetes.io/tls",
        lambda current: server_files(authority, plan.names, current, clock.now()),
        lambda live: _is_ours(live) or (_is_left_behind(live) and bool(problem(secret_files(live)))),
    )
    if wrong := problem(served):
        raise BadCertificateError(
            f"Secret {server} is not ours, and no proxy could connect with its certificate: {wrong}. Have it issued "
            f"anew by the authority in Secret {at}, or delete it and run `lychgate certgen` again"
        )
    return ((plan.authority_name,) if made else ()) + ((plan.server_name,) if served_anew else ())


def _authority(files: Files, at: ObjectKey) -> Authority:
    try:
        return load_authority(files)
    except BadCertificateError as error:
        raise BadCertificateError(f"Secret {at}: {error}") from error


def _is_ours(live: Json) -> bool:
    return _part(live, "labels").get(LABEL) == "true"


def _is_left_behind(live: Json) -> bool:
    """Whether Envoy Gateway generated it and nobody has taken it over since."""
    label, value = GENERATED
    return _part(live, "labels").get(label) == value and CERT_MANAGER not in _part(live, "annotations")


def _part(live: Json, name: str) -> Mapping[str, str]:
    return live["metadata"].get(name) or {}


async def _ensure_secret(
    api: KubeWriter,
    key: ObjectKey,
    type_: str,
    renewed: Callable[[Files], Files],
    may_replace: Callable[[Json], bool],
) -> tuple[Files, bool]:
    """Bring one Secret to what `renewed` makes of its files; return these, and whether they had to be written.

    One that is there already is touched only when `may_replace` says so; written, it has our label.
    """
    for attempt in range(1, ATTEMPTS + 1):
        live = await _get(api, key)
        current = secret_files(live) if live else {}
        if live and not may_replace(live):
            return current, False
        wanted = renewed(current)
        if wanted is current:
            return current, False
        data = {name: base64.b64encode(content).decode() for name, content in wanted.items()}
        try:
            if live:
                labels = {**_part(live, "labels"), LABEL: "true"}
                await api.replace(SECRET, key, live | {"metadata": live["metadata"] | {"labels": labels}, "data": data})
            else:
                meta = {"name": key.name, "namespace": key.namespace, "labels": {LABEL: "true"}}
                secret = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": type_, "data": data}
                await api.create(SECRET, key, secret)
        except Conflict:
            if attempt == ATTEMPTS:
                raise
        else:
            return wanted, True
    raise AssertionError("unreachable: the last attempt returns or raises")


async def _get(api: KubeWriter, key: ObjectKey) -> Json | None:
    try:
        return await api.get(SECRET, key)
    except NotFound:
        return None


def secret_files(secret: Json) -> dict[str, bytes]:
    """A Secret's data, decoded. Raises ValueError for what is no base64."""
    return {name: base64.b64decode(text) for name, text in (secret.get("data") or {}).items()}
