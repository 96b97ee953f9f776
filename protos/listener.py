"""Listeners and their filter chains."""

from envoy.config.listener.v3.listener_components_pb2 import (
    Filter,
    FilterChain,
    FilterChainMatch,
    ListenerFilter,
)
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.listener.v3.udp_listener_config_pb2 import UdpListenerConfig
from envoy.extensions.filters.listener.tls_inspector.v3.tls_inspector_pb2 import TlsInspector
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy

__all__ = [
    "Filter",
    "FilterChain",
    "FilterChainMatch",
    "Listener",
    "ListenerFilter",
    "TcpProxy",
    "TlsInspector",
    "UdpListenerConfig",
]
