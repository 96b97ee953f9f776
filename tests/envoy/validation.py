"""Snapshot → the bootstrap with which `envoy --mode validate` tries it: everything at once, without a control plane."""

from protos import bootstrap as pb
from protos import cluster, core, endpoint, http, listener, route, secret, tls
from protos.values import socket_address
from protos.wrap import manager_filter, router_filter, tls_socket
from xds_server.bootstrap.common import ads_config, layered_runtime, text, xds_cluster
from xds_server.snapshot.resource import ResourceType, Snapshot


def validation_bootstrap(snapshot: Snapshot) -> str:
    """The text of a bootstrap that Envoy accepts when it would accept every resource of the snapshot.

    The runtime is the fleet's, so the verdict is the fleet's too, given the same release of Envoy. Endpoints and
    authorities stand in clusters of their own, route tables and certificates in listeners of their own, because Envoy
    looks at what comes over a stream only when it comes; all else is as the proxies get it. What scopes hold, their
    tables hold too. The text holds private keys.

    Spec: Envoy v1.40, "Command line options", --mode validate
    """
    control_plane = xds_cluster(socket_address("127.0.0.1", 1), kind=cluster.Cluster.STATIC)
    bodies = {type_: [r.body for r in snapshot.of(type_).in_order] for type_ in ResourceType}
    assignments = map(endpoint.ClusterLoadAssignment.FromString, bodies[ResourceType.ENDPOINT])
    tables = map(route.RouteConfiguration.FromString, bodies[ResourceType.ROUTE])
    secrets = list(map(secret.Secret.FromString, bodies[ResourceType.SECRET]))
    message = pb.Bootstrap(
        node=core.Node(id="validation", cluster="validation"),
        dynamic_resources=pb.Bootstrap.DynamicResources(ads_config=ads_config()),
        static_resources=pb.Bootstrap.StaticResources(
            clusters=[
                control_plane,
                *map(cluster.Cluster.FromString, bodies[ResourceType.CLUSTER]),
                *map(_cluster_with_endpoints, assignments),
                *(_cluster_with_authorities(of) for of in secrets if of.HasField("validation_context")),
            ],
            listeners=[
                *map(listener.Listener.FromString, bodies[ResourceType.LISTENER]),
                *map(_listener_with_routes, tables),
                *(_listener_with_certificate(of) for of in secrets if of.HasField("tls_certificate")),
            ],
        ),
        layered_runtime=layered_runtime(),
    )
    return text(message)


def _cluster_with_endpoints(assignment: endpoint.ClusterLoadAssignment) -> cluster.Cluster:
    """A cluster beside the one that gets these endpoints over EDS."""
    name = f"endpoints of {assignment.cluster_name}"
    return cluster.Cluster(name=name, type=cluster.Cluster.STATIC, load_assignment=assignment)


def _listener_with_routes(table: route.RouteConfiguration) -> listener.Listener:
    table.validate_clusters.value = False  # as over RDS
    manager = http.HttpConnectionManager(
        stat_prefix="validation",
        route_config=table,
        http_filters=[router_filter(http.Router())],
    )
    return _listener(f"routes of {table.name}", listener.FilterChain(filters=[manager_filter(manager)]))


def _listener_with_certificate(of: secret.Secret) -> listener.Listener:
    context = tls.DownstreamTlsContext(common_tls_context=tls.CommonTlsContext(tls_certificates=[of.tls_certificate]))
    return _listener(f"certificate of {of.name}", listener.FilterChain(transport_socket=tls_socket(context)))


def _cluster_with_authorities(of: secret.Secret) -> cluster.Cluster:
    """A cluster, because a listener would need a certificate besides."""
    common = tls.CommonTlsContext(validation_context=of.validation_context)
    context = tls.UpstreamTlsContext(common_tls_context=common)
    return cluster.Cluster(
        name=f"authorities of {of.name}", type=cluster.Cluster.STATIC, transport_socket=tls_socket(context)
    )


def _listener(name: str, chain: listener.FilterChain) -> listener.Listener:
    return listener.Listener(name=name, address=socket_address("127.0.0.1", 0), filter_chains=[chain])
