"""What SDS carries."""

from envoy.extensions.transport_sockets.tls.v3.common_pb2 import CertificateValidationContext, TlsCertificate
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret

__all__ = [
    "CertificateValidationContext",
    "Secret",
    "TlsCertificate",
]
