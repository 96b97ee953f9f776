"""Route tables and scopes → what each route object brings to each hostname, and together again without some of it.

Only for resources that a proxy refused: they are decoded, which nothing else that serves ever does with an encoding.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property

from protos import route as pb
from protos.encode import encode
from xds_server.snapshot.isolation import Bluntness, Unit
from xds_server.snapshot.resource import Resource, ResourceType, digest, make_resource

FAILURE = 500
"""Spec: Gateway API v1.6 HTTPRouteRule, what cannot be served as it is written."""


def divide(type_: ResourceType, resource: Resource) -> "TableParts | None":
    """Take a route table, or a scope, apart."""
    return TableParts(type_, resource) if type_ in (ResourceType.ROUTE, ResourceType.SCOPED_ROUTE) else None


class TableParts:
    """See `xds_server.snapshot.isolation.Parts`. Cost: decodes the resource when it is first looked into."""

    def __init__(self, type_: ResourceType, resource: Resource) -> None:
        self.resource = resource
        self._type = type_

    @cached_property
    def _scope(self) -> pb.ScopedRouteConfiguration:
        return pb.ScopedRouteConfiguration.FromString(self.resource.body)

    @cached_property
    def _table(self) -> pb.RouteConfiguration:
        if self._type is ResourceType.SCOPED_ROUTE:
            return self._scope.route_configuration
        return pb.RouteConfiguration.FromString(self.resource.body)

    @cached_property
    def units(self) -> Mapping[Unit, int]:
        """See `Parts`."""
        routes: dict[Unit, list[bytes]] = {}
        for host in self._table.virtual_hosts:
            for route in host.routes:
                routes.setdefault(Unit(host.domains[0], _source(route)), []).append(encode(route))
        return {unit: digest(b"".join(each)) for unit, each in routes.items()}

    def blunted(self, units: Mapping[Unit, Bluntness]) -> "TableParts":
        """See `Parts`. Each route stays in its place, and a hostname is there also without any: no wildcard is to serve
        it."""
        if not units:
            return self
        of: dict[str, dict[str, Bluntness]] = {}
        for unit, bluntness in units.items():
            of.setdefault(unit.hostname, {})[unit.source] = bluntness
        table = pb.RouteConfiguration()
        table.CopyFrom(self._table)
        for host in table.virtual_hosts:
            if sources := of.get(host.domains[0]):
                routes = list(_blunted(host, sources))
                del host.routes[:]
                host.routes.extend(routes)
        return self._with(table)

    def _with(self, table: pb.RouteConfiguration) -> "TableParts":
        """Another version, which names what this one names, if not less."""
        body = encode(table)
        if self._type is ResourceType.SCOPED_ROUTE:
            scope = pb.ScopedRouteConfiguration()
            scope.CopyFrom(self._scope)
            scope.route_configuration.CopyFrom(table)
            body = encode(scope)
        return TableParts(self._type, make_resource(self.resource.name, body, self.resource.depends_on))


def _blunted(host: pb.VirtualHost, sources: Mapping[str, Bluntness]) -> Iterator[pb.Route]:
    for route in host.routes:
        match sources.get(_source(route)):
            case None:
                yield route
            case Bluntness.FAILS:
                failing = pb.DirectResponseAction(status=FAILURE)
                yield pb.Route(name=route.name, match=route.match, direct_response=failing)
            case Bluntness.LEFT_OUT:
                pass


def _source(route: pb.Route) -> str:
    return "/".join(route.name.split("/")[:3])  # as `ir.Route.name` begins
