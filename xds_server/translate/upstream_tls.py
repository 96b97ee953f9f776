"""ir.UpstreamTls → how a cluster's connections are encrypted, and whom they trust.

Spec: Envoy v1.40 extensions.transport_sockets.tls.v3.UpstreamTlsContext
"""

from gateway_api.ir import xds as ir
from protos import core, matcher, tls
from protos.wrap import tls_socket
from xds_server.translate.secret import over_sds

_SAN_TYPES = {"dns": tls.SubjectAltNameMatcher.DNS, "uri": tls.SubjectAltNameMatcher.URI}


def transport_socket(of: ir.UpstreamTls) -> core.TransportSocket:
    """TLS 1.2 or 1.3. Authorities and client certificate come over SDS, so that a rotation ends no connection.

    ALPN is left to Envoy, which offers what the cluster speaks.
    """
    validation = tls.CommonTlsContext.CombinedCertificateValidationContext(
        default_validation_context=tls.CertificateValidationContext(
            match_typed_subject_alt_names=[_matcher(name) for name in of.names]
        ),
        validation_context_sds_secret_config=over_sds(of.authorities.name),
    )
    shown = [over_sds(of.client_certificate.name)] if of.client_certificate else []
    common = tls.CommonTlsContext(
        tls_params=tls.TlsParameters(
            tls_minimum_protocol_version=tls.TlsParameters.TLSv1_2,
            tls_maximum_protocol_version=tls.TlsParameters.TLSv1_3,
        ),
        combined_validation_context=validation,
        tls_certificate_sds_secret_configs=shown,
    )
    context = tls.UpstreamTlsContext(common_tls_context=common, sni=of.server_name)
    return tls_socket(context)


def _matcher(of: ir.SubjectName) -> tls.SubjectAltNameMatcher:
    """A wildcard in the certificate matches an exact name by itself; a wildcard asked for matches whatever is below."""
    if of.kind == "dns" and of.value.startswith("*."):
        text = matcher.StringMatcher(suffix=of.value[1:], ignore_case=True)
    else:
        text = matcher.StringMatcher(exact=of.value)
    return tls.SubjectAltNameMatcher(san_type=_SAN_TYPES[of.kind], matcher=text)
