"""One graph after the other → what differs in a Gateway's IR, at the cost of what changed in the graph.

Theory of operation. `lower_gateway` says what the result has to equal. Of a Gateway without HTTPRoutes it is cheap, and
says all but what routes bring: virtual hosts and clusters. Those are kept apart, each route with what it brings and
where to, so that a route that changes takes back what it brought and brings its new things. Virtual hosts that it
touched are made anew; a cluster, or a secret, is there for as long as something brings it.

When listeners change, all but what routes bring is said anew. Tables that stay keep what was brought to them; only the
routes on listeners that came, went, or share out their hostnames otherwise than before bring their things again. A
certificate that is renewed is another secret of the same name, and nothing more.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from operator import attrgetter
from typing import NamedTuple

import msgspec
from immutables import Map

from gateway_api.graph.change import GraphChange
from gateway_api.graph.hostnames import wider
from gateway_api.graph.mappings import not_equal, replaced
from gateway_api.graph.types import Graph, HTTPRouteNode, RouteId, Routes, RouteScoping
from gateway_api.ir import xds as ir
from gateway_api.ir.change import NO_CHANGE, IRChange, TableChange
from gateway_api.lowering.backends import with_certificate
from gateway_api.lowering.frontend import Frontend
from gateway_api.lowering.gateway import lower_unscoped
from gateway_api.lowering.held import Held
from gateway_api.lowering.http_rules import RankedRoute, clusters_of, lower_route
from gateway_api.lowering.listeners import PortPlan, plan_of
from gateway_api.lowering.ports import Port
from gateway_api.lowering.renewal import renewed_secrets
from gateway_api.lowering.route_tables import bindings_of
from gateway_api.lowering.scoping import with_scoping
from gateway_api.lowering.table_keeper import TableKeeper
from k8s_watch.keys import ObjectKey

_by_name = attrgetter("name")

type _PortId = tuple[ir.Transport, int]
"""Transport and number: TCP and UDP ports of one number are two."""


class _Place(NamedTuple):
    """Where a listener's routes go: its table, and the hostname that it has there."""

    table: TableKeeper
    own: str


class _Part(msgspec.Struct, frozen=True):
    """What a route brings to one table."""

    table: TableKeeper
    hostnames: tuple[str, ...]
    routes: tuple[RankedRoute, ...]


class _Brought(msgspec.Struct, frozen=True):
    """What a route brings to the Gateway."""

    node: HTTPRouteNode
    listeners: tuple[str, ...]
    """All that it is bound to, those that do not serve among them."""
    parts: tuple[_Part, ...] = ()
    clusters: Mapping[ir.ClusterName, ir.Cluster] = {}
    secrets: Mapping[str, ir.Secret] = {}


class GatewayKeeper:
    """Keeps the IR of one Gateway up to date. One that raised is to be thrown away: it may hold half of a change."""

    def __init__(self, gateway: ObjectKey, scoped: Set[str] = frozenset()) -> None:
        """`scoped` names the route tables that were scoped before, by another keeper of the Gateway."""
        self._gateway = gateway
        self._scoped_before = frozenset(scoped)
        self._started = False
        self._mode: RouteScoping = "auto"
        self._without_routes = ir.GatewayIR(gateway=gateway)
        self._listeners: Mapping[str, ir.Listener] = {}
        """As of the last update, by name."""
        self._tables: dict[str, TableKeeper] = {}
        self._stirred: set[str] = set()
        """The tables that may differ since the last update, by name: a Gateway with ListenerSets has thousands."""
        self._scopings: Map[str, ir.Scoping] = Map()
        """Of the route tables that are scoped."""
        self._on_port: dict[_PortId, frozenset[str]] = {}
        """Port → the hostnames that its tables share out."""
        self._places: dict[str, _Place] = {}
        """By the listener's name; only those that serve HTTP."""
        self._bound: defaultdict[str, set[RouteId]] = defaultdict(set)
        """Listener → the routes bound to it, whether it serves or not."""
        self._routes: dict[RouteId, _Brought] = {}
        self._shown: ir.TlsSecret | None = None
        """The certificate that the Gateway shows to its backends."""
        self._clusters: Held[ir.ClusterName, ir.Cluster] = Held()
        self._secrets: Held[str, ir.Secret] = Held()

    def update(self, graph: Graph, change: GraphChange) -> IRChange:
        """Return what differs since the last update; everything, the first time.

        `change` is what differs between the last update's graph and this one, which has the Gateway.
        """
        anew = change.everything or not self._started
        if not anew and change.before is graph:
            return NO_CHANGE
        self._started, self._mode = True, graph.settings.route_scoping
        before, known = self._without_routes, self._tables
        moved = change.routes_of.get(self._gateway, frozenset())
        if anew:
            touched = self._routes.keys() | _routes_of(graph.http, self._gateway)
        else:
            touched = {route for route in moved if route.kind in graph.http}
        relisten = anew or self._gateway in change.gateways_served
        if relisten and change.before and not anew:
            secrets = renewed_secrets(change.before.gateways.get(self._gateway), graph.gateways[self._gateway])
            if secrets is not None:
                relisten = False
                self._shown = graph.gateways[self._gateway].client_certificate
                self._secrets.renew(secrets)
        # Bytes have no virtual host to be kept in: their destinations are in the listener itself.
        if relisten or any(route.kind in graph.l4 for route in moved):
            plans = plan_of(graph.gateways[self._gateway], graph.settings)
            self._lower_without_routes(graph, plans)
            if relisten:
                touched |= self._listen(plans)
        for route in touched:
            self._take_back(route)
        if relisten:  # only now: what was taken back holds records of before, and the last one that is held counts
            self._show(graph.gateways[self._gateway].client_certificate)
        for route in touched:
            if node := graph.http[route.kind].nodes.get(route.key):
                self._bring(route, node)
        tables, scopings = self._settle(known)
        now = self._without_routes
        return IRChange(
            listeners=self._relist() if before is not now or scopings else {},
            route_tables=tables,
            scopings=scopings,
            clusters=self._clusters.settle(),
            secrets=self._secrets.settle(),
        )

    @property
    def scoped(self) -> frozenset[str]:
        """The route tables that are scoped. One that raised still knows: see `scoping` for why it matters."""
        return self._scoped_before.union(self._scopings)

    def _contested(self, port: Port, before: Mapping[_PortId, frozenset[str]]) -> Set[str]:
        """Note the hostnames that a port's listeners share out; return those listener hostnames whose share differs."""
        id_ = port.transport, port.number
        now = self._on_port[id_] = port.hostnames
        return {share for name in now ^ before.get(id_, frozenset()) for share in (name, *wider(name))}

    def _lower_without_routes(self, graph: Graph, plans: Sequence[PortPlan]) -> None:
        old = self._without_routes
        self._without_routes = lower_unscoped(msgspec.structs.replace(graph, http={}), self._gateway, plans)
        self._clusters.release(cluster.name for cluster in old.clusters)
        self._clusters.hold({cluster.name: cluster for cluster in self._without_routes.clusters})
        self._secrets.release(secret.name for secret in old.secrets)
        self._secrets.hold({secret.name: secret for secret in self._without_routes.secrets})

    def _show(self, certificate: ir.TlsSecret | None) -> None:
        """Have what routes brought show this certificate from now on; nothing else of it differs."""
        if certificate == self._shown:
            return
        self._shown = certificate
        for route, brought in self._routes.items():
            self._release(brought)
            self._routes[route] = self._hold(brought, brought.clusters.values())

    def _listen(self, plans: Iterable[PortPlan]) -> set[RouteId]:
        """Take in the Gateway's listeners; return the routes that bring their things elsewhere than before."""
        empty = {table.name: table for table in self._without_routes.route_tables}
        known, places, on_port = self._tables, self._places, self._on_port
        self._tables, self._places, self._on_port = {}, {}, {}
        moved: set[str] = set()
        for port, tables in plans:
            contested = self._contested(port, on_port)
            for plan in tables:
                if table := known.get(plan.name):
                    table.replan(plan, empty[plan.name])
                else:
                    table = TableKeeper(plan, empty[plan.name])
                self._tables[plan.name] = table
                for listener in plan.listeners:
                    place = self._places[listener.name] = _Place(table, listener.hostname)
                    if place.own in contested:
                        moved.add(listener.name)
        self._stirred.update(self._tables)
        moved.update(name for name in places.keys() | self._places.keys() if places.get(name) != self._places.get(name))
        return {route for name in moved for route in self._bound.get(name, ())}

    def _settle(
        self, known: Mapping[str, TableKeeper]
    ) -> tuple[dict[str, TableChange | None], dict[str, ir.Scoping | None]]:
        """Return what differs in the tables, which were `known`, and in how they are scoped."""
        gone = known.keys() - self._tables.keys()
        tables = dict[str, TableChange | None](dict.fromkeys(gone))
        scopings = dict[str, ir.Scoping | None](dict.fromkeys(name for name in gone if name in self._scopings))
        stirred, self._stirred = self._stirred & self._tables.keys(), set()
        for name in stirred:
            table = self._tables[name]
            changed: TableChange = table.settle()
            if name not in known:
                changed = dict(table.hosts)
            elif not changed:
                continue
            tables[name] = changed
            scoped = name in self._scopings or name in self._scoped_before
            scoping = table.hostnames.scoping(self._mode, scoped=scoped)
            if scoping != self._scopings.get(name):
                scopings[name] = scoping
        self._scopings, self._scoped_before = replaced(self._scopings, scopings), frozenset()
        return tables, scopings

    def _relist(self) -> dict[str, ir.Listener | None]:
        before, now = self._listeners, (with_scoping(of, self._scopings) for of in self._without_routes.listeners)
        self._listeners = {listener.name: listener for listener in now}
        return {name: self._listeners.get(name) for name in not_equal(before, self._listeners)}

    def _bring(self, route: RouteId, node: HTTPRouteNode) -> None:
        bindings = bindings_of(node, self._gateway)
        if not bindings:
            return
        lowered: dict[Frontend, tuple[RankedRoute, ...]] = {}
        parts = []
        for listener, hostnames in bindings.items():
            self._bound[listener].add(route)
            if listener not in self._places:
                continue
            table, own = self._places[listener]
            frontend = table.plan.frontend
            if frontend not in lowered:
                lowered[frontend] = lower_route(node, frontend)
            parts.append(_Part(table, table.owned(own, hostnames), lowered[frontend]))
        clusters = (of for rule in node.rules for of in clusters_of(rule)) if parts else ()
        brought = self._routes[route] = self._hold(_Brought(node, tuple(bindings), tuple(parts)), clusters)
        for part in brought.parts:
            part.table.add(node, part.hostnames, part.routes)
            self._stirred.add(part.table.plan.name)

    def _take_back(self, route: RouteId) -> None:
        brought = self._routes.pop(route, None)
        if brought is None:
            return
        for listener in brought.listeners:
            self._bound[listener].discard(route)
            if not self._bound[listener]:
                del self._bound[listener]
        for part in brought.parts:
            part.table.remove(brought.node, part.hostnames, part.routes)
            self._stirred.add(part.table.plan.name)
        self._release(brought)

    def _hold(self, brought: _Brought, found: Iterable[ir.Cluster]) -> _Brought:
        """Hold these clusters, and the secrets that they need, for what was brought; return it with them."""
        clusters = {cluster.name: self._shows(cluster) for cluster in found}
        secrets = {secret.name: secret for cluster in clusters.values() for secret in cluster.secrets}
        self._clusters.hold(clusters)
        self._secrets.hold(secrets)
        return msgspec.structs.replace(brought, clusters=clusters, secrets=secrets)

    def _shows(self, cluster: ir.Cluster) -> ir.Cluster:
        """As it is now: one that is held may have the certificate before, of which it tells proxies the name alone."""
        return with_certificate(cluster, self._shown)

    def _release(self, brought: _Brought) -> None:
        self._clusters.release(brought.clusters)
        self._secrets.release(brought.secrets)

    def ir(self) -> ir.GatewayIR:
        """Compose the whole, equal to `lower_gateway` of the last graph. Cost: linear in its size."""
        return msgspec.structs.replace(
            self._without_routes,
            listeners=tuple(self._listeners[listener.name] for listener in self._without_routes.listeners),
            route_tables=tuple(self._tables[name].table(self._scopings.get(name)) for name in sorted(self._tables)),
            clusters=tuple(sorted(map(self._shows, self._clusters.by_name.values()), key=_by_name)),
            secrets=tuple(sorted(self._secrets.by_name.values(), key=_by_name)),
        )


def _routes_of(kinds: Mapping[str, Routes[HTTPRouteNode]], gateway: ObjectKey) -> frozenset[RouteId]:
    return frozenset(RouteId(kind, key) for kind, routes in kinds.items() for key in routes.of.get(gateway, ()))
