"""One Graph after the other, and what is reported back → the statuses after each, at the cost of what changed.

`build.build_statuses` says what the result has to equal; a property test holds both against each other.
"""

from collections.abc import Iterable, Mapping

import msgspec

from gateway_api.graph.attached import bound_gateways
from gateway_api.graph.change import GraphChange
from gateway_api.graph.mappings import not_equal, not_same, replaced
from gateway_api.graph.types import Graph, Settings
from gateway_api.ir.fleet import FleetReport, GatewayFleet
from gateway_api.ir.infra import GatewayInfra, InfraReport
from gateway_api.status.build import served_tcp_routes, withdrawn
from gateway_api.status.gateway import gateway_status
from gateway_api.status.gateway_class import gateway_class_status
from gateway_api.status.route import http_route_status, tcp_route_status
from gateway_api.status.types import Body, Statuses, StatusKey
from k8s_watch.keys import ObjectKey


class StatusKeeper:
    """Keeps the statuses of one keeper's graphs up to date."""

    def __init__(self) -> None:
        self._desk: _Desk | None = None

    def update(
        self, graph: Graph, change: GraphChange, fleet: FleetReport, infra: InfraReport
    ) -> tuple[Statuses, frozenset[StatusKey]]:
        """Return the statuses, equal to a full build's, and the keys at which they differ from those returned last.

        What did not change is the same object as last time, the mapping included. `change` is what came with `graph`.
        It may be given again, with other reports, and graphs may be skipped: then nodes are compared by identity.
        Whatever is raised, the next update says everything anew.

        Spec: Gateway API v1.6 GatewayClassStatus, GatewayStatus, RouteStatus
        """
        # Taken away for as long as it is half of each: an exception must leave no such state behind.
        desk, self._desk = self._desk or _Desk(graph.settings), None
        done = desk.update(graph, change, fleet, infra)
        self._desk = desk
        return done

    def reset(self) -> None:
        """Forget everything: the next update says everything anew, and all of it differs."""
        self._desk = None


class _Touched(msgspec.Struct):
    """The nodes that may have another status."""

    gateway_classes: set[ObjectKey]
    gateways: set[ObjectKey]
    http_routes: set[ObjectKey]
    tcp_routes: set[ObjectKey]


class _Desk:
    """The state between two updates."""

    def __init__(self, settings: Settings) -> None:
        self._graph = Graph(settings=settings)
        self._fleet = FleetReport()
        self._infra = InfraReport()
        self._served: dict[ObjectKey, Mapping[str, ObjectKey]] = {}
        """See `served_tcp_routes`."""
        self._statuses: Statuses = {}

    def update(
        self, graph: Graph, change: GraphChange, fleet: FleetReport, infra: InfraReport
    ) -> tuple[Statuses, frozenset[StatusKey]]:
        """See `StatusKeeper.update`."""
        before = self._graph
        touched = _touched(before, graph, change)
        touched.gateways |= not_equal(self._fleet.gateways, fleet.gateways)
        touched.gateways |= not_equal(self._infra.gateways, infra.gateways)
        touched.http_routes |= _forsaken(before, "HTTPRoute") ^ _forsaken(graph, "HTTPRoute")
        touched.tcp_routes |= _forsaken(before, "TCPRoute") ^ _forsaken(graph, "TCPRoute")
        touched.tcp_routes |= self._waiting(graph, touched.tcp_routes)
        self._graph, self._fleet, self._infra = graph, fleet, infra
        return self._say(touched)

    def _waiting(self, graph: Graph, moved: Iterable[ObjectKey]) -> set[ObjectKey]:
        """Return the TCPRoutes of each Gateway on which another one is served than before: who waits says for whom."""
        nodes = [routes[key] for key in moved for routes in (self._graph.tcp_routes, graph.tcp_routes) if key in routes]
        found: set[ObjectKey] = set()
        for gateway in frozenset().union(*map(bound_gateways, nodes)):
            served = served_tcp_routes(graph, gateway)
            if served != self._served.get(gateway, {}):
                found.update(graph.tcp_routes_of.get(gateway, ()))
                self._served[gateway] = served
                if not served:
                    del self._served[gateway]
        return found

    def _say(self, touched: _Touched) -> tuple[Statuses, frozenset[StatusKey]]:
        wishes: list[tuple[str, ObjectKey, Body | None]] = [
            *(("GatewayClass", key, self._gateway_class(key)) for key in touched.gateway_classes),
            *(("Gateway", key, self._gateway(key)) for key in touched.gateways),
            *(("HTTPRoute", key, self._http_route(key)) for key in touched.http_routes),
            *(("TCPRoute", key, self._tcp_route(key)) for key in touched.tcp_routes),
        ]
        said = {StatusKey(kind=kind, key=key): body for kind, key, body in wishes}
        news = {key: body for key, body in said.items() if self._statuses.get(key) != body}
        if news:
            self._statuses = replaced(self._statuses, news)
        return self._statuses, frozenset(news)

    def _gateway_class(self, key: ObjectKey) -> Body | None:
        node = self._graph.gateway_classes.get(key)
        return None if node is None else gateway_class_status(node, self._graph.settings)

    def _gateway(self, key: ObjectKey) -> Body | None:
        node = self._graph.gateways.get(key)
        if node is None:
            return None
        fleet = self._fleet.gateways.get(key, GatewayFleet())
        return gateway_status(node, fleet, self._infra.gateways.get(key, GatewayInfra()))

    def _http_route(self, key: ObjectKey) -> Body | None:
        node = self._graph.http_routes.get(key)
        if node is None:
            return self._withdrawn("HTTPRoute", key)
        return http_route_status(node, self._graph.settings.controller_name)

    def _tcp_route(self, key: ObjectKey) -> Body | None:
        node = self._graph.tcp_routes.get(key)
        if node is None:
            return self._withdrawn("TCPRoute", key)
        return tcp_route_status(node, self._graph.settings.controller_name, self._served)

    def _withdrawn(self, kind: str, key: ObjectKey) -> Body | None:
        return withdrawn(self._graph.settings.controller_name) if key in _forsaken(self._graph, kind) else None


def _touched(before: Graph, graph: Graph, change: GraphChange) -> _Touched:
    if graph is before:
        return _Touched(set(), set(), set(), set())
    if change.before is before:
        return _Touched(
            set(change.gateway_classes), set(change.gateways), set(change.http_routes), set(change.tcp_routes)
        )
    return _Touched(
        set(not_same(before.gateway_classes, graph.gateway_classes)),
        set(not_same(before.gateways, graph.gateways)),
        set(not_same(before.http_routes, graph.http_routes)),
        set(not_same(before.tcp_routes, graph.tcp_routes)),
    )


def _forsaken(graph: Graph, kind: str) -> frozenset[ObjectKey]:
    return graph.forsaken.get(kind, frozenset())
