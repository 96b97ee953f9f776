"""Endpoints: the addresses of a cluster."""

from envoy.config.endpoint.v3.endpoint_components_pb2 import (
    Endpoint,
    LbEndpoint,
    LocalityLbEndpoints,
)
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment

__all__ = [
    "ClusterLoadAssignment",
    "Endpoint",
    "LbEndpoint",
    "LocalityLbEndpoints",
]
