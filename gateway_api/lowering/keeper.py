"""One graph after the other → what differs in a Gateway's IR, at the cost of what changed in the graph.

Theory of operation. `lower_gateway` says what the result has to equal. Of a Gateway without HTTPRoutes it is cheap, and
says all but what routes bring: virtual hosts and clusters. Those are kept apart, each route with what it brings and
where to, so that a route that changes takes back what it brought and brings its new things. Virtual hosts that it
touched are made anew; a cluster is there for as long as something brings it. A change of the Gateway's own listeners is
rare and moves anything anywhere: then everything is built from the start, and held against what was there.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from operator import attrgetter

import msgspec

from gateway_api.graph.change import GraphChange
from gateway_api.graph.types import Graph, HTTPRouteNode
from gateway_api.ir import xds as ir
from gateway_api.ir.change import IRChange, TableChange
from gateway_api.lowering.frontend import Frontend
from gateway_api.lowering.gateway import lower_unscoped
from gateway_api.lowering.http_rules import RankedRoute, clusters_of, lower_route
from gateway_api.lowering.listeners import ports_of, tables_of
from gateway_api.lowering.route_tables import bindings_of, hostname_of
from gateway_api.lowering.scoping import with_scoping
from gateway_api.lowering.table_keeper import TableKeeper
from k8s_watch.keys import ObjectKey

_by_name = attrgetter("name")

type _RouteId = tuple[str, ObjectKey]
"""Kind and key."""


class GatewayKeeper:
    """Keeps the IR of one Gateway up to date. One that raised is to be thrown away: it may hold half of a change."""

    def __init__(self, gateway: ObjectKey) -> None:
        self._gateway = gateway
        self._kept: _Kept | None = None

    def update(self, graph: Graph, change: GraphChange) -> IRChange:
        """Return what differs since the last update; everything, the first time.

        `change` is what differs between the last update's graph and this one, which has the Gateway.
        """
        before = self._kept
        if before is None or change.everything or self._gateway in change.gateways_served:
            self._kept = _Kept(graph, self._gateway, frozenset(before.scopings if before else ()))
            return _difference(before.content if before else _NOTHING, self._kept.content)
        return before.update(graph, change)

    def ir(self) -> ir.GatewayIR:
        """Compose the whole, equal to `lower_gateway` of the last graph. Cost: linear in its size."""
        return self._kept.compose() if self._kept else ir.GatewayIR(gateway=self._gateway)


class _Content(msgspec.Struct, frozen=True):
    """The records of a Gateway by name; of a route table the virtual hosts by hostname."""

    listeners: Mapping[str, ir.Listener]
    route_tables: Mapping[str, Mapping[str, ir.VirtualHost]]
    clusters: Mapping[ir.ClusterName, ir.Cluster]
    secrets: Mapping[str, ir.Secret]
    scopings: Mapping[str, ir.Scoping]
    """Of the route tables that are scoped."""


_NOTHING = _Content({}, {}, {}, {}, {})


class _Part(msgspec.Struct, frozen=True):
    """What a route brings to one table."""

    table: TableKeeper
    hostnames: tuple[str, ...]
    routes: tuple[RankedRoute, ...]


class _Brought(msgspec.Struct, frozen=True):
    """What a route brings to the Gateway."""

    parts: tuple[_Part, ...]
    clusters: tuple[ir.Cluster, ...]


class _Kept:
    """What there is from one change of the Gateway's listeners to the next."""

    def __init__(self, graph: Graph, gateway: ObjectKey, scoped: Set[str]) -> None:
        self.scopings: dict[str, ir.Scoping] = {}
        """Of the route tables that are scoped."""
        self._gateway = gateway
        self._mode = graph.settings.route_scoping
        self._without_routes = _without_http_routes(graph, gateway)
        self._l4_routes = _l4_routes_of(graph, gateway)
        self._listeners: dict[str, tuple[TableKeeper, str]] = {}
        """Listener name → the table that serves it, and its hostname."""
        self._tables = self._make_tables(graph)
        self._clusters = _ClusterCounts()
        self._clusters.hold(self._without_routes.clusters)
        self._routes: dict[_RouteId, _Brought] = {}
        for kind, routes in graph.http.items():
            for key in routes.of.get(gateway, ()):
                self._bring((kind, key), routes.nodes[key])
        self._settle(scoped=scoped)

    @property
    def content(self) -> _Content:
        return _Content(
            listeners={listener.name: listener for listener in self._scoped_listeners()},
            route_tables={name: table.hosts for name, table in self._tables.items()},
            clusters=self._clusters.by_name,
            secrets={secret.name: secret for secret in self._without_routes.secrets},
            scopings=self.scopings,
        )

    def update(self, graph: Graph, change: GraphChange) -> IRChange:
        for kind, routes in graph.http.items():
            for key in change.routes_served.get(kind, ()):
                if brought := self._routes.pop((kind, key), None):
                    self._take_back(brought)
                if node := routes.nodes.get(key):
                    self._bring((kind, key), node)
        return self._settle(self._update_l4(graph, change), scoped=self.scopings.keys())

    def compose(self) -> ir.GatewayIR:
        return msgspec.structs.replace(
            self._without_routes,
            listeners=tuple(self._scoped_listeners()),
            route_tables=tuple(self._tables[name].table(self.scopings.get(name)) for name in sorted(self._tables)),
            clusters=tuple(sorted(self._clusters.by_name.values(), key=_by_name)),
        )

    def _make_tables(self, graph: Graph) -> dict[str, TableKeeper]:
        tables = {}
        without_routes = {table.name: table for table in self._without_routes.route_tables}
        node = graph.gateways[self._gateway]
        for port in ports_of(node.all_listeners) if node.serves else ():
            for plan in tables_of(port):
                table = tables[plan.name] = TableKeeper(plan, without_routes[plan.name])
                self._listeners |= {listener.name: (table, hostname_of(listener)) for listener in plan.listeners}
        return tables

    def _bring(self, route: _RouteId, node: HTTPRouteNode) -> None:
        lowered: dict[Frontend, tuple[RankedRoute, ...]] = {}
        parts = []
        for listener, hostnames in bindings_of(node, self._gateway).items():
            if listener not in self._listeners:
                continue
            table, own = self._listeners[listener]
            frontend = table.plan.frontend
            if frontend not in lowered:
                lowered[frontend] = lower_route(node, frontend)
            parts.append(_Part(table, table.owned(own, hostnames), lowered[frontend]))
        if not parts:
            return
        clusters = {cluster.name: cluster for rule in node.rules for cluster in clusters_of(rule)}
        brought = self._routes[route] = _Brought(tuple(parts), tuple(clusters.values()))
        for part in brought.parts:
            part.table.add(part.hostnames, part.routes)
        self._clusters.hold(brought.clusters)

    def _take_back(self, brought: _Brought) -> None:
        for part in brought.parts:
            part.table.remove(part.hostnames, part.routes)
        self._clusters.release(brought.clusters)

    def _update_l4(self, graph: Graph, change: GraphChange) -> dict[str, ir.Listener | None]:
        """Bytes have no virtual host to be kept in: their destinations are in the listener itself."""
        before, self._l4_routes = self._l4_routes, _l4_routes_of(graph, self._gateway)
        served = {(kind, key) for kind in graph.l4 for key in change.routes_served.get(kind, ())}
        if served.isdisjoint(before) and served.isdisjoint(self._l4_routes):
            return {}
        old, self._without_routes = self._without_routes, _without_http_routes(graph, self._gateway)
        self._clusters.release(old.clusters)
        self._clusters.hold(self._without_routes.clusters)
        pairs = zip(old.listeners, self._without_routes.listeners, strict=True)
        return {new.name: new for was, new in pairs if was != new}

    def _settle(self, listeners: Mapping[str, ir.Listener | None] | None = None, *, scoped: Set[str]) -> IRChange:
        tables: dict[str, TableChange | None] = {}
        scopings: dict[str, ir.Scoping | None] = {}
        for name, table in self._tables.items():
            if changed := table.settle():
                tables[name] = changed
            scoping = table.hostnames.scoping(self._mode, scoped=name in scoped)
            if scoping != self.scopings.get(name):
                scopings[name] = scoping
        self._scope(scopings)
        return IRChange(
            listeners={**self._listeners_of(scopings), **(listeners or {})},
            route_tables=tables,
            scopings=scopings,
            clusters=self._clusters.settle(),
        )

    def _scope(self, scopings: Mapping[str, ir.Scoping | None]) -> None:
        for name, scoping in scopings.items():
            if scoping is None:
                del self.scopings[name]
            else:
                self.scopings[name] = scoping

    def _listeners_of(self, tables: Collection[str]) -> dict[str, ir.Listener]:
        """Those that serve any of these tables, which is few and seldom."""
        return (
            {of.name: of for of in self._scoped_listeners() if not _tables_of(of).isdisjoint(tables)} if tables else {}
        )

    def _scoped_listeners(self) -> Iterator[ir.Listener]:
        return (with_scoping(listener, self.scopings) for listener in self._without_routes.listeners)


class _ClusterCounts:
    """Clusters, each there for as long as something holds it."""

    def __init__(self) -> None:
        self.by_name: dict[ir.ClusterName, ir.Cluster] = {}
        self._holders: dict[ir.ClusterName, int] = {}
        self._before: dict[ir.ClusterName, ir.Cluster | None] = {}

    def hold(self, clusters: Iterable[ir.Cluster]) -> None:
        for cluster in clusters:
            self._before.setdefault(cluster.name, self.by_name.get(cluster.name))
            self._holders[cluster.name] = self._holders.get(cluster.name, 0) + 1
            self.by_name[cluster.name] = cluster

    def release(self, clusters: Iterable[ir.Cluster]) -> None:
        for cluster in clusters:
            self._before.setdefault(cluster.name, self.by_name.get(cluster.name))
            self._holders[cluster.name] -= 1
            if not self._holders[cluster.name]:
                del self._holders[cluster.name], self.by_name[cluster.name]

    def settle(self) -> dict[ir.ClusterName, ir.Cluster | None]:
        """Return what differs since the last time."""
        before, self._before = self._before, {}
        return {name: now for name, old in before.items() if (now := self.by_name.get(name)) != old}


def _without_http_routes(graph: Graph, gateway: ObjectKey) -> ir.GatewayIR:
    return lower_unscoped(msgspec.structs.replace(graph, http={}), gateway)


def _l4_routes_of(graph: Graph, gateway: ObjectKey) -> frozenset[_RouteId]:
    return frozenset((kind, key) for kind, routes in graph.l4.items() for key in routes.of.get(gateway, ()))


def _tables_of(listener: ir.Listener) -> Set[str]:
    handlers = (chain.handler for chain in listener.filter_chains)
    return {handler.route_table for handler in handlers if isinstance(handler, ir.HttpChain)}


def _difference(before: _Content, after: _Content) -> IRChange:
    tables: dict[str, TableChange | None] = dict.fromkeys(before.route_tables.keys() - after.route_tables.keys())
    for name, hosts in after.route_tables.items():
        if (known := before.route_tables.get(name)) is None:
            tables[name] = dict(hosts)
        elif changed := _changed(known, hosts):
            tables[name] = changed
    return IRChange(
        listeners=_changed(before.listeners, after.listeners),
        route_tables=tables,
        scopings=_changed(before.scopings, after.scopings),
        clusters=_changed(before.clusters, after.clusters),
        secrets=_changed(before.secrets, after.secrets),
    )


def _changed[K, V](before: Mapping[K, V], after: Mapping[K, V]) -> dict[K, V | None]:
    changed: dict[K, V | None] = {key: value for key, value in after.items() if before.get(key) != value}
    return changed | dict.fromkeys(before.keys() - after.keys())
