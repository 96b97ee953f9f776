"""What differs in one Gateway's IR → its next Snapshot, at the cost of what differs.

`assemble` says what the result has to equal. A record that differs is encoded; the sets of resources are copies of
those before with the new resources in them (`change_set`), and know what they were made from.
"""

from collections.abc import Callable, Iterator, Mapping

from gateway_api.ir import xds as ir
from gateway_api.ir.change import EndpointsChange, IRChange
from xds_server.snapshot.resource import Resource, ResourceSet, ResourceType, Snapshot, change_set
from xds_server.translate.cluster import cluster
from xds_server.translate.endpoint import endpoints
from xds_server.translate.listener import ListenerKeeper
from xds_server.translate.scope_keeper import ScopeKeeper
from xds_server.translate.secret import secret
from xds_server.translate.table_keeper import TableKeeper

type Encoded = Mapping[str, Resource | None]
"""By name; None for what is there no more."""


class SnapshotKeeper:
    """Keeps the snapshot of one Gateway up to date. One that raised is to be thrown away: it may hold half a change."""

    def __init__(self) -> None:
        self._snapshot = Snapshot({})
        self._listeners: dict[str, ListenerKeeper] = {}
        self._tables: dict[str, TableKeeper] = {}
        self._scopes: dict[str, ScopeKeeper] = {}
        self._scopings: dict[str, ir.Scoping] = {}

    def update(
        self,
        change: IRChange,
        endpoints_change: EndpointsChange,
        encode_endpoints: Callable[[ir.Endpoints], Resource] = endpoints,
    ) -> Snapshot:
        """Return everything that the proxies get; the last snapshot itself when nothing of it differs.

        Each cluster without a hostname has endpoints, empty ones where `endpoints_change` has none: Envoy holds back a
        cluster whose endpoints never come. Endpoints of clusters that are not there are left out.
        """
        changes: dict[ResourceType, Encoded] = {
            ResourceType.CLUSTER: _encoded(change.clusters, cluster),
            ResourceType.SECRET: {name: None if of is None else secret(of) for name, of in change.secrets.items()},
            ResourceType.LISTENER: dict(self._listeners_of(change)),
            ResourceType.ROUTE: dict(self._route_tables(change)),
        }
        changes[ResourceType.SCOPED_ROUTE] = dict(self._scoped_routes(change))  # of the tables as they are now
        sets = {type_: _changed(self._snapshot.of(type_), encoded) for type_, encoded in changes.items()}
        clusters, held = sets[ResourceType.CLUSTER], self._snapshot.of(ResourceType.ENDPOINT)
        wanted = dict(_wanted_endpoints(change, endpoints_change, clusters, held))
        sets[ResourceType.ENDPOINT] = _changed(held, _encoded(wanted, encode_endpoints))
        if any(after is not self._snapshot.of(type_) for type_, after in sets.items()):
            self._snapshot = Snapshot({**self._snapshot.by_type, **sets})
        return self._snapshot

    def _listeners_of(self, change: IRChange) -> Iterator[tuple[str, Resource | None]]:
        for name, listener in change.listeners.items():
            if listener is None:
                self._listeners.pop(name, None)
                yield name, None
                continue
            if name not in self._listeners:
                self._listeners[name] = ListenerKeeper()
            yield name, self._listeners[name].update(listener)

    def _route_tables(self, change: IRChange) -> Iterator[tuple[str, Resource | None]]:
        for name, hosts in change.route_tables.items():
            if hosts is None:
                self._tables.pop(name, None)
                yield name, None
                continue
            if name not in self._tables:
                self._tables[name] = TableKeeper(name)
            yield name, self._tables[name].update(hosts)

    def _scoped_routes(self, change: IRChange) -> Iterator[tuple[str, Resource | None]]:
        for name in {**change.route_tables, **change.scopings}:
            table = self._tables.get(name)
            scoping = change.scopings.get(name, self._scopings.get(name)) if table else None
            if scoping:
                self._scopings[name] = scoping
            elif self._scopings.pop(name, None) is None:
                continue
            changed = change.route_tables.get(name) or ()
            yield from self._scopes_of(name).update(table.hosts if table else {}, changed, scoping).items()
            if scoping is None:
                del self._scopes[name]

    def _scopes_of(self, table: str) -> ScopeKeeper:
        if table not in self._scopes:
            self._scopes[table] = ScopeKeeper(table)
        return self._scopes[table]


def _wanted_endpoints(
    change: IRChange, given: EndpointsChange, clusters: ResourceSet, held: ResourceSet
) -> Iterator[tuple[ir.ClusterName, ir.Endpoints | None]]:
    looked_up = {name for name, of in change.clusters.items() if of and of.hostname}
    for name in {**change.clusters, **given}.keys() - looked_up:
        if name not in clusters.by_name:
            yield name, None
        elif name in given or name not in held.by_name:
            yield name, given.get(name) or ir.Endpoints(cluster=name, endpoints=())


def _encoded[Name: str, Record](
    records: Mapping[Name, Record | None], encode: Callable[[Record], Resource]
) -> Mapping[str, Resource | None]:
    return {name: None if record is None else encode(record) for name, record in records.items()}


def _changed(old: ResourceSet, encoded: Encoded) -> ResourceSet:
    if not encoded:
        return old
    removals = (name for name, resource in encoded.items() if resource is None)
    return change_set(old, (resource for resource in encoded.values() if resource), removals)
