"""ir.RouteTable → RouteConfiguration.

A virtual host is encoded by itself, and a table is its hosts' encodings one after the other: a change of one route
costs its host, not the table.

Spec: Envoy v1.40 config.route.v3.RouteConfiguration, VirtualHost
"""

from collections.abc import Sequence, Set
from typing import NamedTuple

from gateway_api.ir import xds as ir
from protos import route as pb
from protos.encode import as_field, encode
from protos.values import uint64
from xds_server.snapshot.resource import Reference, Resource, ResourceType, digest, make_from_parts
from xds_server.translate.retry import retry_policy
from xds_server.translate.route import envoy_routes, named_clusters

RETRIED_BODY = 256 * 1024
"""Bytes of a request that are kept to try again. Beyond that there are no more tries; the connection's own
limit would answer 507 to an upload that comes between two."""


class EncodedHost(NamedTuple):
    """A virtual host as a field of a table's encoding, its digest, and what it depends on, in order: the clusters that
    its routes name, and its heir."""

    field: bytes
    digest: int
    depends_on: tuple[Reference, ...]


class EncodedRoute(NamedTuple):
    """A route as fields of its host's encoding, one for each of `envoy_routes`, and the clusters that it names."""

    field: bytes
    clusters: Set[str]


def virtual_host(of: ir.VirtualHost) -> EncodedHost:
    """One hostname with its routes, in their order."""
    return host_of_routes(of, [encoded_route(route, of.hostname) for route in of.routes])


def host_of_routes(of: ir.VirtualHost, routes: Sequence[EncodedRoute]) -> EncodedHost:
    """One hostname with its routes, encoded. Cost: copies their bytes.

    An heir is in the name, which means nothing to Envoy, for what the host depends on must show in its bytes.
    """
    name = of.hostname.replace(".", "_")
    start = encode(pb.VirtualHost(name=f"{name}, {of.heir}" if of.heir else name, domains=[of.hostname]))
    field = as_field(VIRTUAL_HOSTS, b"".join([start, *(route.field for route in routes), RETRIES_OF_A_HOST]))
    clusters = set[str]().union(*(route.clusters for route in routes))
    named = [(ResourceType.CLUSTER, name) for name in sorted(clusters)]
    heirs = [(ResourceType.ROUTE, of.heir)] if of.heir else []
    return EncodedHost(field, digest(field), (*named, *heirs))


def encoded_route(of: ir.Route, hostname: str) -> EncodedRoute:
    """One route of a hostname. The same for every hostname, unless `tells_hostname`."""
    routes = list(envoy_routes(of, hostname))
    clusters = set(named_clusters(of, routes)) - NO_CLUSTERS
    return EncodedRoute(b"".join(as_field(ROUTES, encode(route)) for route in routes), clusters)


def route_table(of: ir.RouteTable) -> Resource:
    """The hosts that one listener, or one filter chain, serves.

    A host without routes answers 404, like a host that is not there.
    """
    hosts = [virtual_host(host) for host in sorted(of.virtual_hosts, key=lambda host: host_place(host.hostname))]
    start = frame(of.name)
    total = digest(start) + sum(host.digest for host in hosts)
    depends_on = sorted({reference for host in hosts for reference in host.depends_on})
    return make_from_parts(of.name, total, (start, *(host.field for host in hosts)), depends_on)


def frame(name: str) -> bytes:
    """What comes before the fields of the hosts."""
    return encode(pb.RouteConfiguration(name=name, ignore_port_in_host_matching=True))


def host_place(hostname: str) -> tuple[bool, int, str]:
    """Sort key of a table's hosts. To Envoy their order means nothing; to people, the most specific first does."""
    return (hostname.startswith("*"), -len(hostname), hostname)


NO_CLUSTERS = {"", ir.INVALID_BACKEND}
"""What a route has in the place of a cluster's name that names none."""

VIRTUAL_HOSTS = pb.RouteConfiguration.VIRTUAL_HOSTS_FIELD_NUMBER
ROUTES = pb.VirtualHost.ROUTES_FIELD_NUMBER

RETRIES_OF_A_HOST = encode(
    pb.VirtualHost(retry_policy=retry_policy(None, None), request_body_buffer_limit=uint64(RETRIED_BODY))
)
