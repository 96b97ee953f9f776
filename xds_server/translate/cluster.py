"""ir.Cluster → Cluster, its endpoints over EDS."""

from google.protobuf.any_pb2 import Any as AnyMessage

from gateway_api.ir import xds as ir
from protos import cluster as pb
from protos import core, endpoint
from protos.encode import encode, pack
from protos.values import seconds, uint32, uint64
from protos.wrap import protocol_options
from xds_server.snapshot.resource import Resource, ResourceType, make_resource
from xds_server.translate.socket_options import UNACKNOWLEDGED
from xds_server.translate.sources import ADS
from xds_server.translate.upstream_tls import transport_socket

CONNECT_TIMEOUT = 10.0
"""Seconds; as Envoy Gateway."""

BUFFER_LIMIT = 32 * 1024
"""Bytes held per upstream connection before its reader is paused."""

MAX_RETRIES = 1024
"""Parallel retries; Envoy's own 3 would turn a rollout's retried connects into errors."""

MAX_SESSIONS = 64 * 1024
"""Clients of a UDP backend at a time; each counts for a minute after its last datagram. Envoy's own limit is 1,024."""

NO_LIMIT = 2**32 - 1
"""Of connections and requests to a backend. Envoy's own 1,024, of a whole Service and for each proxy, would close the
next connection of a database, or answer 503 beside as many WebSockets; Gateway API knows no such limit."""

MAX_COPIES = 1024
"""Mirrored requests under way at a time, of a backend and in each proxy; those beyond are not sent. No client's
going ends one whose backend does not answer, and each may hold a connection."""

COPY_TIMEOUT = 300.0
"""Seconds that one may take; a route with a shorter timeout ends it earlier."""

KEEPALIVE = pb.UpstreamConnectionOptions(
    tcp_keepalive=core.TcpKeepalive(
        keepalive_time=uint32(30), keepalive_interval=uint32(10), keepalive_probes=uint32(3)
    )
)
"""Finds a node that vanished without a word in a minute, while nothing is sent to it. HTTP/2's pings would find it too,
but gRPC servers take a ping every minute for an attack."""

GIVES_UP = core.BindConfig(socket_options=UNACKNOWLEDGED)
"""The same while something was sent. For HTTP/2 alone, where many calls wait on one connection, and servers hold their
clients back by other means than not to read; not where HTTP/1.1 may come out, whose servers may read slowly."""

HTTP2 = core.Http2ProtocolOptions(
    initial_stream_window_size=uint32(64 * 1024), initial_connection_window_size=uint32(1024 * 1024)
)


LEAST_REQUESTS_NEARBY = pack(
    pb.LeastRequest(
        locality_lb_config=pb.LocalityLbConfig(
            zone_aware_lb_config=pb.LocalityLbConfig.ZoneAwareLbConfig(
                min_cluster_size=uint64(1),
                force_local_zone=pb.LocalityLbConfig.ZoneAwareLbConfig.ForceLocalZone(min_size=uint32(1)),
            )
        )
    )
)
"""All requests stay in the proxy's zone while one address there is ready. A proxy knows of its zone by its bootstrap.
Spec: Envoy v1.40, "Zone aware routing" """


def cluster(of: ir.Cluster) -> Resource:
    """One backend: least requests first, among the addresses that EDS brings, or those that its hostname has; those
    in the proxy's zone, if it is near.

    The panic threshold is 0 because EDS is the only source of health here: `endpoint.endpoints` decides what serves
    when nothing is ready, and Envoy must not send to draining addresses just because they are the majority.

    Spec: Envoy v1.40 config.cluster.v3.Cluster
    """
    message = pb.Cluster(
        name=of.name,
        connect_timeout=seconds(CONNECT_TIMEOUT),
        per_connection_buffer_limit_bytes=uint32(BUFFER_LIMIT),
        lb_policy=pb.Cluster.LEAST_REQUEST,
        common_lb_config=pb.Cluster.CommonLbConfig(healthy_panic_threshold=core.Percent(value=0)),
        circuit_breakers=pb.CircuitBreakers(thresholds=[_threshold(of)]),
        ignore_health_on_host_removal=True,
        transport_socket=transport_socket(of.tls) if of.tls else None,
        upstream_connection_options=None if of.protocol == "udp" else KEEPALIVE,
        upstream_bind_config=GIVES_UP if of.protocol == "http2" else None,
        typed_extension_protocol_options=_protocol_options(of),
    )
    if of.hostname:
        _look_up(message, of.hostname, of.port)
    else:
        message.type = pb.Cluster.EDS
        message.eds_cluster_config.CopyFrom(pb.Cluster.EdsClusterConfig(eds_config=ADS))
    if of.near:
        message.load_balancing_policy.policies.add().typed_extension_config.CopyFrom(
            core.TypedExtensionConfig(
                name="envoy.load_balancing_policies.least_request", typed_config=LEAST_REQUESTS_NEARBY
            )
        )
    endpoints = [] if of.hostname else [(ResourceType.ENDPOINT, of.name)]
    secrets = [(ResourceType.SECRET, secret.name) for secret in of.secrets]
    return make_resource(of.name, encode(message), [*endpoints, *secrets])


def _look_up(message: pb.Cluster, hostname: str, port: int) -> None:
    """By DNS, for as long as it says. The dot makes it a full name: no search in the pod's domains, where the cluster
    has names of its own."""
    message.type = pb.Cluster.STRICT_DNS
    message.respect_dns_ttl = True
    message.dns_lookup_family = pb.Cluster.V4_PREFERRED
    address = core.Address(socket_address=core.SocketAddress(address=f"{hostname}.", port_value=port))
    host = endpoint.LbEndpoint(endpoint=endpoint.Endpoint(address=address))
    message.load_assignment.cluster_name = message.name
    message.load_assignment.endpoints.add(lb_endpoints=[host])


def _threshold(of: ir.Cluster) -> pb.CircuitBreakers.Thresholds:
    if of.protocol == "udp":
        return pb.CircuitBreakers.Thresholds(max_connections=uint32(MAX_SESSIONS))
    retries = pb.CircuitBreakers.Thresholds(max_retries=uint32(MAX_RETRIES))
    if of.retry_budget:
        retries = pb.CircuitBreakers.Thresholds(retry_budget=_retry_budget(of.retry_budget))
    for limit in (retries.max_connections, retries.max_pending_requests, retries.max_requests):
        limit.value = MAX_COPIES if of.mirror else NO_LIMIT
    return retries


def _retry_budget(of: ir.RetryBudget) -> pb.CircuitBreakers.Thresholds.RetryBudget:
    return pb.CircuitBreakers.Thresholds.RetryBudget(
        budget_percent=core.Percent(value=of.percent), min_retry_concurrency=uint32(of.at_least)
    )


def _protocol_options(of: ir.Cluster) -> dict[str, AnyMessage]:
    if of.protocol not in ("http2", "auto") and not of.mirror:
        return {}
    options = pb.HttpProtocolOptions()
    if of.protocol == "http2":
        options.explicit_http_config.http2_protocol_options.CopyFrom(HTTP2)
    elif of.protocol == "auto":
        options.auto_config.http2_protocol_options.CopyFrom(HTTP2)
    else:
        options.explicit_http_config.http_protocol_options.SetInParent()
    if of.mirror:
        options.common_http_protocol_options.max_stream_duration.CopyFrom(seconds(COPY_TIMEOUT))
    return protocol_options(options)
