"""The authority's and the server's certificate in folders: made there without a cluster, or mounted from Secrets."""

import os
from pathlib import Path

from flow.clock import Clock
from k8s_apply.certificates import (
    Authority,
    BadCertificateError,
    Files,
    load_authority,
    renewed_authority,
    server_files,
)


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
