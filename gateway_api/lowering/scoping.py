"""The hostnames of a route table → whether its requests choose by scope.

By scope, a change of one exact hostname costs a proxy the same however many others there are, and each request some
microseconds more. So small tables are better off without. A table that moves to and fro would cost its connections each
time: it begins to be scoped at more hostnames than it ends at.

Only exact hostnames that no wildcard covers count: the others share their wildcard's scope, which costs what a
table of them costs.
A table with the hostname `*` is never scoped, because a proxy knows no scope for everything else.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import islice

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
    """What there is to know of a table's hostnames, at the cost of those that come and go."""

    def __init__(self, virtual_hosts: Iterable[ir.VirtualHost] = ()) -> None:
        self._exact: set[str] = set()
        self._below: Counter[str] = Counter()
        """Domain → how many exact hostnames are below it."""
        self._wildcards: set[str] = set()
        """Those with routes. One without answers 404, as if it were not there."""
        self._any = False
        self.update({host.hostname: host for host in virtual_hosts})

    def update(self, change: Mapping[str, ir.VirtualHost | None]) -> None:
        """Take in what differs; None stands for what is there no more."""
        for hostname, host in change.items():
            if hostname == ANY:
                self._any = host is not None
            elif hostname.startswith("*."):
                (self._wildcards.add if host and host.routes else self._wildcards.discard)(hostname)
            elif host is None:
                self._drop(hostname)
            elif hostname not in self._exact:
                self._exact.add(hostname)
                self._below.update(_domains(hostname))

    def scoping(self, mode: RouteScoping, *, scoped: bool) -> ir.Scoping | None:
        """Decide. `scoped` says whether the table is scoped now. Cost: follows the wildcards that others cover."""
        if mode == "never" or self._any:
            return None
        found = list(islice((name for name in self._wildcards if not self._is_covered(name)), MANY_WILDCARDS + 1))
        if len(found) > MANY_WILDCARDS:
            return None
        wildcards = tuple(sorted(found))
        apart = len(self._exact) - sum(self._below[name.removeprefix("*.")] for name in wildcards)
        if mode == "always" or apart >= (SCOPED_UNTIL if scoped else SCOPED_FROM):
            return ir.Scoping(wildcards=wildcards)
        return None

    def _drop(self, hostname: str) -> None:
        if hostname in self._exact:
            self._exact.discard(hostname)
            for domain in _domains(hostname):
                self._below[domain] -= 1
                if not self._below[domain]:
                    del self._below[domain]

    def _is_covered(self, wildcard: str) -> bool:
        return any(f"*.{domain}" in self._wildcards for domain in _domains(wildcard.removeprefix("*.")))


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


def _domains(hostname: str) -> Iterator[str]:
    """`a.b.c` → `b.c`, `c`."""
    while "." in hostname:
        hostname = hostname.partition(".")[2]
        yield hostname
