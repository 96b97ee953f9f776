"""Certificates that work, are renewed in time, and survive a change of the authority."""

import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway_api.ir.identity import gateway_uri
from k8s_apply.certificates import (
    AUTHORITY_LIFE,
    CLIENT_LIFE,
    Authority,
    BadCertificateError,
    Files,
    client_files,
    end_of_life,
    is_fresh,
    load_authority,
    make_authority,
    renewed_authority,
    server_files,
    server_names,
    server_problem,
)
from k8s_watch.keys import ObjectKey
from tests.certificates import UNKNOWN_KEY, pem

NOW = datetime.now(UTC).timestamp()
DAY = 86400.0
EG = ObjectKey("default", "eg")
NAMES = server_names("envoy-gateway", "envoy-gateway-system", "cluster.local")


def read(files: Files) -> x509.Certificate:
    return x509.load_pem_x509_certificate(files["tls.crt"])


def test_the_server_is_known_by_every_name_of_its_service() -> None:
    names = read(server_files(make_authority(NOW), NAMES, {}, NOW)).extensions
    assert names.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName) == [
        "envoy-gateway",
        "envoy-gateway.envoy-gateway-system",
        "envoy-gateway.envoy-gateway-system.svc",
        "envoy-gateway.envoy-gateway-system.svc.cluster.local",
    ]


def test_a_client_is_its_gateway() -> None:
    names = read(client_files(make_authority(NOW), EG, {}, NOW)).extensions
    uris = names.get_extension_for_class(x509.SubjectAlternativeName).value
    assert uris.get_values_for_type(x509.UniformResourceIdentifier) == ["spiffe://lychgate/ns/default/gateway/eg"]


def test_a_certificate_is_good_for_clocks_that_lag_by_five_minutes() -> None:
    """NotBefore is five minutes ago."""
    authority = make_authority(NOW)
    for certificate in (
        read(client_files(authority, EG, {}, NOW)),
        x509.load_pem_x509_certificate(authority.certificate),
    ):
        assert NOW - certificate.not_valid_before_utc.timestamp() >= 300


def test_a_good_certificate_is_kept_and_one_near_its_end_replaced() -> None:
    authority = make_authority(NOW)
    files = client_files(authority, EG, {}, NOW)
    life = CLIENT_LIFE.total_seconds()
    assert client_files(authority, EG, files, NOW + life * 0.6) is files
    renewed = client_files(authority, EG, files, NOW + life * 0.7)
    assert renewed["tls.crt"] != files["tls.crt"]
    assert client_files(authority, EG, renewed, NOW + life * 0.7) is renewed


def odd_certificate(of: bytes) -> bytes:
    """One of a version that there is not."""
    der = x509.load_pem_x509_certificate(of).public_bytes(Encoding.DER)
    return pem("CERTIFICATE", der.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020105"), 1))


def test_a_certificate_of_a_version_that_there_is_not_is_replaced_or_refused_by_name() -> None:
    authority = make_authority(NOW)
    files = client_files(authority, EG, {}, NOW)
    odd = odd_certificate(files["tls.crt"])
    assert client_files(authority, EG, {**files, "tls.crt": odd}, NOW)["tls.crt"] != odd
    assert "cannot be read" in server_problem(authority, NAMES[-1], {**files, "tls.crt": odd}, NOW)
    with pytest.raises(BadCertificateError):
        load_authority({**authority.files, "ca.crt": odd_certificate(authority.certificate)})
    with pytest.raises(BadCertificateError):
        load_authority({**authority.files, "ca.key": UNKNOWN_KEY})
    assert not is_fresh(odd, NOW)
    with pytest.raises(ValueError, match="version"):
        end_of_life(odd)


@pytest.mark.parametrize(
    "damage", [{"tls.key": b""}, {"tls.key": UNKNOWN_KEY}, {"tls.crt": b"junk"}, {"ca.crt": b"another"}]
)
def test_a_damaged_certificate_is_replaced(damage: dict[str, bytes]) -> None:
    authority = make_authority(NOW)
    files = client_files(authority, EG, {}, NOW)
    assert client_files(authority, EG, dict(files) | damage, NOW)["ca.crt"] == authority.bundle


def test_a_certificate_for_another_gateway_or_of_another_authority_is_replaced() -> None:
    authority = make_authority(NOW)
    files = client_files(authority, EG, {}, NOW)
    assert client_files(authority, ObjectKey("default", "other"), files, NOW) is not files
    assert client_files(make_authority(NOW), EG, files, NOW) is not files


def test_no_certificate_outlives_its_authority() -> None:
    authority = make_authority(NOW)
    late = NOW + AUTHORITY_LIFE.total_seconds() - DAY
    root = x509.load_pem_x509_certificate(authority.certificate)
    assert read(client_files(authority, EG, {}, late)).not_valid_after_utc == root.not_valid_after_utc


def test_an_authority_that_has_ended_signs_nothing_and_says_so() -> None:
    authority = make_authority(NOW)
    with pytest.raises(BadCertificateError, match="the authority ended on 20"):
        client_files(authority, EG, client_files(authority, EG, {}, NOW), NOW + AUTHORITY_LIFE.total_seconds() + DAY)


def test_an_authority_near_its_end_is_followed_by_one_that_trusts_it() -> None:
    old = make_authority(NOW)
    assert renewed_authority(old, NOW + AUTHORITY_LIFE.total_seconds() * 0.6) is old
    new = renewed_authority(old, NOW + AUTHORITY_LIFE.total_seconds() * 0.7)
    assert new.certificate != old.certificate
    assert len(x509.load_pem_x509_certificates(new.bundle)) == 2
    assert not is_fresh(old.certificate, NOW + AUTHORITY_LIFE.total_seconds() * 0.7)


def test_an_authority_that_has_ended_is_forgotten() -> None:
    old = make_authority(NOW)
    new = renewed_authority(old, NOW + AUTHORITY_LIFE.total_seconds() + DAY)
    assert new.bundle == new.certificate
    assert not new.cross


def test_an_authority_is_read_from_the_files_it_makes() -> None:
    old = make_authority(NOW)
    new = make_authority(NOW, before=old)
    assert load_authority(old.files) == old
    assert load_authority(new.files) == new
    assert "redacted" in repr(new)


def test_an_authority_may_come_from_cert_manager() -> None:
    mine = make_authority(NOW)
    read = load_authority({"ca.crt": mine.certificate, "tls.crt": mine.certificate, "tls.key": mine.key})
    assert read == mine


@pytest.mark.parametrize("files", [{}, {"ca.crt": b"x", "ca.key": b"y"}])
def test_files_without_an_authority_are_refused(files: Files) -> None:
    with pytest.raises(BadCertificateError):
        load_authority(files)


def test_a_key_without_its_certificate_is_refused() -> None:
    with pytest.raises(BadCertificateError, match="fits none"):
        load_authority({"ca.crt": make_authority(NOW).certificate, "ca.key": make_authority(NOW).key})


def test_a_servers_certificate_that_we_made_has_no_problem() -> None:
    old = make_authority(NOW)
    new = make_authority(NOW, before=old)
    for authority in (old, new):
        assert not server_problem(authority, NAMES[-1], server_files(authority, NAMES, {}, NOW), NOW)
    assert not server_problem(new, NAMES[-1], server_files(new, ["*." + NAMES[-1].partition(".")[2]], {}, NOW), NOW)


def test_a_servers_certificate_that_proxies_would_refuse_says_why() -> None:
    authority = make_authority(NOW)
    good, other = server_files(authority, NAMES, {}, NOW), server_files(make_authority(NOW), NAMES, {}, NOW)
    short = server_files(authority, NAMES[:1], {}, NOW)

    def problem(files: Files, *, now: float = NOW) -> str:
        return server_problem(authority, NAMES[-1], files, now)

    assert "not by the authority that we sign with, CN=lychgate" in problem(other)
    assert "its ca.crt lacks the authority" in problem({**good, "ca.crt": other["ca.crt"]})
    assert problem(short) == f"it is for envoy-gateway, and they look for {NAMES[-1]}"
    assert problem(good, now=NOW + 400 * DAY).startswith("it ended on 20")
    assert problem({}).startswith("its tls.crt or ca.crt cannot be read: ")
    assert problem({**good, "ca.crt": b"junk"}).startswith("its tls.crt or ca.crt cannot be read: ")


def test_a_servers_certificate_may_bring_its_chain() -> None:
    """An authority that signs by another one: cert-manager does so when it is told to."""
    root = make_authority(NOW)
    between = make_authority(NOW, before=root)
    issued = server_files(between, NAMES, {}, NOW)
    without = {**issued, "tls.crt": issued["tls.crt"].removesuffix(between.cross)}
    assert not server_problem(root, NAMES[-1], issued, NOW)
    assert "it was issued by" in server_problem(root, NAMES[-1], without, NOW)


def generations() -> tuple[Authority, Authority]:
    old = make_authority(NOW)
    return old, make_authority(NOW, before=old)


@pytest.mark.parametrize("server", [0, 1])
@pytest.mark.parametrize("client", [0, 1])
def test_either_side_may_learn_first_of_a_new_authority(server: int, client: int, tmp_path: Path) -> None:
    authorities = generations()
    served = server_files(authorities[server], NAMES, {}, NOW)
    used = client_files(authorities[client], EG, {}, NOW)
    assert shake_hands(served, used, tmp_path) == ("TLSv1.3", gateway_uri(EG))


def test_a_stranger_gets_no_connection(tmp_path: Path) -> None:
    served = server_files(make_authority(NOW), NAMES, {}, NOW)
    used = client_files(make_authority(NOW), EG, {}, NOW)
    with pytest.raises(ssl.SSLError):
        shake_hands(served, used, tmp_path)


def shake_hands(served: Files, used: Files, folder: Path) -> tuple[str | None, str]:
    """Mutual TLS in memory; return the protocol and who the server says the client is."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context(served, ssl.PROTOCOL_TLS_SERVER, folder / "s").wrap_bio(to_server, to_client, server_side=True)
    client = context(used, ssl.PROTOCOL_TLS_CLIENT, folder / "c").wrap_bio(
        to_client, to_server, server_hostname="envoy-gateway.envoy-gateway-system.svc"
    )
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    peer = server.getpeercert() or {}
    names: Any = peer["subjectAltName"]
    ((_, uri),) = names
    return server.version(), str(uri)


def context(files: Files, role: int, folder: Path) -> ssl.SSLContext:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    made = ssl.SSLContext(role)
    made.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    made.load_verify_locations(folder / "ca.crt")
    made.verify_mode = ssl.CERT_REQUIRED
    return made
