"""One Gateway of the graph → its GatewayIR."""

from collections.abc import Sequence, Set
from operator import attrgetter

from gateway_api.graph.types import Graph
from gateway_api.ir import xds as ir
from gateway_api.lowering.backends import with_certificate
from gateway_api.lowering.l4_routes import ServedBy, served_by
from gateway_api.lowering.listeners import (
    Handled,
    PortPlan,
    handle_http,
    handle_tcp,
    handle_tls,
    handle_udp,
    plan_of,
)
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
    plans = plan_of(graph.gateways[gateway], graph.settings)
    return scope_tables(lower_unscoped(graph, gateway, plans), graph.settings.route_scoping, scoped)


def lower_unscoped(graph: Graph, gateway: ObjectKey, plans: Sequence[PortPlan]) -> ir.GatewayIR:
    """As `lower_gateway`, with every route table used as a whole. `plans` are those of the Gateway's ports."""
    node = graph.gateways[gateway]
    http_routes = (routes.nodes[key] for routes in graph.http.values() for key in routes.of.get(gateway, ()))
    bound = bind_routes(gateway, http_routes)
    l4_routes = served_by(graph, gateway)
    handled = [_handle(plan, bound, l4_routes) for plan in plans]
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
            for (port, _), part in zip(plans, handled, strict=True)
        ),
        route_tables=tuple(sorted((table for part in handled for table in part.route_tables), key=_by_name)),
        clusters=tuple(sorted(clusters.values(), key=_by_name)),
        secrets=tuple(sorted(secrets.values(), key=_by_name)),
    )


def _handle(plan: PortPlan, bound: Bound, l4_routes: ServedBy) -> Handled:
    port, _ = plan
    match port.protocol:
        case "HTTP":
            return handle_http(plan, bound)
        case "HTTPS" | "TLS":
            return handle_tls(plan, bound, l4_routes)
        case "TCP":
            return handle_tcp(port, l4_routes)
        case "UDP":
            return handle_udp(port, l4_routes)
        case other:
            # Ours to prevent, not the user's: the graph lets no listener of a protocol that we do not know serve.
            raise AssertionError(f"listener of protocol {other} on port {port.number} serves")
