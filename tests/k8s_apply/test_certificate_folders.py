"""Certificates in folders are made once, private, and read again when they are others."""

import stat
from pathlib import Path

import pytest

from k8s_apply.certificate_folders import AuthorityFolder, ensure_certificate_files
from k8s_apply.certificates import BadCertificateError, make_authority
from tests.flow.virtual_clock import VirtualClock

NAMES = ("xds", "xds.svc")


def test_files_are_made_once_and_keys_are_private(tmp_path: Path, clock: VirtualClock) -> None:
    written = ensure_certificate_files(tmp_path, NAMES, clock=clock)
    assert {str(path.relative_to(tmp_path)) for path in written} == {
        "ca/ca.crt",
        "ca/ca.key",
        "certs/ca.crt",
        "certs/tls.crt",
        "certs/tls.key",
    }
    for key in ("ca/ca.key", "certs/tls.key"):
        assert stat.S_IMODE((tmp_path / key).stat().st_mode) == 0o600
    assert ensure_certificate_files(tmp_path, NAMES, clock=clock) == ()


def test_a_folders_authority_is_read_again_when_it_changes(tmp_path: Path, clock: VirtualClock) -> None:
    folder = AuthorityFolder(tmp_path / "ca")
    with pytest.raises(BadCertificateError, match="certgen"):
        folder()
    ensure_certificate_files(tmp_path, NAMES, clock=clock)
    first = folder()
    assert folder() is first
    for name, content in make_authority(clock.now(), before=first).files.items():
        (tmp_path / "ca" / name).write_bytes(content)
    assert folder() != first
    assert folder().cross
