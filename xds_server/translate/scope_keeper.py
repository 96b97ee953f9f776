"""The scopes of one route table, kept up to date: a host that differs costs its own scope."""

from collections.abc import Collection, Mapping

from gateway_api.ir import xds as ir
from xds_server.snapshot.resource import Resource
from xds_server.translate.route_table import EncodedHost
from xds_server.translate.scope import (
    WHOLE,
    WILDCARDS,
    host_scope,
    is_below,
    is_wildcard,
    scope_name,
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
        self._below: set[str] = set()
        """The hostnames in the scope of the wildcards."""

    def update(
        self, hosts: Mapping[str, EncodedHost], changed: Collection[str], scoping: ir.Scoping | None
    ) -> ScopeChange:
        """Return the scopes that differ. `hosts` are all of the table now, `changed` those that differ or are gone."""
        before, self._scoping = self._scoping, scoping
        if scoping is None:
            return self._end() if before else {}
        if before is None:
            changed = hosts
        change = self._exact_scopes(hosts, changed)
        if scoping != before:
            self._below = {hostname for hostname in hosts if is_below(hostname, scoping)}
            change |= self._wildcard_scope(hosts)
        elif below := [hostname for hostname in changed if is_below(hostname, scoping)]:
            self._below.difference_update(below)
            self._below.update(hostname for hostname in below if hostname in hosts)
            change |= self._wildcard_scope(hosts)
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

    def _wildcard_scope(self, hosts: Mapping[str, EncodedHost]) -> ScopeChange:
        there = self._scoping is not None and self._scoping.wildcards
        below = (hosts[hostname] for hostname in sorted(self._below))
        return {scope_name(self._table, WILDCARDS): wildcard_scope(self._table, below) if there else None}

    def _end(self) -> ScopeChange:
        names = [WHOLE, WILDCARDS, *self._exact]
        self._exact.clear()
        self._below.clear()
        return dict.fromkeys(scope_name(self._table, name) for name in names)
