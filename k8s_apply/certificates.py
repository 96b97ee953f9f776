"""Time and names → the certificates of xDS: one authority, the server's certificate, one client certificate a Gateway.

All keys are ECDSA P-256. Every certificate is valid from five minutes ago, for clocks that lag, and is renewed when
less than a third of its life remains. Nothing here does I/O; `now` is seconds since 1970 throughout.

When the authority itself is renewed, the new one comes with a cross certificate: its key, signed by the old authority.
It travels in the chain of every certificate that the new one signs, and the bundle holds both roots. So each side may
learn of the change before the other, and no connection fails in between.
"""

import hashlib
import hmac
import ipaddress
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec
from cryptography import x509
from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from flow.attempt import attempt
from gateway_api.ir.identity import gateway_uri
from k8s_watch.keys import ObjectKey

BACKDATED = timedelta(minutes=5)
AUTHORITY_LIFE = timedelta(days=3650)
SERVER_LIFE = timedelta(days=365)
CLIENT_LIFE = timedelta(days=30)
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, InternalError, x509.InvalidVersion)
"""What the library raises of a certificate or a key that it cannot read, as far as it is known."""

type Files = Mapping[str, bytes]
"""PEM by file name."""


class BadCertificateError(ValueError):
    """Files hold no authority that could sign, or a server's certificate of no use; the text says what is wrong."""


class Authority(msgspec.Struct, frozen=True, kw_only=True):
    """Who signs. Never printed."""

    certificate: bytes
    """Its own root, PEM."""
    key: bytes
    """PEM, PKCS#8."""
    bundle: bytes
    """Every root to trust: its own, then those before it that are still valid."""
    cross: bytes = b""
    """Its key as signed by the authority before it; goes into every chain."""

    def __repr__(self) -> str:
        return "Authority([redacted])"

    @property
    def files(self) -> Files:
        """As kept in a Secret or a folder."""
        files = {"ca.crt": self.bundle, "ca.key": self.key}
        return files | {"cross.crt": self.cross} if self.cross else files


def drain_secret(authority: Authority, gateway: ObjectKey) -> str:
    """What is asked of who wants a Gateway's proxies to drain: the same for as long as the authority is."""
    return hmac.new(authority.key, f"drain {gateway_uri(gateway)}".encode(), hashlib.sha256).hexdigest()[:32]


def server_names(service: str, namespace: str, cluster_domain: str) -> tuple[str, ...]:
    """Every DNS name that reaches a Service, the shortest first."""
    names = (service, f"{service}.{namespace}", f"{service}.{namespace}.svc")
    return (*names, f"{names[-1]}.{cluster_domain}")


def make_authority(now: float, *, before: Authority | None = None) -> Authority:
    """A new authority; `before` is the one that it takes over from and goes on trusting."""
    key = ec.generate_private_key(ec.SECP256R1())
    # A name of its own: a verifier finds issuers by name, and two authorities of one name would confuse it.
    name = _name(f"lychgate xDS CA {x509.random_serial_number():040x}")
    moment = _moment(now)
    root = _authority_certificate(name, key, name, key, (moment - BACKDATED, moment + AUTHORITY_LIFE))
    if before is None:
        return Authority(certificate=root, key=_key_pem(key), bundle=root)
    old = x509.load_pem_x509_certificate(before.certificate)
    valid = [root for root in x509.load_pem_x509_certificates(before.bundle) if root.not_valid_after_utc > moment]
    cross = b""
    if old.not_valid_after_utc > moment:
        life = (moment - BACKDATED, old.not_valid_after_utc)
        cross = _authority_certificate(name, key, old.subject, _load_key(before.key), life)
    bundle = root + b"".join(_pem(root) for root in valid)
    return Authority(certificate=root, key=_key_pem(key), bundle=bundle, cross=cross)


def load_authority(files: Files) -> Authority:
    """Read an authority from ca.crt and ca.key (or tls.crt and tls.key, as cert-manager names them).

    Raises BadCertificateError.
    """
    key_pem = files.get("ca.key") or files.get("tls.key") or b""
    try:
        public = _load_key(key_pem).public_key()
        roots = x509.load_pem_x509_certificates(files.get("tls.crt", b"") + b"\n" + files.get("ca.crt", b""))
        own = [root for root in roots if root.public_key() == public]
    except _UNREADABLE as error:
        raise BadCertificateError(
            f"the authority needs ca.crt and ca.key in PEM, the key for ECDSA: {error}"
        ) from error
    if not own:
        raise BadCertificateError("the authority's ca.key fits none of the certificates in its ca.crt")
    bundle = b"".join(dict.fromkeys(_pem(root) for root in [*own, *roots]))
    return Authority(certificate=_pem(own[0]), key=key_pem, bundle=bundle, cross=files.get("cross.crt", b""))


def renewed_authority(current: Authority | None, now: float) -> Authority:
    """`current` itself while it is good; else one that takes over from it."""
    return current if current and is_fresh(current.certificate, now) else make_authority(now, before=current)


def server_files(authority: Authority, names: Sequence[str], current: Files, now: float) -> Files:
    """`current` itself while it is good for these names under this authority; else with a new certificate.

    Files: ca.crt (whom the server trusts), tls.crt (with its chain) and tls.key. Raises BadCertificateError.
    """
    hosts = x509.SubjectAlternativeName([_host(name) for name in names])
    return _renewed(_Leaf("xds-server", hosts, SERVER_LIFE, ExtendedKeyUsageOID.SERVER_AUTH), authority, current, now)


def client_files(authority: Authority, gateway: ObjectKey, current: Files, now: float) -> Files:
    """`current` itself while it is good for this Gateway under this authority; else with a new certificate.

    Files: ca.crt (whom the proxies trust), tls.crt (with its chain) and tls.key. Raises BadCertificateError.
    """
    uri = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(gateway_uri(gateway))])
    return _renewed(_Leaf("xds-client", uri, CLIENT_LIFE, ExtendedKeyUsageOID.CLIENT_AUTH), authority, current, now)


def server_problem(authority: Authority, name: str, current: Files, now: float) -> str:
    """Why proxies of this authority, which look for `name`, cannot connect to a server with these files, or "".

    tls.crt may bring a chain: each certificate issued by the next, the last by the authority. Keys of any algorithm.
    """
    try:
        chain = x509.load_pem_x509_certificates(current.get("tls.crt", b""))
        trusted = x509.load_pem_x509_certificates(current.get("ca.crt", b""))
        names = _dns_names(chain[0])
        keys = [(each.subject, each.public_key()) for each in trusted]
    except _UNREADABLE as error:
        return f"its tls.crt or ca.crt cannot be read: {error}"
    own = x509.load_pem_x509_certificate(authority.certificate)
    issuer, wanted = chain[0].issuer.rfc4514_string(), own.subject.rfc4514_string()
    if not _is_issued(chain, x509.load_pem_x509_certificates(authority.bundle)):
        return f"it was issued by {issuer}, not by the authority that we sign with, {wanted}"
    if (own.subject, own.public_key()) not in keys:
        return f"its ca.crt lacks the authority that signs the proxies' certificates, {wanted}"
    if not {name.lower(), f"*.{name.partition('.')[2]}".lower()} & names:
        return f"it is for {', '.join(sorted(names)) or 'no DNS name'}, and they look for {name}"
    if (ended := chain[0].not_valid_after_utc) <= _moment(now):
        return f"it ended on {ended:%Y-%m-%d %H:%M} UTC"
    return ""


def is_fresh(certificate: bytes, now: float) -> bool:
    """Whether at least a third of the life of the first certificate in this PEM remains. Garbage is not fresh."""
    try:
        read = x509.load_pem_x509_certificate(certificate)
    except _UNREADABLE:
        return False
    life = read.not_valid_after_utc - read.not_valid_before_utc
    return read.not_valid_before_utc <= _moment(now) and read.not_valid_after_utc - _moment(now) >= life / 3


def end_of_life(certificate: bytes) -> float:
    """When the first certificate in this PEM ends, in seconds since 1970. Raises ValueError."""
    try:
        return x509.load_pem_x509_certificate(certificate).not_valid_after_utc.timestamp()
    except x509.InvalidVersion as error:
        raise ValueError(str(error)) from error


class _Leaf(NamedTuple):
    """What sets a server's certificate apart from a client's."""

    common_name: str
    names: x509.SubjectAlternativeName
    life: timedelta
    usage: x509.ObjectIdentifier


def _renewed(leaf: _Leaf, authority: Authority, current: Files, now: float) -> Files:
    # Of bytes that anybody wrote, the library raises more than it names.
    if attempt("the certificate", lambda: _is_good(leaf, authority, current, now)) is True:
        return current
    issuer = x509.load_pem_x509_certificate(authority.certificate)
    if issuer.not_valid_after_utc <= _moment(now):
        raise BadCertificateError(
            f"the authority ended on {issuer.not_valid_after_utc:%Y-%m-%d %H:%M} UTC: whoever made it has to renew it, "
            "or its Secret is deleted and `lychgate certgen` makes another"
        )
    key = ec.generate_private_key(ec.SECP256R1())
    signer = _load_key(authority.key)
    life = (_moment(now) - BACKDATED, min(_moment(now) + leaf.life, issuer.not_valid_after_utc))
    certificate = (
        _builder(_name(leaf.common_name), key, issuer.subject, signer, life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([leaf.usage]), critical=False)
        .add_extension(leaf.names, critical=False)
        .sign(signer, SHA256())
    )
    return {"ca.crt": authority.bundle, "tls.crt": _pem(certificate) + authority.cross, "tls.key": _key_pem(key)}


def _is_good(leaf: _Leaf, authority: Authority, current: Files, now: float) -> bool:
    """Raises whatever the library does, for what cannot be read or was issued by another."""
    if current.get("ca.crt") != authority.bundle:
        return False
    certificate = x509.load_pem_x509_certificate(current.get("tls.crt", b""))
    key = _load_key(current.get("tls.key", b""))
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return certificate.public_key() == key.public_key() and names == leaf.names and is_fresh(_pem(certificate), now)


def _is_issued(chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]) -> bool:
    """Whether a chain, its leaf first, leads to one of the roots."""
    for certificate, issuer in zip(chain, [*chain[1:], None], strict=True):
        if any(_has_signed(root, certificate) for root in roots):
            return True
        if issuer is None or not _has_signed(issuer, certificate):
            return False
    return False


def _dns_names(certificate: x509.Certificate) -> set[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {name.lower() for name in names.get_values_for_type(x509.DNSName)}


def _has_signed(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, *_UNREADABLE):
        return False
    return True


def _authority_certificate(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    signer: ec.EllipticCurvePrivateKey,
    life: tuple[datetime, datetime],
) -> bytes:
    certificate = (
        _builder(subject, key, issuer, signer, life)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(signer, SHA256())
    )
    return _pem(certificate)


def _builder(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    signer: ec.EllipticCurvePrivateKey,
    life: tuple[datetime, datetime],
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(life[0])
        .not_valid_after(life[1])
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _moment(now: float) -> datetime:
    return datetime.fromtimestamp(now, UTC).replace(microsecond=0)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _load_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the key is not for ECDSA")
    return key
