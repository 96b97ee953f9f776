"""GatewayIR and Endpoints → Snapshot.

A snapshot remembers the records that it was made of. Given the one before, the next encodes only records that differ,
and what did not change keeps its identity: the resource, the set, the whole snapshot.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from gateway_api.ir import xds as ir
from xds_server.snapshot.resource import Resource, ResourceSet, ResourceType, Snapshot, make_set
from xds_server.translate.cluster import cluster
from xds_server.translate.endpoint import endpoints as endpoints_of
from xds_server.translate.listener import listener
from xds_server.translate.route import EncodedHost, route_table, virtual_host
from xds_server.translate.secret import secret


class Made[Record, Encoded](msgspec.Struct, frozen=True, eq=False):
    """A record, and what it was encoded to."""

    record: Record
    encoded: Encoded


type Memory[Record, Encoded] = Mapping[str, Made[Record, Encoded]]
"""By name."""


class EncodedTable(msgspec.Struct, frozen=True, eq=False):
    """A route table, with its virtual hosts by hostname."""

    resource: Resource
    hosts: Memory[ir.VirtualHost, EncodedHost] = {}


class AssembledSnapshot(Snapshot, frozen=True, eq=False):
    """A snapshot, and what it was made of."""

    clusters: Memory[ir.Cluster, Resource] = {}
    endpoints: Memory[ir.Endpoints, Resource] = {}
    secrets: Memory[ir.TlsSecret, Resource] = {}
    listeners: Memory[ir.Listener, Resource] = {}
    route_tables: Memory[ir.RouteTable, EncodedTable] = {}


NOTHING = AssembledSnapshot({})


def assemble(
    gateway: ir.GatewayIR, endpoints: Iterable[ir.Endpoints], previous: Snapshot | None = None
) -> AssembledSnapshot:
    """Everything that the proxies of one Gateway get.

    Each of the Gateway's clusters has its endpoints in the result: empty ones when `endpoints` has none, because Envoy
    holds back a cluster whose endpoints never come. Endpoints of other clusters are left out.

    `previous` is what this function gave before for the same Gateway; it changes the cost, never the content. Returns
    `previous` itself when nothing differs. Cost: encodes the records that differ from the previous ones of their name,
    and of a route table that differs only the virtual hosts that do.
    """
    old = previous if isinstance(previous, AssembledSnapshot) else NOTHING
    given = {each.cluster: each for each in endpoints}
    wanted = [given.get(of.name) or ir.Endpoints(cluster=of.name, endpoints=()) for of in gateway.clusters]
    made = AssembledSnapshot(
        by_type={},
        clusters=_make(gateway.clusters, lambda of: of.name, cluster, old.clusters),
        endpoints=_make(wanted, lambda of: of.cluster, endpoints_of, old.endpoints),
        secrets=_make(gateway.secrets, lambda of: of.name, secret, old.secrets),
        listeners=_make(gateway.listeners, lambda of: of.name, listener, old.listeners),
        route_tables=_make(
            gateway.route_tables, lambda of: of.name, lambda of: _table(of, old.route_tables), old.route_tables
        ),
    )
    sets = _sets(made, old)
    if old is not NOTHING and all(set_ is old.of(type_) for type_, set_ in sets.items()):
        return old
    return msgspec.structs.replace(made, by_type=sets)


def _make[Record, Encoded](
    records: Iterable[Record],
    name: Callable[[Record], str],
    build: Callable[[Record], Encoded],
    old: Memory[Record, Encoded],
) -> Memory[Record, Encoded]:
    """What each record is encoded to, taken from `old` where the record is equal; `old` itself when all are."""
    made = {}
    for record in records:
        known = old.get(name(record))
        if known is None or not (known.record is record or known.record == record):
            known = Made(record, build(record))
        made[name(record)] = known
    unchanged = len(made) == len(old) and all(old.get(key) is each for key, each in made.items())
    return old if unchanged else made


def _table(of: ir.RouteTable, old: Memory[ir.RouteTable, EncodedTable]) -> EncodedTable:
    known = old.get(of.name)
    known_hosts = known.encoded.hosts if known else {}
    hosts = _make(of.virtual_hosts, lambda host: host.hostname, virtual_host, known_hosts)
    return EncodedTable(route_table(of, lambda host: hosts[host.hostname].encoded), hosts)


def _sets(made: AssembledSnapshot, old: AssembledSnapshot) -> Mapping[ResourceType, ResourceSet]:
    tables = (each.encoded.resource for each in made.route_tables.values())
    changed = {
        ResourceType.CLUSTER: made.clusters is not old.clusters and _encoded(made.clusters),
        ResourceType.ENDPOINT: made.endpoints is not old.endpoints and _encoded(made.endpoints),
        ResourceType.SECRET: made.secrets is not old.secrets and _encoded(made.secrets),
        ResourceType.LISTENER: made.listeners is not old.listeners and _encoded(made.listeners),
        ResourceType.ROUTE: made.route_tables is not old.route_tables and tables,
    }
    return {type_: make_set(resources) if resources else old.of(type_) for type_, resources in changed.items()}


def _encoded[Record](memory: Memory[Record, Resource]) -> Iterator[Resource]:
    return (each.encoded for each in memory.values())
