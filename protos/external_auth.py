"""Asking somebody else whether a request may go on, as each route says.

`ExtAuthz` can be set up in full for a listener only. A `Composite` with a matcher for each route puts a filter of
the route's own in its place.
"""

from envoy.config.common.mutation_rules.v3.mutation_rules_pb2 import HeaderMutationRules
from envoy.config.core.v3.http_uri_pb2 import HttpUri
from envoy.extensions.common.matching.v3.extension_matcher_pb2 import (
    ExtensionWithMatcher,
    ExtensionWithMatcherPerRoute,
)
from envoy.extensions.filters.http.composite.v3.composite_pb2 import Composite, ExecuteFilterAction
from envoy.extensions.filters.http.ext_authz.v3.ext_authz_pb2 import (
    AuthorizationResponse,
    BufferSettings,
    ExtAuthz,
    HttpService,
)
from envoy.type.v3.http_status_pb2 import HttpStatus, StatusCode
from xds.type.matcher.v3.matcher_pb2 import Matcher

__all__ = [
    "AuthorizationResponse",
    "BufferSettings",
    "Composite",
    "ExecuteFilterAction",
    "ExtAuthz",
    "ExtensionWithMatcher",
    "ExtensionWithMatcherPerRoute",
    "HeaderMutationRules",
    "HttpService",
    "HttpStatus",
    "HttpUri",
    "Matcher",
    "StatusCode",
]
