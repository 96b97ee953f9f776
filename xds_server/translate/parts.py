"""Route tables and scopes → what each route object brings to each hostname, and together again without some of it.

Only for resources that a proxy refused: they are decoded, which nothing else of ours ever does with an encoding.
"""

from collections.abc import Iterable, Mapping, Set

from protos import route as pb
from protos.encode import encode
from xds_server.snapshot.isolation import Bluntness, Unit
from xds_server.snapshot.resource import Resource, ResourceType, digest, make_resource

FAILURE = 500
"""Spec: Gateway API v1.6 HTTPRouteRule, what cannot be served as it is written."""


def divide(type_: ResourceType, resource: Resource) -> "TableParts | None":
    """Take a route table, or a scope, apart. Cost: decodes it."""
    match type_:
        case ResourceType.ROUTE:
            return TableParts(resource, pb.RouteConfiguration.FromString(resource.body))
        case ResourceType.SCOPED_ROUTE:
            scope = pb.ScopedRouteConfiguration.FromString(resource.body)
            return TableParts(resource, scope.route_configuration, scope)
        case _:
            return None


class TableParts:
    """See `xds_server.snapshot.isolation.Parts`."""

    def __init__(
        self, resource: Resource, table: pb.RouteConfiguration, scope: pb.ScopedRouteConfiguration | None = None
    ) -> None:
        self.resource = resource
        self._table = table
        self._scope = scope
        self._hosts = {host.domains[0]: host for host in table.virtual_hosts}
        routes: dict[Unit, list[bytes]] = {}
        for hostname, host in self._hosts.items():
            for route in host.routes:
                routes.setdefault(Unit(hostname, _source(route)), []).append(encode(route))
        self.units: Mapping[Unit, int] = {unit: digest(b"".join(each)) for unit, each in routes.items()}

    def blunted(self, units: Mapping[Unit, Bluntness]) -> "TableParts":
        """See `Parts`. A hostname stays, also without routes: no wildcard is to serve it."""
        of: dict[str, dict[str, Bluntness]] = {}
        for unit, bluntness in units.items():
            of.setdefault(unit.hostname, {})[unit.source] = bluntness
        hosts = {hostname: _blunted(self._hosts[hostname], sources) for hostname, sources in of.items()}
        return self._with({**self._hosts, **hosts}) if units else self

    def holding_back(self, units: Set[Unit], old: "TableParts | None") -> "TableParts":
        """See `Parts`."""
        if not units:
            return self
        before = old.units if old else {}
        held = _by_hostname(units)
        free = _by_hostname(unit for unit in self.units.keys() - units if self.units[unit] != before.get(unit))
        hosts = dict(self._hosts)
        for hostname, sources in held.items():
            was = old._hosts.get(hostname) if old else None
            now = hosts.pop(hostname)
            if hostname in free:
                hosts[hostname] = _holding_back(now, sources, was)
            elif was is not None:
                hosts[hostname] = was
        return self._with(hosts, old.resource.depends_on if old else ())

    def _with(
        self, hosts: Mapping[str, pb.VirtualHost], depends_on: Iterable[tuple[ResourceType, str]] = ()
    ) -> "TableParts":
        """The same table of these hosts, in their old order."""
        references = sorted({*self.resource.depends_on, *depends_on})
        table = pb.RouteConfiguration()
        table.CopyFrom(self._table)
        del table.virtual_hosts[:]
        table.virtual_hosts.extend(hosts[hostname] for hostname in self._hosts if hostname in hosts)
        if self._scope is None:
            return TableParts(make_resource(self.resource.name, encode(table), references), table)
        scope = pb.ScopedRouteConfiguration()
        scope.CopyFrom(self._scope)
        scope.route_configuration.CopyFrom(table)
        return TableParts(make_resource(self.resource.name, encode(scope), references), table, scope)


def _by_hostname(units: Iterable[Unit]) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = {}
    for hostname, source in units:
        found.setdefault(hostname, set()).add(source)
    return found


def _source(route: pb.Route) -> str:
    return "/".join(route.name.split("/")[:3])  # as `ir.Route.name` begins


def _blunted(host: pb.VirtualHost, sources: Mapping[str, Bluntness]) -> pb.VirtualHost:
    """Each route in its place: what goes before what must not change."""
    kept = (route for route in host.routes if sources.get(_source(route)) is not Bluntness.LEFT_OUT)
    return _host_of(host, (_failing(route) if _source(route) in sources else route for route in kept))


def _holding_back(host: pb.VirtualHost, sources: Set[str], old: pb.VirtualHost | None) -> pb.VirtualHost:
    """Each old route in the place of the new one of its name."""
    before: dict[str, list[pb.Route]] = {}
    for route in old.routes if old else ():
        before.setdefault(route.name, []).append(route)
    routes: list[pb.Route] = []
    for route in host.routes:
        routes += before.pop(route.name, ()) if _source(route) in sources else [route]
    return _host_of(host, routes)


def _failing(route: pb.Route) -> pb.Route:
    return pb.Route(name=route.name, match=route.match, direct_response=pb.DirectResponseAction(status=FAILURE))


def _host_of(host: pb.VirtualHost, routes: Iterable[pb.Route]) -> pb.VirtualHost:
    result = pb.VirtualHost()
    result.CopyFrom(host)
    del result.routes[:]
    result.routes.extend(routes)
    return result
