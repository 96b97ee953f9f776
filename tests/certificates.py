"""Certificates that no proxy can serve, whatever their key: what the graph refuses, and Envoy would."""

import base64
from collections.abc import Callable

from cryptography import x509

from tests.authority import key_usage


def pem(label: str, der: bytes) -> bytes:
    return f"-----BEGIN {label}-----\n{base64.encodebytes(der).decode()}-----END {label}-----\n".encode()


UNKNOWN_KEY = pem("PRIVATE KEY", bytes.fromhex("300f020100300506032a03040403616263"))
"""PKCS#8 of the algorithm 1.2.3.4, which nobody knows."""

ODDLY_WRITTEN: dict[str, Callable[[bytes], bytes]] = {
    "one right behind the other": lambda pem: pem.rstrip() + pem,
    "indented": lambda pem: b"  " + pem.replace(b"\n", b"\n  "),
    "with a header": lambda pem: pem.replace(b"-----\n", b"-----\nProc-Type: 4,ENCRYPTED\n\n", 1),
    "before one that does not end": lambda pem: pem + b"-----BEGIN CERTIFICATE-----\nMIIB",
}
"""PEM of certificates that we read and Envoy would not."""

MUST_STAPLE = x509.TLSFeature([x509.TLSFeatureType.status_request])

UNUSABLE: dict[str, tuple[tuple[x509.ExtensionType, ...], str]] = {
    "lacks digitalSignature": ((key_usage("key_encipherment"),), "www.example.com"),
    "must be stapled": ((MUST_STAPLE,), "www.example.com"),
    "neither a common name": ((), ""),
}
"""What is wrong with it, in words of the message → its extensions and common name; the key is of ECDSA."""
