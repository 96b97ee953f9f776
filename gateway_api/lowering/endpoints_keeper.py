"""Services and their slices, one moment after the other → the endpoints that differ, at the cost of what changed."""

from collections.abc import Iterable, Mapping, Set
from itertools import chain

from gateway_api.ir import xds as ir
from gateway_api.ir.change import EndpointsChange
from gateway_api.lowering.endpoints import lower_endpoints
from k8s_watch.keys import ObjectKey
from k8s_watch.snapshot import ClusterSnapshot

NO_CLUSTERS: Mapping[ir.ClusterName, ir.Cluster | None] = {}


class EndpointsNow:
    """What is behind clusters at one moment: listed once for all Gateways that share a Service."""

    def __init__(self, cluster: ClusterSnapshot) -> None:
        self._cluster = cluster
        self._listed: dict[ir.ClusterName, ir.Endpoints] = {}
        self._compared: dict[tuple[ir.ClusterName, int], tuple[ir.Endpoints | None, ir.Endpoints]] = {}
        """By identity of those before, which are kept here."""

    def of(self, cluster: ir.Cluster, before: ir.Endpoints | None) -> ir.Endpoints:
        """The endpoints of a cluster; `before` itself when nothing differs from that."""
        key = (cluster.name, id(before))
        if key not in self._compared:
            now = self._list(cluster)
            self._compared[key] = before, before if before == now else now
        return self._compared[key][1]

    def _list(self, of: ir.Cluster) -> ir.Endpoints:
        if of.name not in self._listed:
            service = self._cluster.services.get(of.backend)
            slices = self._cluster.slices_by_service.get(of.backend, ())
            self._listed[of.name] = lower_endpoints(of, service, slices)
        return self._listed[of.name]


class Users:
    """Which Gateways have a cluster of which Service: most changes of Services concern few of them, or none."""

    def __init__(self) -> None:
        self._of: dict[ObjectKey, set[ObjectKey]] = {}

    def of(self, backends: Iterable[ObjectKey]) -> frozenset[ObjectKey]:
        """The Gateways of any of these."""
        return frozenset(chain.from_iterable(self._of.get(backend, ()) for backend in backends))

    def add(self, gateway: ObjectKey, backend: ObjectKey) -> None:
        """Once or again."""
        self._of.setdefault(backend, set()).add(gateway)

    def remove(self, gateway: ObjectKey, backend: ObjectKey) -> None:
        """Of one that is there."""
        left = self._of[backend]
        left.remove(gateway)
        if not left:
            del self._of[backend]


class EndpointsKeeper:
    """Keeps the endpoints of some clusters, those of one Gateway, up to date, and says of `users` that it is one."""

    def __init__(self, gateway: ObjectKey, users: Users) -> None:
        self._gateway = gateway
        self._users = users
        self._clusters: dict[ir.ClusterName, ir.Cluster] = {}
        self._endpoints: dict[ir.ClusterName, ir.Endpoints] = {}
        self._of_backend: dict[ObjectKey, tuple[ir.ClusterName, ...]] = {}

    def leave(self) -> None:
        """Use nothing any more."""
        for backend in self._of_backend:
            self._users.remove(self._gateway, backend)
        self._of_backend.clear()

    def update(
        self,
        now: EndpointsNow,
        backends: Set[ObjectKey] | None,
        clusters: Mapping[ir.ClusterName, ir.Cluster | None] = NO_CLUSTERS,
    ) -> EndpointsChange:
        """Return what differs since the last update: of each of `clusters`, and of those whose backend is touched.

        `backends` are the Services that changed, or whose slices did; None when any may have. `clusters` are those that
        were added, changed or, with None, removed. A cluster that is new is among what differs, empty as it may be.
        """
        for name, new in clusters.items():
            self._replace(name, new)
        if backends is None:
            touched = list(self._clusters)
        else:
            touched = list(chain.from_iterable(self._of_backend.get(key, ()) for key in backends))
        changed = dict[ir.ClusterName, ir.Endpoints | None](dict.fromkeys(n for n, new in clusters.items() if not new))
        for name in dict.fromkeys(chain((name for name, new in clusters.items() if new), touched)):
            before = self._endpoints.get(name)
            if (endpoints := now.of(self._clusters[name], before)) is not before:
                changed[name] = self._endpoints[name] = endpoints
        return changed

    def _replace(self, name: ir.ClusterName, new: ir.Cluster | None) -> None:
        if old := self._clusters.pop(name, None):
            left = tuple(other for other in self._of_backend.pop(old.backend) if other != name)
            if left:
                self._of_backend[old.backend] = left
            else:
                self._users.remove(self._gateway, old.backend)
        if new is None:
            self._endpoints.pop(name, None)
        else:
            self._clusters[name] = new
            self._of_backend[new.backend] = (*self._of_backend.get(new.backend, ()), name)
            self._users.add(self._gateway, new.backend)
