"""A certificate authority of a test's own."""

import datetime
import ipaddress
import ssl
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway_api.ir.identity import gateway_uri
from k8s_watch.keys import ObjectKey

DAY = datetime.timedelta(days=1)
USES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


def key_usage(*uses: str) -> x509.KeyUsage:
    """For these, and for nothing else."""
    return x509.KeyUsage(**{use: use in uses for use in USES})


SIGNS = key_usage("key_cert_sign", "crl_sign")
"""Without it, and without the key identifiers, strict peers refuse an authority. Spec: RFC 5280 §4.2.1"""
LOOPBACK = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))


class Pem(NamedTuple):
    """A certificate and its key, both PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """Signs certificates; `certificate` is its own, as PEM."""

    def __init__(self, name: str = "test authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        self.certificate = self._signed(self._name, self._key, (), DAY, is_authority=True)

    def issue(self, *names: x509.GeneralName, common_name: str = "somebody", valid: datetime.timedelta = DAY) -> Pem:
        """Return a certificate with these alternative names. `valid` is from now on."""
        key = ec.generate_private_key(ec.SECP256R1())
        text = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return Pem(self._signed(_named(common_name), key, names, valid, is_authority=False), text)

    def issue_client(self, gateway: ObjectKey) -> Pem:
        """Return a certificate for the proxies of a Gateway."""
        return self.issue(x509.UniformResourceIdentifier(gateway_uri(gateway)))

    def server_context(self, folder: Path, *names: x509.GeneralName) -> ssl.SSLContext:
        """Make the TLS context of a server with these alternative names."""
        both = folder / "server.pem"
        both.write_bytes(b"".join(self.issue(*names)))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(both)
        return context

    def _signed(
        self,
        name: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        names: tuple[x509.GeneralName, ...],
        valid: datetime.timedelta,
        *,
        is_authority: bool,
    ) -> bytes:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + valid)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if is_authority:
            builder = builder.add_extension(SIGNS, critical=True)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
