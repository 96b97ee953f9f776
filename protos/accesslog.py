"""Access logs."""

from envoy.config.accesslog.v3.accesslog_pb2 import (
    AccessLog,
    AccessLogFilter,
    ComparisonFilter,
    OrFilter,
    ResponseFlagFilter,
    StatusCodeFilter,
)
from envoy.extensions.access_loggers.file.v3.file_pb2 import FileAccessLog
from envoy.extensions.access_loggers.stream.v3.stream_pb2 import (
    StderrAccessLog,
    StdoutAccessLog,
)

__all__ = [
    "AccessLog",
    "AccessLogFilter",
    "ComparisonFilter",
    "FileAccessLog",
    "OrFilter",
    "ResponseFlagFilter",
    "StatusCodeFilter",
    "StderrAccessLog",
    "StdoutAccessLog",
]
