"""certificateRef, Secret → TlsSecret: a chain and its key, known to parse and to belong together, or why not."""

import base64
import binascii
from itertools import islice
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from gateway_api.graph import problems
from gateway_api.graph.problems import Problem
from gateway_api.graph.references import Referrer, kind_of, target_of
from gateway_api.graph.resolver import Resolver
from gateway_api.ir.xds import PrivateBytes, TlsSecret
from k8s_watch.objects.core import Secret
from k8s_watch.objects.gateway import SecretObjectReference

_CHAIN = "tls.crt"
_KEY = "tls.key"
_MIN_RSA_BITS, _MAX_RSA_BITS = 2048, 8192
_MAX_RSA_EXPONENT = 2**33
"""Beyond it, or even, BoringSSL takes no key."""

_MAX_CHAIN = 100 * 1024
"""Bytes of PEM. Clients that use OpenSSL read no longer chain; proxies keep one parsed for each listener that shows it.
"""

_MAX_KEY = 16 * 1024
"""Bytes of PEM; an RSA key of 8192 bits has 6.5 KiB."""

_MAX_NAMES = 100
"""So many of a certificate's names are told, and compared with those of others: public authorities sign no more."""

_CURVES = frozenset({"secp256r1", "secp384r1", "secp521r1"})


def certificate(ref: SecretObjectReference, referrer: Referrer, resolver: Resolver) -> TlsSecret | Problem:
    """Return the certificate that the reference leads to, or why it cannot be served.

    Spec: Gateway API v1.6 ListenerTLSConfig.certificateRefs, ListenerReasonInvalidCertificateRef
    """
    if (ref.group, ref.kind) != ("", "Secret"):
        return problems.invalid_certificate_ref(
            f"certificateRef {ref.name} is of kind {kind_of(ref)}; only Secret is supported."
        )
    return resolver.certificate(referrer, target_of(ref, referrer.namespace))


def tls_secret(secret: Secret) -> TlsSecret | Problem:
    """Judge a Secret's `tls.crt` and `tls.key`. About 0.3 ms.

    Refuses what Envoy would refuse, so that one bad Secret never reaches a proxy. What is served is written anew: of
    what may stand between and before certificates, and how lines are broken, each library has its own opinion.

    Spec: Kubernetes Secret type kubernetes.io/tls; Envoy v1.40 extensions.transport_sockets.tls.v3.TlsCertificate
    """
    try:
        chain, key = (base64.b64decode(secret.data[field], validate=True) for field in (_CHAIN, _KEY))
    except KeyError as missing:
        return _invalid(secret, f"has no {missing.args[0]}")
    except (binascii.Error, ValueError):
        return _invalid(secret, "holds data that is not base64")
    try:
        found = _pair(chain, key)
    except Exception:
        # Of bytes that anybody wrote, the library raises more than it names (a KeyError for a TLS feature that it does
        # not know, an InternalError for a key that is too short), and some of it only when a part is asked for. None of
        # it may be everybody's trouble.
        found = "holds a certificate or a key that cannot be read"
    if isinstance(found, str):
        return _invalid(secret, found)
    return TlsSecret(
        name=f"{secret.metadata.namespace}/{secret.metadata.name}",
        certificate_chain=found.chain,
        private_key=PrivateBytes(found.key),
        names=found.names,
    )


class _Pair(NamedTuple):
    chain: bytes
    key: bytes
    names: tuple[str, ...]
    """DNS names of the first certificate."""


def _pair(chain: bytes, key: bytes) -> _Pair | str:
    """Write the two anew, or say what keeps them from being served together; never quotes their content."""
    if len(chain) > _MAX_CHAIN:
        return f"has a {_CHAIN} of more than {_MAX_CHAIN} bytes; keep the certificate and those that signed it"
    try:
        certificates = x509.load_pem_x509_certificates(chain)
        public = certificates[0].public_key()
    except (ValueError, UnsupportedAlgorithm):
        return f"has a {_CHAIN} that is not a chain of PEM certificates"
    match public:
        case rsa.RSAPublicKey() if not _MIN_RSA_BITS <= public.key_size <= _MAX_RSA_BITS:
            return f"has an RSA key of {public.key_size} bits; it must have {_MIN_RSA_BITS} to {_MAX_RSA_BITS}"
        case rsa.RSAPublicKey() if not _is_usable_exponent(public.public_numbers().e):
            return "has an RSA key with an unusual exponent; 65537 is the usual one"
        case ec.EllipticCurvePublicKey() if public.curve.name not in _CURVES:
            return f"has a key on the curve {public.curve.name}; use P-256, P-384 or P-521"
        case rsa.RSAPublicKey() | ec.EllipticCurvePublicKey():
            pass
        case _:
            return "has a key that is neither RSA nor ECDSA"
    if len(key) > _MAX_KEY:
        return f"has a {_KEY} of more than {_MAX_KEY} bytes"
    try:
        # The library would look whether an RSA key's primes are primes: 50 ms for 2048 bits, 10 s for 8192.
        private = load_pem_private_key(key, password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return f"has a {_KEY} that is not an unencrypted PEM private key"
    if isinstance(private, rsa.RSAPrivateKey) and not _is_whole(private.private_numbers()):
        return f"has a {_KEY} whose RSA parameters are inconsistent"
    spki = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*spki) != public.public_bytes(*spki):
        return f"has a {_KEY} that does not belong to the first certificate of {_CHAIN}"
    if wrong := _unusable(certificates[0]):
        return wrong
    return _Pair(
        chain=b"".join(each.public_bytes(Encoding.PEM) for each in certificates),
        key=private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        names=_dns_names(certificates[0]),
    )


def _is_usable_exponent(e: int) -> bool:
    return e % 2 == 1 and 1 < e < _MAX_RSA_EXPONENT


def _is_whole(key: rsa.RSAPrivateNumbers) -> bool:
    """Whether all numbers of a private key are of one key, which is what BoringSSL asks of it too."""
    e, n = key.public_numbers.e, key.public_numbers.n
    return (
        key.p * key.q == n
        and key.d < n
        and key.p > 1
        and key.q > 1
        and key.d * e % (key.p - 1) == 1 == key.d * e % (key.q - 1)
        and (key.dmp1, key.dmq1) == (key.d % (key.p - 1), key.d % (key.q - 1))
        and key.iqmp < key.p
        and key.iqmp * key.q % key.p == 1
    )


def _unusable(leaf: x509.Certificate) -> str | None:
    """Say what of the first certificate keeps a proxy from serving it, whatever the key."""
    public, subject, extensions = leaf.public_key(), leaf.subject, leaf.extensions
    usage = next((each.value for each in extensions if isinstance(each.value, x509.KeyUsage)), None)
    if isinstance(public, ec.EllipticCurvePublicKey) and usage and not usage.digital_signature:
        return "has an ECDSA certificate whose key usage lacks digitalSignature; add it"
    features = next((each.value for each in extensions if isinstance(each.value, x509.TLSFeature)), ())
    if x509.TLSFeatureType.status_request in features:
        return "has a certificate that must be stapled (OCSP), which is not supported"
    names = any(isinstance(each.value, x509.SubjectAlternativeName) and len(each.value) for each in extensions)
    common = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if not names and not any(each.value for each in common):
        return "has a certificate with neither a common name nor a subject alternative name"
    return None


def _dns_names(leaf: x509.Certificate) -> tuple[str, ...]:
    found = (each.value for each in leaf.extensions if isinstance(each.value, x509.SubjectAlternativeName))
    names = (name.lower() for each in found for name in each.get_values_for_type(x509.DNSName))
    return tuple(islice(dict.fromkeys(names), _MAX_NAMES))


def _invalid(secret: Secret, wrong: str) -> Problem:
    return problems.invalid_certificate_ref(f"Secret {secret.key} {wrong}.")
