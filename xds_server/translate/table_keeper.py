"""One route table, kept encoded host by host: a host that differs costs its own encoding, and a join of bytes."""

from bisect import bisect_left, insort
from collections.abc import Iterable

from gateway_api.ir import xds as ir
from gateway_api.ir.change import TableChange
from xds_server.snapshot.resource import Resource, ResourceType, make_resource
from xds_server.translate.route import EncodedHost, frame, host_place, virtual_host

MANY = 32
"""From so many on, sorting once is cheaper than finding each its place."""


class TableKeeper:
    """Equals `route.route_table` of the same virtual hosts."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._frame = frame(name)
        self.hosts: dict[str, EncodedHost] = {}
        """By hostname. To be read only."""
        self._fields: dict[str, bytes] = {}
        self._hostnames: list[str] = []
        """In the order of the encoding."""
        self._named: dict[str, int] = {}
        """Cluster → how many hosts name it."""
        self._depends_on: list[tuple[ResourceType, str]] = []

    def update(self, change: TableChange) -> Resource:
        """Return the table as it is with these hosts. Cost: encodes the hosts given; copies the bytes of all."""
        self._place(hostname for hostname, host in change.items() if host and hostname not in self.hosts)
        for hostname, host in change.items():
            if host:
                self._put(hostname, host)
            elif hostname in self.hosts:
                self._drop(hostname)
        body = b"".join([self._frame, *map(self._fields.__getitem__, self._hostnames)])
        return make_resource(self._name, body, self._depends_on)

    def _place(self, hostnames: Iterable[str]) -> None:
        new = list(hostnames)
        if len(new) < MANY:
            for hostname in new:
                insort(self._hostnames, hostname, key=host_place)
        else:
            self._hostnames = sorted([*self._hostnames, *new], key=host_place)

    def _put(self, hostname: str, host: ir.VirtualHost) -> None:
        old = self.hosts.get(hostname)
        new = self.hosts[hostname] = virtual_host(host)
        self._fields[hostname] = new.field
        self._count(new.clusters, 1)
        self._count(old.clusters if old else (), -1)

    def _drop(self, hostname: str) -> None:
        del self._hostnames[bisect_left(self._hostnames, host_place(hostname), key=host_place)]
        del self._fields[hostname]
        self._count(self.hosts.pop(hostname).clusters, -1)

    def _count(self, clusters: Iterable[str], more: int) -> None:
        for name in clusters:
            reference, before = (ResourceType.CLUSTER, name), self._named.get(name, 0)
            if before + more:
                self._named[name] = before + more
            else:
                del self._named[name], self._depends_on[bisect_left(self._depends_on, reference)]
            if not before:
                insort(self._depends_on, reference)
