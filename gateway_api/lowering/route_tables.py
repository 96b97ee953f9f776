"""Listeners of a port and the routes bound to them → route tables.

Every request belongs to one listener: of those on its port, the one with the most specific hostname that covers the
request's. A request never falls through to the routes of another. A proxy knows no listeners within a port, only
virtual hosts, the most specific of which wins; hence two rules for the table of a port:

1. Each listener's own hostname has a virtual host, if need be an empty one: it stops what the listener owns from
   falling through to a less specific virtual host of another listener. So has that of one that does not serve for now:
   no lost certificate, and no conflict, hands its requests to another.
2. A route's hostname is left out where another listener of the port is more specific for it: all its requests belong
   to that other one.

Then the virtual host that wins always belongs to the listener that owns the request. With TLS the connection has chosen
the listener already, and each has a table of its own, in which the other listeners' hostnames answer 421. With many
listeners whatever the listener does not own answers so, hostnames that no listener has among them: to tell those apart
the tables would grow with the square of the number of listeners.

A listener may come below another's wildcard when its hostname has clients already, over there. Their connections are
closed with the first 421 (`xds_server.translate.misdirected`), where the listeners are few: it costs a proxy a quarter
of a MiB for each such hostname.

Spec: Gateway API v1.6 GatewaySpec.listeners, "Listener Isolation"
Spec: Gateway API v1.6 Listener.hostname, "misdirected requests"
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from operator import attrgetter

import msgspec

from gateway_api.graph.hostnames import ANY, covers, specificity, wider
from gateway_api.graph.types import HTTPRouteNode, ListenerNode
from gateway_api.ir import xds as ir
from gateway_api.lowering.frontend import Frontend
from gateway_api.lowering.http_rules import RankedRoute, lower_route, on_host
from k8s_watch.keys import ObjectKey

FEW_HOSTNAMES = 64
"""So many listeners a Gateway can have without ListenerSets. Up to there 404 and 421 are told apart exactly."""

_EVERYTHING = ir.Match(path=ir.PathMatch(kind="prefix", value="/"))
_MISDIRECTED = {
    closes: (ir.Route(name="misdirected", match=_EVERYTHING, action=ir.Respond(status=421, closes=closes)),)
    for closes in (False, True)
}
"""By whether it also closes a connection that was made for the hostname."""


class BoundRoute(msgspec.Struct, frozen=True):
    """A route on one listener, with the hostnames that both share."""

    route: HTTPRouteNode
    hostnames: tuple[str, ...]


place = attrgetter("order")
"""Sort key of RankedRoutes."""

type Bound = Mapping[str, Sequence[BoundRoute]]
"""Listener name → the routes bound to it."""


class TablePlan(msgspec.Struct, frozen=True):
    """Which listeners a route table serves: some or all of those of the same protocol on a port."""

    name: str
    frontend: Frontend
    listeners: tuple[ListenerNode, ...]
    on_port: frozenset[str]
    """The hostnames of them all, and of those that do not serve."""
    unserved: tuple[str, ...] = ()
    """Hostnames of listeners that do not serve, whose requests get 404 here."""
    paths: ir.Paths = ir.Paths()
    misdirected: Mapping[str, str] = {}
    """Hostnames whose requests belong to another listener of the port, each with that one's table; "" for none."""

    def may_have_served(self, hostname: str) -> bool:
        """Whether connections for this hostname may be there, from before another listener had it."""
        few = len(self.on_port) <= FEW_HOSTNAMES
        return few and any(covers(listener.hostname, hostname) for listener in self.listeners)


def bind_routes(gateway: ObjectKey, routes: Iterable[HTTPRouteNode]) -> Bound:
    """List the routes bound to each listener of a Gateway, in the order given.

    Two parentRefs of a route may reach the same listener; it is bound there once.
    """
    bound: dict[str, list[BoundRoute]] = {}
    for route in routes:
        for listener, hostnames in bindings_of(route, gateway).items():
            bound.setdefault(listener, []).append(BoundRoute(route, hostnames))
    return bound


def bindings_of(route: HTTPRouteNode, gateway: ObjectKey) -> Mapping[str, tuple[str, ...]]:
    """Return the listeners of a Gateway that a route is bound to, each with the hostnames that both share."""
    hostnames: dict[str, dict[str, None]] = {}
    for parent in route.parents:
        if parent.gateway == gateway:
            for binding in parent.bindings:
                hostnames.setdefault(binding.listener, {}).update(dict.fromkeys(binding.hostnames))
    return {listener: tuple(names) for listener, names in hostnames.items()}


def route_table(plan: TablePlan, bound: Bound) -> ir.RouteTable:
    """Build a table. Virtual hosts are sorted by hostname, the most specific first."""
    hosts: dict[str, list[RankedRoute]] = {hostname: [] for hostname in plan.unserved if hostname != ANY}
    for listener in plan.listeners:
        own = listener.hostname
        if own != ANY:
            hosts.setdefault(own, [])
        for binding in bound.get(listener.name, ()):
            routes = lower_route(binding.route, plan.frontend)
            for hostname in binding.hostnames:
                if owner(hostname, plan.on_port) == own:
                    hosts.setdefault(hostname, []).extend(on_host(hostname, binding.route, routes))
    virtual_hosts = [virtual_host(hostname, routes) for hostname, routes in hosts.items()]
    virtual_hosts += [_of_another(hostname, table, plan) for hostname, table in plan.misdirected.items()]
    return ir.RouteTable(name=plan.name, virtual_hosts=in_order(virtual_hosts))


def _of_another(hostname: str, table: str, plan: TablePlan) -> ir.VirtualHost:
    gave_up = plan.may_have_served(hostname)
    return ir.VirtualHost(hostname=hostname, routes=_MISDIRECTED[gave_up], heir=table if gave_up else "")


def misdirected(on_port: Set[str]) -> Mapping[str, tuple[str, ...]]:
    """Return, by the hostname of each listener of a port, the hostnames whose requests are not for that listener.

    Spec: Gateway API v1.6 Listener.hostname, "misdirected requests"
    """
    if len(on_port) <= FEW_HOSTNAMES:
        return {own: tuple(sorted(on_port - {own})) for own in on_port}
    found: dict[str, list[str]] = {own: [] if own == ANY else [ANY] for own in on_port}
    for hostname in on_port:
        for less_specific in wider(hostname):
            if less_specific in found:
                found[less_specific].append(hostname)
    return {own: tuple(sorted(hostnames)) for own, hostnames in found.items()}


def in_order(virtual_hosts: Iterable[ir.VirtualHost]) -> tuple[ir.VirtualHost, ...]:
    """Sort by hostname, the most specific first."""
    return tuple(sorted(virtual_hosts, key=lambda host: specificity(host.hostname)))


def owner(hostname: str, listeners: Set[str]) -> str | None:
    """Return the most specific of the listener hostnames that covers all of `hostname`; None when none does."""
    return next((candidate for candidate in (hostname, *wider(hostname)) if candidate in listeners), None)


def virtual_host(hostname: str, routes: Iterable[RankedRoute]) -> ir.VirtualHost:
    """Put the routes of a hostname into the order of matching."""
    return ir.VirtualHost(hostname=hostname, routes=tuple(ranked.route for ranked in sorted(routes, key=place)))
