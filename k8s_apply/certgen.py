"""The authority's and the server's certificate, kept in two Secrets or two folders: made once, renewed in time.

What somebody else supplied (cert-manager, an operator) is left alone: only a Secret with our label is ever replaced.
"""

import base64
import os
from collections.abc import Callable
from pathlib import Path

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
)
from k8s_watch.keys import ObjectKey
from k8s_watch.kinds import SECRET

LABEL = "lychgate/certgen"
"""A label: "true" on Secrets that we made and may replace."""
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
    of the API, and BadCertificateError when the authority's Secret holds no authority.
    """

    def renewed(current: Files) -> Files:
        known = load_authority(current) if current else None
        authority = renewed_authority(known, clock.now())
        return current if authority is known else authority.files

    kept, made = await _ensure_secret(api, ObjectKey(plan.namespace, plan.authority_name), "Opaque", renewed)
    authority = load_authority(kept)
    _, served = await _ensure_secret(
        api,
        ObjectKey(plan.namespace, plan.server_name),
        "kubernetes.io/tls",
        lambda current: server_files(authority, plan.names, current, clock.now()),
    )
    return ((plan.authority_name,) if made else ()) + ((plan.server_name,) if served else ())


async def _ensure_secret(
    api: KubeWriter, key: ObjectKey, type_: str, renewed: Callable[[Files], Files]
) -> tuple[Files, bool]:
    """Bring one Secret to what `renewed` makes of its files; return these, and whether they had to be written."""
    for attempt in range(1, ATTEMPTS + 1):
        live = await _get(api, key)
        current = secret_files(live) if live else {}
        if live and (live["metadata"].get("labels") or {}).get(LABEL) != "true":
            return current, False
        wanted = renewed(current)
        if wanted is current:
            return current, False
        data = {name: base64.b64encode(content).decode() for name, content in wanted.items()}
        try:
            if live:
                await api.replace(SECRET, key, live | {"data": data})
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


def ensure_certificate_files(folder: Path, names: tuple[str, ...], *, clock: Clock) -> tuple[Path, ...]:
    """Make sure that `folder`/ca and `folder`/certs hold good certificates; return the files that had to be written.

    Keys are readable by the owner alone. Raises OSError, and BadCertificateError when ca holds no authority.
    """
    current = _read_files(folder / "ca")
    known = load_authority(current) if current else None
    authority = renewed_authority(known, clock.now())
    written = () if authority is known else _write_files(folder / "ca", authority.files)
    served = _read_files(folder / "certs")
    wanted = server_files(authority, names, served, clock.now())
    return written if wanted is served else written + _write_files(folder / "certs", wanted)


class AuthorityFolder:
    """The authority in a folder, for example a mounted Secret; read again when it has changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: Files = {}
        self._authority: Authority | None = None

    def __call__(self) -> Authority:
        """The authority as it is now. Raises OSError and BadCertificateError. Cost: three small reads."""
        files = _read_files(self._folder)
        if self._authority is None or files != self._seen:
            if not files:
                raise BadCertificateError(f"{self._folder} holds no ca.crt and ca.key; run `lychgate certgen`")
            self._authority, self._seen = load_authority(files), files
        return self._authority


def _read_files(folder: Path) -> dict[str, bytes]:
    names = ("ca.crt", "ca.key", "cross.crt", "tls.crt", "tls.key")
    return {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}


def _write_files(folder: Path, files: Files) -> tuple[Path, ...]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    written = []
    for name, content in files.items():
        path = folder / name
        new = path.with_name(f".{name}.new")
        new.unlink(missing_ok=True)
        mode = 0o600 if name.endswith(".key") else 0o644
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
        new.replace(path)
        written.append(path)
    return tuple(written)
