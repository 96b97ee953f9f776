"""One route table, kept encoded host by host, a large host route by route: what differs costs its own encoding."""

from bisect import bisect_left, insort
from collections.abc import Iterable

from gateway_api.ir import xds as ir
from gateway_api.ir.change import TableChange
from xds_server.snapshot.resource import Reference, Resource, digest, make_from_parts
from xds_server.translate.fields import Fields
from xds_server.translate.route import tells_hostname
from xds_server.translate.route_table import (
    EncodedHost,
    EncodedRoute,
    encoded_route,
    frame,
    host_of_routes,
    host_place,
)

MANY_ROUTES = 16
"""Hosts with so many keep each encoded; to keep one route of a host is to keep the host."""


class Encodings:
    """Each route encoded once for all its hostnames, of which a route object may have sixteen."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[ir.Route, EncodedRoute]] = {}
        """By identity, which is the same route's as long as it is kept here."""

    def of(self, route: ir.Route, hostname: str) -> EncodedRoute:
        """Equals `route_table.encoded_route`."""
        if tells_hostname(route.action):
            return encoded_route(route, hostname)
        if id(route) not in self._known:
            self._known[id(route)] = route, encoded_route(route, hostname)
        return self._known[id(route)][1]


class HostKeeper:
    """One virtual host, route by route. Equals `route_table.virtual_host`."""

    def __init__(self) -> None:
        self._routes: dict[int, tuple[ir.Route, EncodedRoute]] = {}
        """By identity, which is the same route's as long as it is kept here."""

    def update(self, host: ir.VirtualHost, encodings: Encodings) -> EncodedHost:
        """Return the host as it is now. Cost: encodes routes that are not the same objects as before."""
        known = self._routes
        routes = [known.get(id(route)) or (route, encodings.of(route, host.hostname)) for route in host.routes]
        self._routes = {id(pair[0]): pair for pair in routes}
        return host_of_routes(host, [encoded for _, encoded in routes])


class TableKeeper:
    """Equals `route_table.route_table` of the same virtual hosts."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._frame = frame(name)
        self.hosts: dict[str, EncodedHost] = {}
        """By hostname. To be read only."""
        self._keepers: dict[str, HostKeeper] = {}
        """Of the hosts with many routes."""
        self._fields = Fields()
        self._total = digest(self._frame)
        self._named: dict[Reference, int] = {}
        """What hosts depend on → how many do."""
        self._references: list[Reference] = []
        """The same, sorted."""
        self._depends_on: tuple[Reference, ...] | None = ()
        """The same; None while it differs."""

    def update(self, change: TableChange) -> Resource:
        """Return the table as it is with these hosts. Cost: encodes the hosts given."""
        encodings = Encodings()
        for hostname, host in change.items():
            if host:
                self._put(hostname, self._encode(host, encodings))
            elif hostname in self.hosts:
                self._drop(hostname)
        if self._depends_on is None:
            self._depends_on = tuple(self._references)
        return make_from_parts(self._name, self._total, (self._frame, *self._fields.pieces()), self._depends_on)

    def _encode(self, host: ir.VirtualHost, encodings: Encodings) -> EncodedHost:
        if len(host.routes) < MANY_ROUTES:
            self._keepers.pop(host.hostname, None)
            return host_of_routes(host, [encodings.of(route, host.hostname) for route in host.routes])
        return self._keepers.setdefault(host.hostname, HostKeeper()).update(host, encodings)

    def _put(self, hostname: str, new: EncodedHost) -> None:
        old = self.hosts.get(hostname)
        self.hosts[hostname] = new
        self._fields.put(host_place(hostname), new.field)
        self._total += new.digest - (old.digest if old else 0)
        before = old.depends_on if old else ()
        if new.depends_on != before:
            self._count(set(new.depends_on).difference(before), 1)
            self._count(set(before).difference(new.depends_on), -1)

    def _drop(self, hostname: str) -> None:
        old = self.hosts.pop(hostname)
        self._keepers.pop(hostname, None)
        self._fields.drop(host_place(hostname))
        self._total -= old.digest
        self._count(old.depends_on, -1)

    def _count(self, references: Iterable[Reference], more: int) -> None:
        for reference in references:
            before = self._named.get(reference, 0)
            self._named[reference] = before + more
            if not before:
                insort(self._references, reference)
                self._depends_on = None
            if not self._named[reference]:
                del self._named[reference], self._references[bisect_left(self._references, reference)]
                self._depends_on = None
