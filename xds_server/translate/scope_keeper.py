"""The scopes of one route table, kept up to date: a host that differs costs its own scope."""

from collections.abc import Collection, Mapping

from gateway_api.ir import xds as ir
from xds_server.snapshot.resource import Resource
from xds_server.snapshot.scope_names import WHOLE, scope_name
from xds_server.translate.route_table import EncodedHost
from xds_server.translate.scope import (
    host_scope,
    is_below,
    is_wildcard,
    whole_scope,
    wildcard_scope,
)

type ScopeChange = dict[str, Resource | None]
"""By name; None for what is there no more."""


class ScopeKeeper:
    """Equals `scope.scopes` of the same table."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._scoping: ir.Scoping | None = None
        self._exact: set[str] = set()
        self._below: dict[str, set[str]] = {}
        """Wildcard → the hostnames in its scope."""

    def update(
        self, hosts: Mapping[str, EncodedHost], changed: Collection[str], scoping: ir.Scoping | None
    ) -> ScopeChange:
        """Return the scopes that differ. `hosts` are all of the table now, `changed` those that differ or are gone."""
        before, self._scoping = self._scoping, scoping
        if scoping is None:
            return self._end() if before else {}
        if before is None:
            changed = hosts
        change = self._exact_scopes(hosts, changed) | self._wildcard_scopes(hosts, changed, scoping.wildcards)
        return change if before else {scope_name(self._table, WHOLE): whole_scope(self._table), **change}

    def _exact_scopes(self, hosts: Mapping[str, EncodedHost], changed: Collection[str]) -> ScopeChange:
        change: ScopeChange = {}
        for hostname in changed:
            if is_wildcard(hostname):
                continue
            host = hosts.get(hostname)
            change[scope_name(self._table, hostname)] = host and host_scope(self._table, hostname, host)
            (self._exact.add if host else self._exact.discard)(hostname)
        return change

    def _wildcard_scopes(
        self, hosts: Mapping[str, EncodedHost], changed: Collection[str], wildcards: Collection[str]
    ) -> ScopeChange:
        gone = self._below.keys() - wildcards
        change: ScopeChange = dict.fromkeys(scope_name(self._table, wildcard) for wildcard in gone)
        for wildcard in gone:
            del self._below[wildcard]
        for wildcard in wildcards:
            known = self._below.get(wildcard)
            found = {hostname for hostname in (hosts if known is None else changed) if is_below(hostname, wildcard)}
            if known is None or found:
                below = self._below[wildcard] = {name for name in found.union(known or ()) if name in hosts}
                members = (hosts[hostname] for hostname in sorted(below))
                change[scope_name(self._table, wildcard)] = wildcard_scope(self._table, wildcard, members)
        return change

    def _end(self) -> ScopeChange:
        names = [WHOLE, *self._below, *self._exact]
        self._exact.clear()
        self._below.clear()
        return dict.fromkeys(scope_name(self._table, name) for name in names)
