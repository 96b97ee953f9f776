"""Access logs."""

from envoy.config.accesslog.v3.accesslog_pb2 import (
    AccessLog,
    AccessLogFilter,
    ComparisonFilter,
    OrFilter,
    StatusCodeFilter,
)
from envoy.extensions.access_loggers.stream.v3.stream_pb2 import StdoutAccessLog

__all__ = [
    "AccessLog",
    "AccessLogFilter",
    "ComparisonFilter",
    "OrFilter",
    "StatusCodeFilter",
    "StdoutAccessLog",
]
