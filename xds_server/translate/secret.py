"""ir.Secret → Secret, as SDS carries it, and how a TLS context names one."""

from gateway_api.ir import xds as ir
from protos import core, tls
from protos import secret as pb
from protos.encode import encode
from xds_server.snapshot.resource import Resource, make_resource
from xds_server.translate.sources import ADS


def secret(of: ir.Secret) -> Resource:
    """A certificate chain and key to show, or the authorities to trust.

    Spec: Envoy v1.40 extensions.transport_sockets.tls.v3.Secret
    """
    match of:
        case ir.TlsSecret():
            message = pb.Secret(name=of.name, tls_certificate=_certificate(of))
        case ir.CaBundle():
            authorities = core.DataSource(inline_bytes=b"".join(of.certificates))
            message = pb.Secret(name=of.name, validation_context=_trusting(authorities))
        case ir.CaFile():
            message = pb.Secret(name=of.name, validation_context=_trusting(core.DataSource(filename=of.path)))
    return make_resource(of.name, encode(message))


def over_sds(name: str) -> tls.SdsSecretConfig:
    """The secret of that name, whichever it is at the moment: a rotation is none of the user's business."""
    return tls.SdsSecretConfig(name=name, sds_config=ADS)


def _certificate(of: ir.TlsSecret) -> pb.TlsCertificate:
    return pb.TlsCertificate(
        certificate_chain=core.DataSource(inline_bytes=of.certificate_chain),
        private_key=core.DataSource(inline_bytes=of.private_key.reveal()),
    )


def _trusting(authorities: core.DataSource) -> pb.CertificateValidationContext:
    return pb.CertificateValidationContext(trusted_ca=authorities)
