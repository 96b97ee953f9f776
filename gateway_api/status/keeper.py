"""One Graph after the other, and what is reported back → the statuses after each, at the cost of what changed.

`build.build_statuses` says what the result has to equal; a property test holds both against each other.
"""

from collections.abc import Iterator, Mapping, Set

import msgspec
from immutables import Map

from gateway_api.graph.attached import bound_gateways
from gateway_api.graph.change import GraphChange
from gateway_api.graph.mappings import not_equal, not_same, replaced
from gateway_api.graph.routes.claims import Claims, claims
from gateway_api.graph.types import Graph, GraphSettings, HTTPRouteNode, L4RouteNode, Policies, RouteId, Routes
from gateway_api.ir.fleet import FleetReport
from gateway_api.ir.infra import GatewayInfra, InfraReport
from gateway_api.status.gateway import gateway_status
from gateway_api.status.gateway_class import gateway_class_status
from gateway_api.status.listener_set import ORPHANED, Verdict, listener_set_status, verdict_of
from gateway_api.status.policy import policy_status, withdrawn_policy
from gateway_api.status.route import http_route_status, l4_route_status, withdrawn_route
from gateway_api.status.types import Body, GatewayStatus, StatusKey
from k8s_watch.keys import ObjectKey


class StatusKeeper:
    """Keeps the statuses of one keeper's graphs up to date."""

    def __init__(self) -> None:
        self._desk: _Desk | None = None

    def update(
        self, graph: Graph, change: GraphChange, fleet: FleetReport, infra: InfraReport
    ) -> tuple[Map[StatusKey, Body], frozenset[StatusKey]]:
        """Return the statuses, equal to a full build's, and the keys at which they differ from those returned last.

        What did not change is the same object as last time, the mapping included. `change` is what differs since the
        graph that was given last; since another one, nodes are compared by identity, which costs a look at each.
        Whatever is raised, the next update says everything anew.

        Spec: Gateway API v1.6 GatewayClassStatus, GatewayStatus, ListenerSetStatus, RouteStatus
        """
        # Taken away for as long as it is half of each: an exception must leave no such state behind.
        desk, self._desk = self._desk or _Desk(graph.settings), None
        done = desk.update(graph, change, fleet, infra)
        self._desk = desk
        return done


class _Touched(msgspec.Struct):
    """The nodes that may have another status."""

    gateway_classes: set[ObjectKey]
    gateways: set[ObjectKey]
    listener_sets: set[ObjectKey]
    routes: dict[str, set[ObjectKey]]
    """By kind."""
    policies: dict[str, set[ObjectKey]]
    """By kind."""


class _Desk:
    """The state between two updates."""

    def __init__(self, settings: GraphSettings) -> None:
        self._graph = Graph(settings=settings)
        self._fleet = FleetReport()
        self._infra = InfraReport()
        self._claimed: dict[ObjectKey, Claims] = {}
        """By Gateway, those with any."""
        self._verdicts: dict[ObjectKey, Verdict] = {}
        """By Gateway: what their ListenerSets heard last."""
        self._statuses: Map[StatusKey, Body] = Map()

    def update(
        self, graph: Graph, change: GraphChange, fleet: FleetReport, infra: InfraReport
    ) -> tuple[Map[StatusKey, Body], frozenset[StatusKey]]:
        """See `StatusKeeper.update`."""
        before = self._graph
        touched = _touched(before, graph, change)
        heard = not_equal(self._fleet.gateways, fleet.gateways)
        touched.gateways |= heard
        for id_ in _judged_by_proxies(heard, self._fleet, fleet, graph):
            touched.routes[id_.kind].add(id_.key)
        touched.gateways |= not_equal(self._infra.gateways, infra.gateways)
        if self._infra.bundles != infra.bundles:
            touched.gateway_classes.update(graph.gateway_classes)
        touched.listener_sets |= before.orphans ^ graph.orphans
        for kind, routes in graph.routes.items():
            touched.routes[kind] |= before.routes.get(kind, Routes()).forsaken ^ routes.forsaken
        for kind, policies in graph.policies.items():
            touched.policies[kind] |= before.policies.get(kind, Policies()).forsaken ^ policies.forsaken
        for id_ in self._waiting(before, graph, touched):
            touched.routes[id_.kind].add(id_.key)
        self._graph, self._fleet, self._infra = graph, fleet, infra
        return self._say(touched)

    def _waiting(self, before: Graph, now: Graph, touched: _Touched) -> set[RouteId]:
        """Return the routes that claim a place that another one serves than before: who waits says for whom."""
        nodes = [
            routes.nodes[key]
            for graph in (before, now)
            for kind, routes in graph.l4.items()
            for key in touched.routes[kind]
            if key in routes.nodes
        ]
        found: set[RouteId] = set()
        for gateway in frozenset().union(*map(bound_gateways, nodes)):
            claimed = claims(now, gateway)
            for place in not_equal(self._claimed.get(gateway, {}), claimed):
                found.update(claimed.get(place, ()))
            self._claimed[gateway] = claimed
            if not claimed:
                del self._claimed[gateway]
        return found

    def _say(self, touched: _Touched) -> tuple[Map[StatusKey, Body], frozenset[StatusKey]]:
        gateways = {key: self._gateway(key) for key in touched.gateways}
        wishes: list[tuple[str, ObjectKey, Body | None]] = [
            *(("GatewayClass", key, self._gateway_class(key)) for key in touched.gateway_classes),
            *(("Gateway", key, body) for key, body in gateways.items()),
            *(
                ("ListenerSet", key, self._listener_set(key))
                for key in self._judged_otherwise(gateways) | touched.listener_sets
            ),
            *((kind, key, self._route(kind, key)) for kind, keys in touched.routes.items() for key in keys),
            *((kind, key, self._policy(kind, key)) for kind, keys in touched.policies.items() for key in keys),
        ]
        said = {StatusKey(kind=kind, key=key): body for kind, key, body in wishes}
        news = {key: body for key, body in said.items() if self._statuses.get(key) != body}
        self._statuses = replaced(self._statuses, news)
        return self._statuses, frozenset(news)

    def _gateway_class(self, key: ObjectKey) -> Body | None:
        node = self._graph.gateway_classes.get(key)
        return None if node is None else gateway_class_status(node, self._graph.settings, self._infra.bundles)

    def _gateway(self, key: ObjectKey) -> GatewayStatus | None:
        node = self._graph.gateways.get(key)
        if node is None:
            return None
        return gateway_status(node, self._fleet.of(key), self._infra.gateways.get(key, GatewayInfra()))

    def _judged_otherwise(self, gateways: Mapping[ObjectKey, GatewayStatus | None]) -> set[ObjectKey]:
        """Take in the verdicts of these Gateways; return the ListenerSets of each that has another one than before."""
        found: set[ObjectKey] = set()
        for key, status in gateways.items():
            if status is None:
                self._verdicts.pop(key, None)
            elif (verdict := verdict_of(status)) != self._verdicts.get(key):
                self._verdicts[key] = verdict
                found.update(self._graph.gateways[key].listener_sets)
        return found

    def _listener_set(self, key: ObjectKey) -> Body | None:
        node = self._graph.listener_sets.get(key)
        if node is None:
            return ORPHANED if key in self._graph.orphans else None
        return listener_set_status(node, self._verdicts[node.gateway])

    def _route(self, kind: str, key: ObjectKey) -> Body | None:
        controller_name = self._graph.settings.controller_name
        match self._graph.routes[kind].nodes.get(key):
            case HTTPRouteNode() as node:
                return http_route_status(node, controller_name, self._fleet)
            case L4RouteNode() as node:
                return l4_route_status(RouteId(kind, key), node, controller_name, self._claimed)
            case _:
                return withdrawn_route(controller_name) if key in self._graph.routes[kind].forsaken else None

    def _policy(self, kind: str, key: ObjectKey) -> Body | None:
        controller_name, policies = self._graph.settings.controller_name, self._graph.policies[kind]
        if key in policies.nodes:
            return policy_status(policies.nodes[key], controller_name)
        return withdrawn_policy(kind, controller_name) if key in policies.forsaken else None


def _touched(before: Graph, graph: Graph, change: GraphChange) -> _Touched:
    if change.before is before:
        routes = {kind: set(change.routes.get(kind, ())) for kind in graph.routes}
        policies = {kind: set(change.policies.get(kind, ())) for kind in graph.policies}
        return _Touched(set(change.gateway_classes), set(change.gateways), set(change.listener_sets), routes, policies)
    return _Touched(
        set(not_same(before.gateway_classes, graph.gateway_classes)),
        set(not_same(before.gateways, graph.gateways)),
        set(not_same(before.listener_sets, graph.listener_sets)),
        {
            kind: set(not_same(before.routes.get(kind, Routes()).nodes, routes.nodes))
            for kind, routes in graph.routes.items()
        },
        {
            kind: set(not_same(before.policies.get(kind, Policies()).nodes, policies.nodes))
            for kind, policies in graph.policies.items()
        },
    )


def _judged_by_proxies(
    gateways: Set[ObjectKey], before: FleetReport, now: FleetReport, graph: Graph
) -> Iterator[RouteId]:
    """Yield the routes of which these Gateways' proxies refuse something else than before."""
    for gateway in gateways:
        titles = {each.source for each in {*before.of(gateway).refused} ^ {*now.of(gateway).refused}}
        for kind, routes in graph.http.items() if titles else ():
            for key in routes.of.get(gateway, ()):
                if routes.nodes[key].source.title in titles:
                    yield RouteId(kind, key)
