"""What every area shares: addresses, where configuration comes from, headers, extensions."""

from envoy.config.core.v3.address_pb2 import (
    Address,
    BindConfig,
    Pipe,
    SocketAddress,
    TcpKeepalive,
)
from envoy.config.core.v3.backoff_pb2 import BackoffStrategy
from envoy.config.core.v3.base_pb2 import (
    DataSource,
    HeaderValue,
    HeaderValueOption,
    Locality,
    Node,
    RetryPolicy,
    RuntimeFractionalPercent,
    RuntimeUInt32,
    TransportSocket,
    WatchedDirectory,
)
from envoy.config.core.v3.config_source_pb2 import (
    AggregatedConfigSource,
    ApiConfigSource,
    ApiVersion,
    ConfigSource,
    PathConfigSource,
)
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from envoy.config.core.v3.health_check_pb2 import HealthStatus
from envoy.config.core.v3.protocol_pb2 import (
    Http1ProtocolOptions,
    Http2ProtocolOptions,
    HttpProtocolOptions,
    KeepaliveSettings,
)
from envoy.config.core.v3.socket_option_pb2 import SocketOption
from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.extensions.network.dns_resolver.cares.v3.cares_dns_resolver_pb2 import CaresDnsResolverConfig
from envoy.type.v3.percent_pb2 import (
    FractionalPercent,
    Percent,
)

__all__ = [
    "Address",
    "AggregatedConfigSource",
    "ApiConfigSource",
    "ApiVersion",
    "BackoffStrategy",
    "BindConfig",
    "CaresDnsResolverConfig",
    "ConfigSource",
    "DataSource",
    "FractionalPercent",
    "GrpcService",
    "HeaderValue",
    "HeaderValueOption",
    "HealthStatus",
    "Http1ProtocolOptions",
    "Http2ProtocolOptions",
    "HttpProtocolOptions",
    "KeepaliveSettings",
    "Locality",
    "Node",
    "PathConfigSource",
    "Percent",
    "Pipe",
    "RetryPolicy",
    "RuntimeFractionalPercent",
    "RuntimeUInt32",
    "SocketAddress",
    "SocketOption",
    "SubstitutionFormatString",
    "TcpKeepalive",
    "TransportSocket",
    "TypedExtensionConfig",
    "WatchedDirectory",
]
