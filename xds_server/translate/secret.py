"""ir.TlsSecret → Secret, as SDS carries it."""

from gateway_api.ir import xds as ir
from protos import core
from protos import secret as pb
from protos.encode import encode
from xds_server.snapshot.resource import Resource, make_resource


def secret(of: ir.TlsSecret) -> Resource:
    """The certificate chain and key that a listener serves.

    Spec: Envoy v1.40 extensions.transport_sockets.tls.v3.Secret
    """
    certificate = pb.TlsCertificate(
        certificate_chain=core.DataSource(inline_bytes=of.certificate_chain),
        private_key=core.DataSource(inline_bytes=of.private_key.reveal()),
    )
    return make_resource(of.name, encode(pb.Secret(name=of.name, tls_certificate=certificate)))
