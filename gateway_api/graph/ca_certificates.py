"""ConfigMap, Secret → CaBundle: the certificate authorities that somebody wants trusted, or why they cannot be."""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway_api.graph import problems
from gateway_api.graph.problems import Problem
from gateway_api.ir.xds import CaBundle
from k8s_watch.objects.core import ConfigMap, Secret, authority_entry

_AUTHORITY = "ca.crt"
_PREFIX = "ca/"

_MAX_SIZE = 512 * 1024
"""Bytes of PEM that one place may trust: twice what browsers come with. Each cluster has a proxy parse and keep them
for itself, 0.1 s and a megabyte; and eight ConfigMaps, in another order for each policy, are a bundle for each."""


def ca_bundle(config_map: ConfigMap) -> CaBundle | Problem:
    """Judge the entry of a ConfigMap that holds authorities: see `authority_entry`. About 0.1 ms a certificate.

    Only its certificates are passed on: whatever else stands between them, a private key for example, stays here.

    Spec: Gateway API v1.6 FrontendTLSValidation.caCertificateRefs, BackendTLSPolicyValidation.caCertificateRefs
    """
    what = f"ConfigMap {config_map.key}"
    for entry in authority_entry(config_map.data):
        return _bundle(str(config_map.key), config_map.data[entry].encode(), f"{what} has a {entry}")
    return _missing(what)


def secret_ca_bundle(secret: Secret) -> CaBundle | Problem:
    """Judge a Secret's `ca.crt`, where cert-manager puts the issuer. No other entry will do: `tls.crt` is somebody's
    own certificate, and who holds its key is not to speak for others.

    Spec: Gateway API v1.6 FrontendTLSValidation.caCertificateRefs, "Implementation-specific"
    """
    what = f"Secret {secret.key}"
    text = secret.data.get(_AUTHORITY)
    if text is None:
        return _missing(what)
    try:
        pem = base64.b64decode(text, validate=True)
    except ValueError:
        return problems.invalid_ca_certificate_ref(f"{what} holds data that is not base64.")
    return _bundle(f"secret/{secret.key}", pem, f"{what} has a {_AUTHORITY}")


def _bundle(name: str, pem: bytes, what: str) -> CaBundle | Problem:
    try:
        found = x509.load_pem_x509_certificates(pem)
    except Exception:  # whatever it is: see `certificate.tls_secret`
        return problems.invalid_ca_certificate_ref(f"{what} that is not a bundle of PEM certificates.")
    return CaBundle(
        name=_PREFIX + name, certificates=_distinct(certificate.public_bytes(Encoding.PEM) for certificate in found)
    )


JUDGES: Mapping[str, Callable[[Any], CaBundle | Problem]] = {"ConfigMap": ca_bundle, "Secret": secret_ca_bundle}
"""The core kinds in which authorities are looked for, and who reads them there."""


def too_large(bundles: Iterable[CaBundle]) -> str:
    """Say that what these trust together is more than one place may; "" where it is not."""
    size = sum(len(certificate) for bundle in bundles for certificate in bundle.certificates)
    return f"come to more than {_MAX_SIZE // 1024} KiB of certificates; leave some out" if size > _MAX_SIZE else ""


def merged(bundles: Sequence[CaBundle]) -> CaBundle:
    """Return one bundle that trusts whom any of these, at least one, trusts; its name says of what it is made."""
    sources = dict.fromkeys(bundle.name.removeprefix(_PREFIX) for bundle in bundles)
    return msgspec.structs.replace(
        bundles[0],
        name=_PREFIX + "+".join(sources),
        certificates=_distinct(certificate for bundle in bundles for certificate in bundle.certificates),
    )


def _distinct(certificates: Iterable[bytes]) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(certificates))


def _missing(what: str) -> Problem:
    return problems.invalid_ca_certificate_ref(f"{what} has no ca.crt; put the authority's PEM certificate there.")
