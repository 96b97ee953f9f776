"""Configurations of extensions → the messages that carry them and name the extension."""

from google.protobuf.any_pb2 import Any as AnyMessage

from protos import cluster, core, http, listener, tls
from protos.encode import pack


def tls_socket(of: tls.DownstreamTlsContext | tls.UpstreamTlsContext) -> core.TransportSocket:
    """TLS on the connections of a filter chain or of a cluster."""
    return core.TransportSocket(name="envoy.transport_sockets.tls", typed_config=pack(of))


def manager_filter(of: http.HttpConnectionManager) -> listener.Filter:
    """What has a filter chain's connections carry HTTP."""
    return listener.Filter(name="envoy.filters.network.http_connection_manager", typed_config=pack(of))


def router_filter(of: http.Router) -> http.HttpFilter:
    """The last of a connection manager's filters."""
    return http.HttpFilter(name="envoy.filters.http.router", typed_config=pack(of))


def protocol_options(of: cluster.HttpProtocolOptions) -> dict[str, AnyMessage]:
    """Which HTTP a cluster speaks, for its `typed_extension_protocol_options`."""
    return {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": pack(of)}
