"""What an Envoy process starts with."""

from envoy.config.bootstrap.v3.bootstrap_pb2 import (
    Admin,
    Bootstrap,
    LayeredRuntime,
    RuntimeLayer,
)
from envoy.config.metrics.v3.stats_pb2 import (
    StatsConfig,
    StatsMatcher,
)
from envoy.config.overload.v3.overload_pb2 import (
    BufferFactoryConfig,
    OverloadAction,
    OverloadManager,
    ResourceMonitor,
    ScaledTrigger,
    ThresholdTrigger,
    Trigger,
)
from envoy.extensions.resource_monitors.downstream_connections.v3.downstream_connections_pb2 import (
    DownstreamConnectionsConfig,
)
from envoy.extensions.resource_monitors.fixed_heap.v3.fixed_heap_pb2 import FixedHeapConfig

__all__ = [
    "Admin",
    "Bootstrap",
    "BufferFactoryConfig",
    "DownstreamConnectionsConfig",
    "FixedHeapConfig",
    "LayeredRuntime",
    "OverloadAction",
    "OverloadManager",
    "ResourceMonitor",
    "RuntimeLayer",
    "ScaledTrigger",
    "StatsConfig",
    "StatsMatcher",
    "ThresholdTrigger",
    "Trigger",
]
