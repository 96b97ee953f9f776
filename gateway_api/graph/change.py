"""Two graphs, one after the other → which nodes differ."""

from collections.abc import Mapping

from gateway_api.graph.types import GatewayNode, Graph, Node, RouteId
from gateway_api.graph.written import as_written
from k8s_watch.keys import ObjectKey

_NO_KEYS: frozenset[ObjectKey] = frozenset()


class GraphChange(Node, frozen=True):
    """The nodes that were added, removed, or are different by value since the graph `before`.

    All other nodes are the same Python objects in both graphs.
    """

    before: Graph | None = None
    """None when everything is new."""
    gateway_classes: frozenset[ObjectKey] = _NO_KEYS
    gateways: frozenset[ObjectKey] = _NO_KEYS
    listener_sets: frozenset[ObjectKey] = _NO_KEYS
    routes: Mapping[str, frozenset[ObjectKey]] = {}
    """By kind; a kind that is not there has none."""
    routes_of: Mapping[ObjectKey, frozenset[RouteId]] = {}
    """Gateway → those of `routes` that have it or had it as a parent; no entry where none do."""
    policies: Mapping[str, frozenset[ObjectKey]] = {}
    """By kind; a kind that is not there has none."""
    gateways_served: frozenset[ObjectKey] = _NO_KEYS
    """Those of `gateways` that can make a difference to proxies and infrastructure: neither an observed status nor a
    count of attached routes does, and those are most of what changes."""

    @property
    def everything(self) -> bool:
        """Whether there was no graph before."""
        return self.before is None

    def then(self, after: "GraphChange") -> "GraphChange":
        """Return both as one: `after` is what differs since the graph that this one led to. What came back is in it."""
        if self.everything or after.everything:
            return GraphChange()
        return GraphChange(
            before=self.before,
            gateway_classes=self.gateway_classes | after.gateway_classes,
            gateways=self.gateways | after.gateways,
            listener_sets=self.listener_sets | after.listener_sets,
            routes=_both(self.routes, after.routes),
            routes_of=_both(self.routes_of, after.routes_of),
            policies=_both(self.policies, after.policies),
            gateways_served=self.gateways_served | after.gateways_served,
        )


def _both[K, V](one: Mapping[K, frozenset[V]], other: Mapping[K, frozenset[V]]) -> Mapping[K, frozenset[V]]:
    return {**one, **{key: one.get(key, frozenset()) | values for key, values in other.items()}}


def gateway_serves_alike(one: GatewayNode | None, other: GatewayNode | None) -> bool:
    """Whether both mean the same to proxies and infrastructure. Neither may have its routes counted yet."""
    if one is None or other is None:
        return one is other
    return (
        as_written(one.source) == as_written(other.source)
        and (one.all_listeners, one.problems) == (other.all_listeners, other.problems)
        and one.client_certificate == other.client_certificate
    )
