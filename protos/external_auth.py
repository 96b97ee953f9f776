"""Asking somebody else whether a request may go on."""

from envoy.config.core.v3.http_uri_pb2 import HttpUri
from envoy.extensions.filters.http.ext_authz.v3.ext_authz_pb2 import (
    AuthorizationResponse,
    ExtAuthz,
    HttpService,
)
from envoy.type.v3.http_status_pb2 import HttpStatus, StatusCode

__all__ = [
    "AuthorizationResponse",
    "ExtAuthz",
    "HttpService",
    "HttpStatus",
    "HttpUri",
    "StatusCode",
]
