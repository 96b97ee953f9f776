"""Certificates that no proxy can serve, whatever their key: what the graph refuses, and Envoy would."""

import base64

from cryptography import x509


def key_usage(*, digital_signature: bool) -> x509.KeyUsage:
    """For the encipherment of keys, and for signatures or not."""
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def pem(label: str, der: bytes) -> bytes:
    return f"-----BEGIN {label}-----\n{base64.encodebytes(der).decode()}-----END {label}-----\n".encode()


UNKNOWN_KEY = pem("PRIVATE KEY", bytes.fromhex("300f020100300506032a03040403616263"))
"""PKCS#8 of the algorithm 1.2.3.4, which nobody knows."""

MUST_STAPLE = x509.TLSFeature([x509.TLSFeatureType.status_request])

UNUSABLE: dict[str, tuple[tuple[x509.ExtensionType, ...], str]] = {
    "lacks digitalSignature": ((key_usage(digital_signature=False),), "www.example.com"),
    "must be stapled": ((MUST_STAPLE,), "www.example.com"),
    "neither a common name": ((), ""),
}
"""What is wrong with it, in words of the message → its extensions and common name; the key is of ECDSA."""
