"""A listener that terminates TLS → with which certificates, and for whom."""

from gateway_api.graph.types import ListenerNode
from gateway_api.ir import xds as ir


def downstream_tls(listener: ListenerNode) -> ir.DownstreamTls:
    """Terminate TLS with the listener's certificates, for the clients that it lets in."""
    clients = listener.client_validation
    return ir.DownstreamTls(
        secrets=tuple(dict.fromkeys(secret.name for secret in listener.certificates)),
        client=None if clients is None else ir.ClientValidation(ca=clients.authorities.name, required=clients.required),
    )


def secrets_of(listener: ListenerNode) -> tuple[ir.Secret, ...]:
    """Return what its `downstream_tls` names."""
    clients = listener.client_validation
    return (*listener.certificates, *((clients.authorities,) if clients else ()))
