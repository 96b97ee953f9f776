"""What every bootstrap of ours has: one delta stream for everything, bounded statistics, Envoy Gateway's runtime."""

import json

from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct

from k8s_watch.keys import ObjectKey
from protos import bootstrap as pb
from protos import cluster, core, endpoint, http, listener, matcher
from protos.encode import pack
from protos.render import to_dict
from protos.values import FALSE, TRUE, seconds, socket_address, uint32, uint64
from protos.wrap import manager_filter, protocol_options
from xds_server.translate.connection_manager import ROUTER
from xds_server.translate.scope import scoped_routes
from xds_server.translate.sources import ADS_WITHOUT_LIMIT

XDS_CLUSTER = "xds_cluster"
SCOPES = "scopes"
"""The listener that holds the subscription to scopes."""

CONNECT_TIMEOUT = 10.0
"""Seconds."""

KEEPALIVE_INTERVAL = 30.0
"""Seconds between pings; with the timeout, what it takes to notice that the other side vanished without a word."""

KEEPALIVE_TIMEOUT = 5.0

RECONNECT_BASE = 0.25
RECONNECT_MAX = 1.0
"""Seconds, of which Envoy waits any part. With its own maximum of 30 every restart of ours would feel long."""

MAX_REGEX_PROGRAM = 2**32 - 1
"""No limit: the control plane has one for what users may write (`gateway_api.graph.regex`), and tells them of it."""

KEPT_STATS = (
    r"^(access_logs|cluster_manager|control_plane|dns|filesystem|http|http1|http2|listener|listener_manager"
    r"|main_thread|overload|runtime|server|sds|tcp|tls_inspector|udp|workers)\..*$",
    rf"^cluster\.{XDS_CLUSTER}\..*$",
    r"^cluster\..*\.(membership_healthy|membership_total|ssl\.(connection_error|fail_.*)|udp\.sess_.*"
    r"|upstream_cx_(active|connect_fail|connect_timeout|destroy_with_active_rq|overflow|rx_bytes_total|total"
    r"|tx_bytes_total)"
    r"|upstream_rq_(active|completed|pending_overflow|retry|retry_success|rx_reset|time|timeout|total|[1-5]xx))$",
)
"""What a dashboard reads, and why TLS to a backend fails. Per cluster some 20 of Envoy's more than 100: each that gets
requests costs some 17 KiB, and would cost 45."""


def bootstrap(
    *, gateway: ObjectKey, node_id: str, admin: core.Address, xds: cluster.Cluster, more_stats: str = ""
) -> pb.Bootstrap:
    """The common part. `admin` is where Envoy's admin interface listens; `xds` is what `xds_cluster` made;
    `more_stats`, if any, is a regular expression of names of statistics that are kept beside ours."""
    return pb.Bootstrap(
        node=core.Node(id=node_id, cluster=str(gateway)),
        admin=pb.Admin(address=admin),
        dynamic_resources=_everything_over_one_stream(),
        static_resources=pb.Bootstrap.StaticResources(clusters=[xds], listeners=[_subscribed_to_scopes()]),
        layered_runtime=layered_runtime(),
        deferred_stat_options=pb.Bootstrap.DeferredStatOptions(enable_deferred_creation_stats=True),
        stats_config=_stats(more_stats),
        typed_dns_resolver_config=_resolver(),
    )


def _everything_over_one_stream() -> pb.Bootstrap.DynamicResources:
    """The proxy is not ready before the first answer, however long that takes: an empty proxy would answer 404."""
    return pb.Bootstrap.DynamicResources(
        ads_config=ads_config(), lds_config=ADS_WITHOUT_LIMIT, cds_config=ADS_WITHOUT_LIMIT
    )


def _subscribed_to_scopes() -> listener.Listener:
    """A listener without a port, which has the scopes subscribed to for as long as the proxy runs.

    All listeners share one subscription. It would end with the last that chooses by scope, of which the client says
    nothing, and what came until another began would be lost. And of those that begin with it only the first waits.
    """
    manager = http.HttpConnectionManager(stat_prefix=SCOPES, scoped_routes=scoped_routes(SCOPES), http_filters=[ROUTER])
    return listener.Listener(
        name=SCOPES,
        address=socket_address("127.0.0.1", 0),
        bind_to_port=FALSE,
        filter_chains=[listener.FilterChain(filters=[manager_filter(manager)])],
    )


def ads_config() -> core.ApiConfigSource:
    """The aggregated delta stream through `XDS_CLUSTER`, opened again soon after it broke."""
    back_off = core.BackoffStrategy(base_interval=seconds(RECONNECT_BASE), max_interval=seconds(RECONNECT_MAX))
    service = core.GrpcService(
        envoy_grpc=core.GrpcService.EnvoyGrpc(
            cluster_name=XDS_CLUSTER, retry_policy=core.RetryPolicy(retry_back_off=back_off)
        )
    )
    return core.ApiConfigSource(
        api_type=core.ApiConfigSource.DELTA_GRPC,
        transport_api_version=core.ApiVersion.V3,
        grpc_services=[service],
        set_node_on_first_message_only=True,
    )


def xds_cluster(
    address: core.Address, *, kind: cluster.Cluster.DiscoveryType, tls: core.TransportSocket | None = None
) -> cluster.Cluster:
    """The cluster that reaches the control plane: HTTP/2, with pings that find a dead connection."""
    http2 = core.Http2ProtocolOptions(
        connection_keepalive=core.KeepaliveSettings(
            interval=seconds(KEEPALIVE_INTERVAL), timeout=seconds(KEEPALIVE_TIMEOUT)
        )
    )
    options = cluster.HttpProtocolOptions(
        explicit_http_config=cluster.HttpProtocolOptions.ExplicitHttpConfig(http2_protocol_options=http2)
    )
    return cluster.Cluster(
        name=XDS_CLUSTER,
        type=kind,
        dns_lookup_family=cluster.Cluster.V4_PREFERRED,
        connect_timeout=seconds(CONNECT_TIMEOUT),
        load_assignment=assignment(XDS_CLUSTER, address),
        typed_extension_protocol_options=protocol_options(options),
        transport_socket=tls,
    )


def assignment(name: str, address: core.Address) -> endpoint.ClusterLoadAssignment:
    """A cluster's only address."""
    only = endpoint.LbEndpoint(endpoint=endpoint.Endpoint(address=address))
    return endpoint.ClusterLoadAssignment(
        cluster_name=name, endpoints=[endpoint.LocalityLbEndpoints(lb_endpoints=[only])]
    )


def _resolver() -> core.TypedExtensionConfig:
    """Asks each name server twice, three seconds in all.

    A proxy begins, and acknowledges new clusters, only once it has looked up all names, and would ask for a minute by
    itself: one name whose servers are silent would hold up everybody.
    """
    config = core.CaresDnsResolverConfig(query_timeout_seconds=uint64(1), query_tries=uint32(2))
    return core.TypedExtensionConfig(name="envoy.network.dns_resolver.cares", typed_config=pack(config))


def layered_runtime() -> pb.LayeredRuntime:
    """Spec: Envoy v1.40, "Runtime"; its edge guide for max_requests_per_io_cycle."""
    values = Struct()
    values.update(
        {
            "re2.max_program_size.error_level": MAX_REGEX_PROGRAM,
            "re2.max_program_size.warn_level": 1000,
            "http.max_requests_per_io_cycle": 1,
        }
    )
    return pb.LayeredRuntime(layers=[pb.RuntimeLayer(name="static", static_layer=values)])


def _stats(more: str) -> pb.StatsConfig:
    names = [*KEPT_STATS, more] if more else KEPT_STATS
    patterns = [matcher.StringMatcher(safe_regex=matcher.RegexMatcher(regex=pattern)) for pattern in names]
    kept = matcher.ListStringMatcher(patterns=patterns)
    return pb.StatsConfig(use_all_default_tags=TRUE, stats_matcher=pb.StatsMatcher(inclusion_list=kept))


def text(message: Message) -> str:
    """The message as a configuration file; equal messages give equal texts."""
    return json.dumps(to_dict(message), indent=2, sort_keys=True) + "\n"
