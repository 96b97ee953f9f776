"""Type URLs of the resources that xDS carries, and of the gRPC services that carry them one type at a time."""

from typing import Final

PREFIX: Final = "type.googleapis.com/"

CLUSTER: Final = PREFIX + "envoy.config.cluster.v3.Cluster"
ENDPOINT: Final = PREFIX + "envoy.config.endpoint.v3.ClusterLoadAssignment"
LISTENER: Final = PREFIX + "envoy.config.listener.v3.Listener"
ROUTE: Final = PREFIX + "envoy.config.route.v3.RouteConfiguration"
SCOPED_ROUTE: Final = PREFIX + "envoy.config.route.v3.ScopedRouteConfiguration"
SECRET: Final = PREFIX + "envoy.extensions.transport_sockets.tls.v3.Secret"

AGGREGATED_SERVICE: Final = "envoy.service.discovery.v3.AggregatedDiscoveryService"
CLUSTER_SERVICE: Final = "envoy.service.cluster.v3.ClusterDiscoveryService"
ENDPOINT_SERVICE: Final = "envoy.service.endpoint.v3.EndpointDiscoveryService"
LISTENER_SERVICE: Final = "envoy.service.listener.v3.ListenerDiscoveryService"
ROUTE_SERVICE: Final = "envoy.service.route.v3.RouteDiscoveryService"
SCOPED_ROUTE_SERVICE: Final = "envoy.service.route.v3.ScopedRoutesDiscoveryService"
SECRET_SERVICE: Final = "envoy.service.secret.v3.SecretDiscoveryService"  # noqa: S105  a service, no password
