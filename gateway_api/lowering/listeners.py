"""A port → how it is served: filter chains or datagrams, route tables, and the clusters and secrets that they name."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from gateway_api.graph.hostnames import ANY
from gateway_api.graph.types import BackendNode, GatewayNode, GraphSettings
from gateway_api.ir import xds as ir
from gateway_api.lowering.backends import l4_destinations
from gateway_api.lowering.downstream_tls import downstream_tls, secrets_of
from gateway_api.lowering.frontend import Frontend
from gateway_api.lowering.http_rules import clusters_of
from gateway_api.lowering.l4_routes import ServedBy, closing_chain, tls_chains
from gateway_api.lowering.ports import Port, ports_of
from gateway_api.lowering.route_tables import Bound, TablePlan, misdirected, route_table


class Handled(msgspec.Struct, frozen=True):
    """How connections to a port, or datagrams, are handled and what that names. `clusters`, `secrets` may repeat."""

    filter_chains: tuple[ir.FilterChain, ...] = ()
    datagrams: ir.Datagrams | None = None
    route_tables: tuple[ir.RouteTable, ...] = ()
    clusters: tuple[ir.Cluster, ...] = ()
    secrets: tuple[ir.Secret, ...] = ()


class PortPlan(NamedTuple):
    """A port, and which route tables it has: none if it carries no HTTP."""

    port: Port
    tables: tuple[TablePlan, ...]


def plan_of(gateway: GatewayNode, settings: GraphSettings) -> tuple[PortPlan, ...]:
    """Say which ports a Gateway has, in order, and which of its listeners each of their route tables serves."""
    return tuple(PortPlan(port, _tables_of(port, settings)) for port in ports_of(gateway))


def _tables_of(port: Port, settings: GraphSettings) -> tuple[TablePlan, ...]:
    """List the route tables of a port.

    Without TLS one table serves them all: the Host header tells them apart. With TLS the connection's SNI does, and
    each has its own.

    Spec: Gateway API v1.6 Listener.hostname, "The Listener Hostname SHOULD match both the SNI and Host header"
    """
    hostnames = port.hostnames
    match port.protocol:
        case "HTTP":
            plan = TablePlan(
                name=f"http-{port.number}",
                frontend=Frontend("http", port.number, settings.request_timeout),
                listeners=port.listeners,
                on_port=hostnames,
                paths=settings.paths,
                unserved=tuple(listener.hostname for listener in port.unserved),
            )
            return (plan,)
        case "HTTPS" | "TLS":
            frontend = Frontend("https", port.number, settings.request_timeout)
            elsewhere = misdirected(hostnames)
            served = [listener for listener in port.listeners if listener.spec.protocol == "HTTPS"]
            tables = {listener.hostname: f"https-{port.number}/{listener.hostname}" for listener in served}
            return tuple(
                TablePlan(
                    name=tables[listener.hostname],
                    frontend=frontend,
                    listeners=(listener,),
                    on_port=hostnames,
                    paths=settings.paths,
                    misdirected={hostname: tables.get(hostname, "") for hostname in elsewhere[listener.hostname]},
                )
                for listener in served
            )
        case _:
            return ()


def handle_http(plan: PortPlan, bound: Bound) -> Handled:
    """Serve every HTTP listener of a port."""
    port, tables = plan
    return Handled(
        filter_chains=tuple(_http_chain(table) for table in tables),
        route_tables=tuple(route_table(table, bound) for table in tables),
        clusters=_clusters(port, bound),
    )


def handle_tls(plan: PortPlan, bound: Bound, routes: ServedBy) -> Handled:
    """Serve every HTTPS and TLS listener of a port, each with its own certificates; close what the others own.

    One for all hostnames owns what no chain takes, which is closed anyhow.
    """
    port, tables = plan
    hostnames = port.hostnames
    passing = [
        chain
        for listener in port.listeners
        if listener.spec.protocol == "TLS"
        for chain in tls_chains(listener, hostnames, routes.get(listener.name, {}))
    ]
    return Handled(
        filter_chains=(
            *(_https_chain(table) for table in tables),
            *(chain for chain, _ in passing),
            *(closing_chain(listener) for listener in port.unserved if listener.hostname != ANY),
        ),
        route_tables=tuple(route_table(table, bound) for table in tables),
        clusters=(*_clusters(port, bound), *_l4_clusters(backend for _, backends in passing for backend in backends)),
        secrets=tuple(secret for listener in port.listeners for secret in secrets_of(listener)),
    )


def handle_tcp(port: Port, routes: ServedBy) -> Handled:
    """Pass the bytes of every connection on a port to the backends of one route; without one, close it.

    Spec: Gateway API v1.6 TCPRouteRule
    """
    backends = _only_backends(port, routes)
    chain = ir.FilterChain(name=f"tcp-{port.number}", handler=ir.TcpChain(destinations=l4_destinations(backends)))
    return Handled(filter_chains=(chain,), clusters=tuple(_l4_clusters(backends)))


def handle_udp(port: Port, routes: ServedBy) -> Handled:
    """Pass the datagrams on a port to the backends of one route; without one, drop them.

    Spec: Gateway API v1.6 UDPRouteRule
    """
    backends = _only_backends(port, routes)
    datagrams = ir.Datagrams(destinations=l4_destinations(backends))
    return Handled(datagrams=datagrams, clusters=tuple(_l4_clusters(backends)))


def _http_chain(table: TablePlan) -> ir.FilterChain:
    return ir.FilterChain(name=table.name, handler=ir.HttpChain(route_table=table.name, paths=table.paths))


def _https_chain(table: TablePlan) -> ir.FilterChain:
    [listener] = table.listeners
    return msgspec.structs.replace(
        _http_chain(table),
        server_names=() if listener.hostname == ANY else (listener.hostname,),
        tls=downstream_tls(listener),
    )


def _clusters(port: Port, bound: Bound) -> tuple[ir.Cluster, ...]:
    return tuple(
        cluster
        for listener in port.listeners
        for binding in bound.get(listener.name, ())
        for rule in binding.route.rules
        for cluster in clusters_of(rule)
    )


def _only_backends(port: Port, routes: ServedBy) -> tuple[BackendNode, ...]:
    """Return those of the one route that serves the one listener of a port."""
    [listener] = port.listeners
    route = routes.get(listener.name, {}).get(ANY)
    return route.backends if route else ()


def _l4_clusters(backends: Iterable[BackendNode]) -> Iterator[ir.Cluster]:
    return (backend.cluster for backend in backends if isinstance(backend.cluster, ir.Cluster))
