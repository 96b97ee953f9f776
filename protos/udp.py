"""The proxy of datagrams, and what its routes look at."""

from envoy.config.core.v3.udp_socket_config_pb2 import UdpSocketConfig
from envoy.extensions.filters.udp.udp_proxy.v3.route_pb2 import Route
from envoy.extensions.filters.udp.udp_proxy.v3.udp_proxy_pb2 import UdpProxyConfig
from envoy.extensions.matching.common_inputs.network.v3.network_inputs_pb2 import SourceIPInput, SourcePortInput
from envoy.extensions.matching.input_matchers.consistent_hashing.v3.consistent_hashing_pb2 import ConsistentHashing
from xds.core.v3.extension_pb2 import TypedExtensionConfig
from xds.type.matcher.v3.matcher_pb2 import Matcher

__all__ = [
    "ConsistentHashing",
    "Matcher",
    "Route",
    "SourceIPInput",
    "SourcePortInput",
    "TypedExtensionConfig",
    "UdpProxyConfig",
    "UdpSocketConfig",
]
