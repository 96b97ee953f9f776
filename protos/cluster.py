"""Clusters: what Envoy sends requests to."""

from envoy.config.cluster.v3.circuit_breaker_pb2 import CircuitBreakers
from envoy.config.cluster.v3.cluster_pb2 import Cluster, UpstreamConnectionOptions
from envoy.extensions.load_balancing_policies.common.v3.common_pb2 import LocalityLbConfig
from envoy.extensions.load_balancing_policies.least_request.v3.least_request_pb2 import LeastRequest
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions

__all__ = [
    "CircuitBreakers",
    "Cluster",
    "HttpProtocolOptions",
    "LeastRequest",
    "LocalityLbConfig",
    "UpstreamConnectionOptions",
]
