"""Route tables and scopes → what each route object brings to each hostname, and together again without some of it.

Only for resources that a proxy refused: they are decoded, which nothing else of ours ever does with an encoding.
"""

from collections.abc import Iterable, Iterator, Mapping, Set

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
        self._routes: dict[Unit, list[pb.Route]] = {}
        for host in table.virtual_hosts:
            for route in host.routes:
                self._routes.setdefault(_unit(host, route), []).append(route)
        self.units: Mapping[Unit, int] = {
            unit: digest(b"".join(map(encode, routes))) for unit, routes in self._routes.items()
        }

    def blunted(self, units: Mapping[Unit, Bluntness]) -> "TableParts":
        """See `Parts`."""
        if not units:
            return self
        of: dict[Unit, Iterable[pb.Route]] = {
            unit: map(_failing, self._routes[unit]) if bluntness is Bluntness.FAILS else ()
            for unit, bluntness in units.items()
        }
        return self._with(of)

    def holding_back(self, units: Set[Unit], old: "TableParts | None") -> "TableParts":
        """See `Parts`."""
        if not units:
            return self
        before: Mapping[Unit, Iterable[pb.Route]] = old._routes if old else {}
        return self._with({unit: before.get(unit, ()) for unit in units}, old)

    def _with(self, units: Mapping[Unit, Iterable[pb.Route]], old: "TableParts | None" = None) -> "TableParts":
        """The same but for these, each of which has these routes, in its old place. A hostname goes with its last one,
        if it was not there before: a wildcard may serve it meanwhile."""
        table = pb.RouteConfiguration()
        table.CopyFrom(self._table)
        for host in list(table.virtual_hosts):
            routes = list(_replaced(host, units))
            if not routes and host.routes and not (old and host.name in {h.name for h in old._table.virtual_hosts}):
                table.virtual_hosts.remove(host)
                continue
            del host.routes[:]
            host.routes.extend(routes)
        depends_on = sorted({*self.resource.depends_on, *(old.resource.depends_on if old else ())})
        if self._scope is None:
            return TableParts(make_resource(self.resource.name, encode(table), depends_on), table)
        scope = pb.ScopedRouteConfiguration()
        scope.CopyFrom(self._scope)
        scope.route_configuration.CopyFrom(table)
        return TableParts(make_resource(self.resource.name, encode(scope), depends_on), table, scope)


def _replaced(host: pb.VirtualHost, units: Mapping[Unit, Iterable[pb.Route]]) -> Iterator[pb.Route]:
    done = set()
    for route in host.routes:
        unit = _unit(host, route)
        if unit not in units:
            yield route
        elif unit not in done:
            done.add(unit)
            yield from units[unit]


def _unit(host: pb.VirtualHost, route: pb.Route) -> Unit:
    return Unit(host.domains[0], "/".join(route.name.split("/")[:3]))  # as `ir.Route.name` begins


def _failing(route: pb.Route) -> pb.Route:
    return pb.Route(name=route.name, match=route.match, direct_response=pb.DirectResponseAction(status=FAILURE))
