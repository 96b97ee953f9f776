"""One route table, kept up to date: routes come and go, and the virtual hosts of their hostnames are made anew."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence

from gateway_api.graph.mappings import not_equal
from gateway_api.graph.types import HTTPRouteNode
from gateway_api.ir import xds as ir
from gateway_api.ir.change import TableChange
from gateway_api.lowering.http_rules import RankedRoute, on_host
from gateway_api.lowering.route_tables import TablePlan, in_order, owner, place
from gateway_api.lowering.scoping import Hostnames


class _Host:
    """The routes of one hostname, in the order of matching, and how many bindings they come from: one may have none."""

    def __init__(self) -> None:
        self.bindings = 0
        self.routes: list[RankedRoute] = []

    def add(self, routes: Iterable[RankedRoute]) -> None:
        self.bindings += 1
        for route in routes:
            insort(self.routes, route, key=place)

    def remove(self, routes: Iterable[RankedRoute]) -> None:
        self.bindings -= 1
        for route in routes:
            del self.routes[bisect_left(self.routes, route.order, key=place)]


class TableKeeper:
    """Equals `route_tables.route_table` of the same plan and routes, at the cost of what changes."""

    def __init__(self, plan: TablePlan, without_routes: ir.RouteTable) -> None:
        self.plan = plan
        self.hosts: dict[str, ir.VirtualHost] = {host.hostname: host for host in without_routes.virtual_hosts}
        """As of the last `settle`."""
        self.hostnames = Hostnames(without_routes.virtual_hosts)
        """As of the last `settle`."""
        self._without_routes: Mapping[str, ir.VirtualHost] = dict(self.hosts)
        self._bound: dict[str, _Host] = {}
        self._touched: set[str] = set()

    def replan(self, plan: TablePlan, without_routes: ir.RouteTable) -> None:
        """Follow another plan of the same name. Routes that are here stay as they are."""
        before = self._without_routes
        now = self._without_routes = {host.hostname: host for host in without_routes.virtual_hosts}
        self._touched |= not_equal(before, now)
        self.plan = plan

    def owned(self, own: str, hostnames: Iterable[str]) -> tuple[str, ...]:
        """Return those hostnames for which no other listener of the port is more specific than `own`."""
        return tuple(hostname for hostname in hostnames if owner(hostname, self.plan.on_port) == own)

    def add(self, node: HTTPRouteNode, hostnames: Iterable[str], routes: Sequence[RankedRoute]) -> None:
        """Serve what a route lowers to on each of these hostnames of its."""
        for hostname in hostnames:
            self._bound.setdefault(hostname, _Host()).add(on_host(hostname, node, routes))
            self._touched.add(hostname)

    def remove(self, node: HTTPRouteNode, hostnames: Iterable[str], routes: Sequence[RankedRoute]) -> None:
        """Take back what was added so."""
        for hostname in hostnames:
            host = self._bound[hostname]
            host.remove(on_host(hostname, node, routes))
            if not host.bindings:
                del self._bound[hostname]
            self._touched.add(hostname)

    def settle(self) -> TableChange:
        """Make the virtual hosts of what was touched; return those that differ."""
        if not self._touched:
            return {}
        touched, self._touched = self._touched, set()
        changed: dict[str, ir.VirtualHost | None] = {}
        for hostname in touched:
            host = self._make(hostname)
            if host == self.hosts.get(hostname):
                continue
            changed[hostname] = host
            if host is None:
                del self.hosts[hostname]
            else:
                self.hosts[hostname] = host
        self.hostnames.update(changed)
        return changed

    def table(self, scoping: ir.Scoping | None) -> ir.RouteTable:
        """Compose the whole. Cost: linear in the number of hostnames."""
        return ir.RouteTable(name=self.plan.name, virtual_hosts=in_order(self.hosts.values()), scoping=scoping)

    def _make(self, hostname: str) -> ir.VirtualHost | None:
        host = self._bound.get(hostname)
        if host is None:
            return self._without_routes.get(hostname)
        return ir.VirtualHost(hostname=hostname, routes=tuple(ranked.route for ranked in host.routes))
