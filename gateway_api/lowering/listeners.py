"""The listeners of one port → the ir.Listener that binds it, with its filter chains and route tables."""

from collections.abc import Iterable, Sequence
from itertools import groupby

import msgspec

from gateway_api.graph.hostnames import ANY
from gateway_api.graph.types import L4RouteNode, L4RuleNode, ListenerNode
from gateway_api.ir import xds as ir
from gateway_api.lowering.backends import tcp_destinations
from gateway_api.lowering.frontend import Frontend
from gateway_api.lowering.http_rules import clusters_of
from gateway_api.lowering.route_tables import Bound, TablePlan, hostname_of, misdirected, route_table


class Port(msgspec.Struct, frozen=True):
    """The serving listeners of one port, in spec order. They share a protocol: others conflict and do not serve."""

    number: int
    bind_port: int
    listeners: tuple[ListenerNode, ...]

    @property
    def protocol(self) -> str:
        return self.listeners[0].spec.protocol


class Handled(msgspec.Struct, frozen=True):
    """How connections to a port are handled, and what that names. `clusters` and `secrets` may repeat."""

    filter_chains: tuple[ir.FilterChain, ...]
    route_tables: tuple[ir.RouteTable, ...] = ()
    clusters: tuple[ir.Cluster, ...] = ()
    secrets: tuple[ir.Secret, ...] = ()


def ports_of(listeners: Iterable[ListenerNode]) -> tuple[Port, ...]:
    """Group the listeners that serve by port, in order of the port."""
    serving = sorted((listener for listener in listeners if listener.serves), key=_port)
    groups = (tuple(group) for _, group in groupby(serving, key=_port))
    return tuple(Port(group[0].spec.port, group[0].bind_port, group) for group in groups)


def tables_of(port: Port) -> tuple[TablePlan, ...]:
    """Say which route tables a port has and which of its listeners each serves: none for a port that carries no HTTP.

    Without TLS one table serves them all: the Host header tells them apart. With TLS the connection's SNI does, and
    each has its own.

    Spec: Gateway API v1.6 Listener.hostname, "The Listener Hostname SHOULD match both the SNI and Host header"
    """
    hostnames = frozenset(map(hostname_of, port.listeners))
    match port.protocol:
        case "HTTP":
            return (TablePlan(f"http-{port.number}", Frontend("http", port.number), port.listeners, hostnames),)
        case "HTTPS":
            frontend, elsewhere = Frontend("https", port.number), misdirected(hostnames)
            return tuple(
                TablePlan(
                    name=f"https-{port.number}/{listener.name}",
                    frontend=frontend,
                    listeners=(listener,),
                    on_port=hostnames,
                    misdirected=elsewhere[hostname_of(listener)],
                )
                for listener in port.listeners
            )
        case _:
            return ()


def handle_http(port: Port, bound: Bound) -> Handled:
    """Serve every HTTP listener of a port."""
    tables = tables_of(port)
    return Handled(
        filter_chains=tuple(_chain(table) for table in tables),
        route_tables=tuple(route_table(table, bound) for table in tables),
        clusters=_clusters(port, bound),
    )


def handle_https(port: Port, bound: Bound) -> Handled:
    """Serve every HTTPS listener of a port, each with its own certificates."""
    tables = tables_of(port)
    return Handled(
        filter_chains=tuple(_tls_chain(table.listeners[0], table.name) for table in tables),
        route_tables=tuple(route_table(table, bound) for table in tables),
        clusters=_clusters(port, bound),
        secrets=tuple(secret for listener in port.listeners for secret in secrets_of(listener)),
    )


def handle_tcp(port: Port, routes: Sequence[L4RouteNode]) -> Handled:
    """Pass the bytes of every connection on a port to the backends of one rule; without one, close it.

    `routes` come in order of precedence. Bytes tell nothing that could choose between two routes: the first that is
    bound here serves, the others wait.

    Spec: Gateway API v1.6 TCPRouteRule; GEP-713 conflict rules, "oldest"
    """
    rule = _rule_of(port.listeners[0], routes)
    backends = () if rule is None else rule.backends
    chain = ir.FilterChain(name=f"tcp-{port.number}", handler=ir.TcpChain(destinations=tcp_destinations(backends)))
    return Handled(filter_chains=(chain,), clusters=tuple(b.cluster for b in backends if b.cluster is not None))


def _chain(table: TablePlan) -> ir.FilterChain:
    return ir.FilterChain(name=table.name, handler=ir.HttpChain(route_table=table.name))


def _tls_chain(listener: ListenerNode, route_table: str) -> ir.FilterChain:
    hostname = hostname_of(listener)
    return ir.FilterChain(
        name=route_table,
        handler=ir.HttpChain(route_table=route_table),
        server_names=() if hostname == ANY else (hostname,),
        tls=downstream_tls(listener),
    )


def downstream_tls(listener: ListenerNode) -> ir.DownstreamTls:
    """Terminate TLS with the listener's certificates, for the clients that it lets in."""
    clients = listener.client_validation
    return ir.DownstreamTls(
        secrets=tuple(dict.fromkeys(secret.name for secret in listener.certificates)),
        client=None if clients is None else ir.ClientValidation(ca=clients.authorities.name, required=clients.required),
    )


def secrets_of(listener: ListenerNode) -> tuple[ir.Secret, ...]:
    """Return what its `downstream_tls` names."""
    clients = listener.client_validation
    return (*listener.certificates, *((clients.authorities,) if clients else ()))


def _clusters(port: Port, bound: Bound) -> tuple[ir.Cluster, ...]:
    return tuple(
        cluster
        for listener in port.listeners
        for binding in bound.get(listener.name, ())
        for rule in binding.route.rules
        for cluster in clusters_of(rule)
    )


def _rule_of(listener: ListenerNode, routes: Iterable[L4RouteNode]) -> L4RuleNode | None:
    return next((route.rules[0] for route in routes if route.rules and _is_bound(route, listener)), None)


def _is_bound(route: L4RouteNode, listener: ListenerNode) -> bool:
    return any(
        parent.gateway == listener.gateway and binding.listener == listener.name
        for parent in route.parents
        for binding in parent.bindings
    )


def _port(listener: ListenerNode) -> int:
    return listener.spec.port
