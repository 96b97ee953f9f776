"""TLS contexts, downstream and upstream."""

from envoy.extensions.transport_sockets.tls.v3.common_pb2 import (
    CertificateValidationContext,
    SubjectAltNameMatcher,
    TlsParameters,
)
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import SdsSecretConfig
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import (
    CommonTlsContext,
    DownstreamTlsContext,
    UpstreamTlsContext,
)

__all__ = [
    "CertificateValidationContext",
    "CommonTlsContext",
    "DownstreamTlsContext",
    "SdsSecretConfig",
    "SubjectAltNameMatcher",
    "TlsParameters",
    "UpstreamTlsContext",
]
