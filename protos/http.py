"""The HTTP connection manager and its filters."""

from envoy.extensions.filters.http.health_check.v3.health_check_pb2 import HealthCheck
from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
    HttpFilter,
    Rds,
)

__all__ = [
    "HealthCheck",
    "HttpConnectionManager",
    "HttpFilter",
    "Rds",
    "Router",
]
