"""A place among a connection manager's filters that each route fills with filters of its own.

Many a filter can be set up in full for a listener only. A `Composite` with a matcher for each route puts filters of
the route's own in its place.
"""

from envoy.extensions.common.matching.v3.extension_matcher_pb2 import (
    ExtensionWithMatcher,
    ExtensionWithMatcherPerRoute,
)
from envoy.extensions.filters.http.composite.v3.composite_pb2 import (
    Composite,
    ExecuteFilterAction,
    FilterChainConfiguration,
)
from xds.core.v3.extension_pb2 import TypedExtensionConfig
from xds.type.matcher.v3.matcher_pb2 import Matcher

__all__ = [
    "Composite",
    "ExecuteFilterAction",
    "ExtensionWithMatcher",
    "ExtensionWithMatcherPerRoute",
    "FilterChainConfiguration",
    "Matcher",
    "TypedExtensionConfig",
]
