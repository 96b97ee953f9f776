"""ir.FilterChain → FilterChain: which connections it takes, how they are decrypted, what then serves them.

Spec: Envoy v1.40 config.listener.v3.FilterChain
"""

from google.protobuf.any_pb2 import Any as AnyMessage

from gateway_api.ir import xds as ir
from protos import core, tls
from protos import listener as pb
from protos.encode import pack
from protos.values import seconds, uint32
from protos.wrap import manager_filter, tls_socket
from xds_server.translate.access_log import STDOUT
from xds_server.translate.connection_manager import connection_manager
from xds_server.translate.secret import over_sds

CONNECT_ATTEMPTS = 16
"""Of a client's connection, before any of its bytes is sent: an address that just went away costs no connection. So
many because each draws anew, and one that refuses has the fewest connections."""

HANDSHAKE_TIMEOUT = 15.0
"""Seconds for TLS, after a client's first words, for which it has as long. Envoy itself knows no limit, and a few who
stop in the middle could hold all the connections that a proxy takes."""


def filter_chain(of: ir.FilterChain, *, port: int) -> pb.FilterChain:
    """`port` is the one the user asked for: it stands in the names of statistics."""
    return pb.FilterChain(
        name=of.name,
        filter_chain_match=_match(of),
        filters=[_filter(of, port)],
        transport_socket=_transport_socket(of.tls) if of.tls else None,
        transport_socket_connect_timeout=seconds(HANDSHAKE_TIMEOUT) if of.tls else None,
    )


def _match(of: ir.FilterChain) -> pb.FilterChainMatch | None:
    if not of.server_names:
        return None
    return pb.FilterChainMatch(server_names=[name.lower() for name in of.server_names])


def _filter(of: ir.FilterChain, port: int) -> pb.Filter:
    match of.handler:
        case ir.HttpChain() as handler:
            prefix = f"{'https' if of.tls else 'http'}-{port}"
            return manager_filter(connection_manager(handler, stat_prefix=prefix))
        case ir.TcpChain() as handler:
            prefix = f"{'tls' if of.tls else 'tcp'}-{port}"
            return pb.Filter(name="envoy.filters.network.tcp_proxy", typed_config=_tcp_proxy(handler, prefix))


def _tcp_proxy(of: ir.TcpChain, stat_prefix: str) -> AnyMessage:
    """Envoy closes a connection whose cluster it does not know."""
    proxy = pb.TcpProxy(stat_prefix=stat_prefix, access_log=[STDOUT], max_connect_attempts=uint32(CONNECT_ATTEMPTS))
    receivers = [destination for destination in of.destinations if destination.weight > 0]
    match receivers:
        case []:
            proxy.cluster = ir.INVALID_BACKEND
        case [only]:
            proxy.cluster = only.cluster
        case _:
            proxy.weighted_clusters.clusters.extend(
                pb.TcpProxy.WeightedCluster.ClusterWeight(name=each.cluster, weight=each.weight) for each in receivers
            )
    return pack(proxy)


def _transport_socket(of: ir.DownstreamTls) -> core.TransportSocket:
    """Terminate TLS. Sessions are not resumed without state: tickets would outlive a rotated key on other replicas.

    Spec: Envoy v1.40 extensions.transport_sockets.tls.v3.DownstreamTlsContext
    """
    common = tls.CommonTlsContext(
        tls_params=tls.TlsParameters(tls_minimum_protocol_version=tls.TlsParameters.TLSv1_2),
        alpn_protocols=of.alpn,
        tls_certificate_sds_secret_configs=[over_sds(name) for name in of.secrets],
    )
    context = tls.DownstreamTlsContext(common_tls_context=common, disable_stateless_session_resumption=True)
    if of.client:
        _ask_clients(of.client, context)
    return tls_socket(context)


def _ask_clients(of: ir.ClientValidation, context: tls.DownstreamTlsContext) -> None:
    """Have clients asked for a certificate. Envoy lets nobody in for as long as it lacks the authorities."""
    common = context.common_tls_context
    context.require_client_certificate.value = of.required
    if of.required:
        common.validation_context_sds_secret_config.CopyFrom(over_sds(of.ca))
    else:
        anyone = tls.CertificateValidationContext(
            trust_chain_verification=tls.CertificateValidationContext.ACCEPT_UNTRUSTED
        )
        combined = tls.CommonTlsContext.CombinedCertificateValidationContext(
            default_validation_context=anyone, validation_context_sds_secret_config=over_sds(of.ca)
        )
        common.combined_validation_context.CopyFrom(combined)
