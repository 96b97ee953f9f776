"""The hostnames of a route table → whether its requests choose by scope.

By scope, a change of one exact hostname costs a proxy the same however many others there are, and each request some
microseconds more. So small tables are better off without. A table that moves to and fro would cost its connections each
time: it begins to be scoped at more hostnames than it ends at.

Only exact hostnames that no wildcard covers count: the others share their wildcard's scope, which costs what a
table of them costs.
A table with the hostname `*` is never scoped, because a proxy knows no scope for everything else.
"""

from collections.abc import Iterable, Mapping, Set

import msgspec

from gateway_api.graph.hostnames import ANY
from gateway_api.graph.types import RouteScoping
from gateway_api.ir import xds as ir

SCOPED_FROM = 500
"""Exact hostnames from which on a table is scoped: there a proxy takes some 8 ms for a change, and 1 ms by scope."""

SCOPED_UNTIL = 250
"""Exact hostnames below which it is not any more."""

MANY_WILDCARDS = 10
"""With more, telling hosts apart would cost each request too much: half a microsecond a wildcard. Nor does a proxy take
an expression of more than 16,000 characters, which so many wildcards never reach."""


class Hostnames:
    """What there is to know of a table's hostnames, at the cost of those that come and go; after a change of wildcards,
    at that of a look at all. Nothing is kept of a name but itself: it may have 127 labels."""

    def __init__(self, virtual_hosts: Iterable[ir.VirtualHost] = ()) -> None:
        self._exact: set[str] = set()
        self._wildcards: set[str] = set()
        """Those with routes. One without answers 404, as if it were not there."""
        self._any = False
        self._widest: tuple[str, ...] | None = None
        """The wildcards that no other covers, in order, no more of them than tell that there are too many. None:
        unknown."""
        self._suffixes: tuple[str, ...] = ()
        """What names below these end with."""
        self._apart = 0
        """Exact hostnames that are below none of these."""
        self.update({host.hostname: host for host in virtual_hosts})

    def update(self, change: Mapping[str, ir.VirtualHost | None]) -> None:
        """Take in what differs; None stands for what is there no more."""
        for hostname, host in change.items():
            if hostname == ANY:
                self._any = host is not None
            elif hostname.startswith("*."):
                self._put(self._wildcards, hostname, there=host is not None and bool(host.routes))
            else:
                self._put(self._exact, hostname, there=host is not None)

    def scoping(self, mode: RouteScoping, *, scoped: bool) -> ir.Scoping | None:
        """Decide. `scoped` says whether the table is scoped now."""
        if mode == "never" or self._any:
            return None
        widest = self._look() if self._widest is None else self._widest
        if len(widest) > MANY_WILDCARDS:
            return None
        if mode == "always" or self._apart >= (SCOPED_UNTIL if scoped else SCOPED_FROM):
            return ir.Scoping(wildcards=widest)
        return None

    def _put(self, names: set[str], hostname: str, *, there: bool) -> None:
        if there is (hostname in names):
            return
        (names.add if there else names.discard)(hostname)
        if names is self._wildcards:
            self._widest = None
        elif not hostname.endswith(self._suffixes):
            self._apart += 1 if there else -1

    def _look(self) -> tuple[str, ...]:
        """Written backwards and sorted, names are right behind the wildcard that covers them."""
        widest: list[str] = []
        for suffix in sorted(name[:0:-1] for name in self._wildcards):
            if not (widest and suffix.startswith(widest[-1])):
                widest.append(suffix)
            if len(widest) > MANY_WILDCARDS:
                break
        self._suffixes = tuple(sorted(suffix[::-1] for suffix in widest))
        self._apart = sum(not hostname.endswith(self._suffixes) for hostname in self._exact)
        self._widest = tuple(f"*{suffix}" for suffix in self._suffixes)
        return self._widest


def scope_tables(gateway: ir.GatewayIR, mode: RouteScoping, scoped: Set[str]) -> ir.GatewayIR:
    """Decide for each route table of a Gateway. `scoped` names those that are scoped now."""
    scopings = {
        table.name: Hostnames(table.virtual_hosts).scoping(mode, scoped=table.name in scoped)
        for table in gateway.route_tables
    }
    return msgspec.structs.replace(
        gateway,
        listeners=tuple(with_scoping(listener, scopings) for listener in gateway.listeners),
        route_tables=tuple(
            msgspec.structs.replace(table, scoping=scopings[table.name]) for table in gateway.route_tables
        ),
    )


def with_scoping(listener: ir.Listener, scopings: Mapping[str, ir.Scoping | None]) -> ir.Listener:
    """The listener, choosing by scope from the tables that are scoped. `scopings` are by name of the table."""
    chains = tuple(_scoped_chain(chain, scopings) for chain in listener.filter_chains)
    return msgspec.structs.replace(listener, filter_chains=chains)


def _scoped_chain(chain: ir.FilterChain, scopings: Mapping[str, ir.Scoping | None]) -> ir.FilterChain:
    match chain.handler:
        case ir.HttpChain(route_table=name) as handler:
            scoped = msgspec.structs.replace(handler, scoping=scopings.get(name))
            return msgspec.structs.replace(chain, handler=scoped)
        case _:
            return chain
