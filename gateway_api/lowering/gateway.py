"""One Gateway of the graph → its GatewayIR."""

from collections.abc import Set
from operator import attrgetter

from gateway_api.graph.types import Graph, GraphSettings
from gateway_api.ir import xds as ir
from gateway_api.lowering.backends import with_certificate
from gateway_api.lowering.l4_routes import ServedBy, served_by
from gateway_api.lowering.listeners import Handled, handle_http, handle_tcp, handle_tls, handle_udp
from gateway_api.lowering.ports import Port, ports_of
from gateway_api.lowering.route_tables import Bound, bind_routes
from gateway_api.lowering.scoping import scope_tables
from k8s_watch.keys import ObjectKey

_by_name = attrgetter("name")


def lower_gateway(graph: Graph, gateway: ObjectKey, scoped: Set[str] = frozenset()) -> ir.GatewayIR:
    """Say what the proxies of a Gateway must do.

    `scoped` names the route tables that are scoped now: one near the limit stays what it is (see `scoping`).
    `gateway` is one of `graph.gateways`. A listener that does not serve gets no place, but that others leave it what is
    its own; a Gateway that does not serve gets an empty configuration. Listeners are sorted by port; route tables,
    clusters and secrets by name. The result is closed, and equal for equal graphs whatever the order of their mappings.
    Nothing that a user wrote makes it raise.
    """
    return scope_tables(lower_unscoped(graph, gateway), graph.settings.route_scoping, scoped)


def lower_unscoped(graph: Graph, gateway: ObjectKey) -> ir.GatewayIR:
    """As `lower_gateway`, with every route table used as a whole."""
    node = graph.gateways[gateway]
    http_routes = (routes.nodes[key] for routes in graph.http.values() for key in routes.of.get(gateway, ()))
    bound = bind_routes(gateway, http_routes)
    l4_routes = served_by(graph, gateway)
    ports = ports_of(node)
    handled = [_handle(port, bound, l4_routes, graph.settings) for port in ports]
    shown = node.client_certificate
    clusters = {cluster.name: with_certificate(cluster, shown) for part in handled for cluster in part.clusters}
    brought = (*(part.secrets for part in handled), *(cluster.secrets for cluster in clusters.values()))
    secrets = {secret.name: secret for some in brought for secret in some}
    return ir.GatewayIR(
        gateway=gateway,
        listeners=tuple(
            ir.Listener(
                name=f"{port.transport.lower()}-{port.number}",
                port=port.number,
                bind_port=port.bind_port,
                filter_chains=part.filter_chains,
                datagrams=part.datagrams,
                bind_address=graph.settings.bind_address,
            )
            for port, part in zip(ports, handled, strict=True)
        ),
        route_tables=tuple(sorted((table for part in handled for table in part.route_tables), key=_by_name)),
        clusters=tuple(sorted(clusters.values(), key=_by_name)),
        secrets=tuple(sorted(secrets.values(), key=_by_name)),
    )


def _handle(port: Port, bound: Bound, l4_routes: ServedBy, settings: GraphSettings) -> Handled:
    match port.protocol:
        case "HTTP":
            return handle_http(port, bound, settings)
        case "HTTPS" | "TLS":
            return handle_tls(port, bound, l4_routes, settings)
        case "TCP":
            return handle_tcp(port, l4_routes)
        case "UDP":
            return handle_udp(port, l4_routes)
        case other:
            # Ours to prevent, not the user's: the graph lets no listener of a protocol that we do not know serve.
            raise AssertionError(f"listener of protocol {other} on port {port.number} serves")
