"""ConfigMap → CaBundle: the certificate authorities that somebody wants trusted, or why they cannot be."""

from collections.abc import Iterable, Sequence

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway_api.graph import problems
from gateway_api.graph.types import Problem
from gateway_api.ir.xds import CaBundle
from k8s_watch.objects.core import ConfigMap

CA_CERTIFICATE = "ca.crt"
"""The entry of a ConfigMap that is read. Spec: Gateway API v1.6 FrontendTLSValidation.caCertificateRefs."""

_PREFIX = "ca/"


def ca_bundle(config_map: ConfigMap) -> CaBundle | Problem:
    """Judge a ConfigMap's `ca.crt`. About 0.1 ms a certificate.

    Only its certificates are passed on: whatever else stands between them, a private key for example, stays here.

    Spec: Gateway API v1.6 FrontendTLSValidation.caCertificateRefs, BackendTLSPolicyValidation.caCertificateRefs
    """
    text = config_map.data.get(CA_CERTIFICATE)
    if text is None:
        return _invalid(config_map, f"has no {CA_CERTIFICATE}; put the authority's PEM certificate there")
    try:
        found = x509.load_pem_x509_certificates(text.encode())
    except Exception:  # whatever it is: see `certificate.tls_secret`
        return _invalid(config_map, f"has a {CA_CERTIFICATE} that is not a bundle of PEM certificates")
    return CaBundle(
        name=f"{_PREFIX}{config_map.metadata.namespace}/{config_map.metadata.name}",
        certificates=_distinct(certificate.public_bytes(Encoding.PEM) for certificate in found),
    )


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


def _invalid(config_map: ConfigMap, wrong: str) -> Problem:
    return problems.invalid_ca_certificate_ref(f"ConfigMap {config_map.key} {wrong}.")
