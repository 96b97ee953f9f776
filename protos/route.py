"""Route configurations: virtual hosts, matches, actions."""

from envoy.config.route.v3.route_components_pb2 import (
    DirectResponseAction,
    HeaderMatcher,
    QueryParameterMatcher,
    RedirectAction,
    RetryPolicy,
    Route,
    RouteAction,
    RouteMatch,
    VirtualHost,
    WeightedCluster,
)
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.config.route.v3.scoped_route_pb2 import ScopedRouteConfiguration
from envoy.extensions.retry.host.previous_hosts.v3.previous_hosts_pb2 import PreviousHostsPredicate

__all__ = [
    "DirectResponseAction",
    "HeaderMatcher",
    "PreviousHostsPredicate",
    "QueryParameterMatcher",
    "RedirectAction",
    "RetryPolicy",
    "Route",
    "RouteAction",
    "RouteConfiguration",
    "RouteMatch",
    "ScopedRouteConfiguration",
    "VirtualHost",
    "WeightedCluster",
]
