"""One cluster as its judges see it: ask for a node by the key of its object."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from gateway_api.graph.gateways.gateway import judge_gateway
from gateway_api.graph.gateways.gateway_class import judge_gateway_class
from gateway_api.graph.gateways.listener_set import judge_listener_set
from gateway_api.graph.lookup import Lookup
from gateway_api.graph.policy_kinds import JUDGES
from gateway_api.graph.resolver import Resolver
from gateway_api.graph.route_kinds import Judge
from gateway_api.graph.routes.attachment import Labels, Parents
from gateway_api.graph.types import (
    GatewayClassNode,
    GatewayNode,
    GraphSettings,
    JudgedPolicy,
    ListenerSetNode,
    RouteNode,
    Use,
)
from gateway_api.graph.written import as_written
from k8s_watch.keys import ObjectKey
from k8s_watch.snapshot import ClusterSnapshot, objects_of


class Judges:
    """Who is asked of what. Each answer depends on the object itself and on what the judge looks up, nothing else.

    None means that there is no such object, or that it is not ours.
    """

    def __init__(
        self,
        cluster: ClusterSnapshot,
        settings: GraphSettings,
        *,
        resolver: Resolver,
        labels: Callable[[str], Labels],
    ) -> None:
        """`labels` are those of a namespace, by its name."""
        self._cluster = cluster
        self._settings = settings
        self._resolver = resolver
        self._labels = labels

    def gateway_class(self, key: ObjectKey) -> GatewayClassNode | None:
        """Judge a GatewayClass. Spec: Gateway API v1.6 GatewayClassSpec.controllerName."""
        source = self._cluster.gateway_classes.get(key)
        if source is None or source.spec.controller_name != self._settings.controller_name:
            return None
        return judge_gateway_class(source)

    def gateway(self, key: ObjectKey, classes: Lookup[ObjectKey, GatewayClassNode]) -> GatewayNode | None:
        """Judge a Gateway of one of `classes`. Spec: Gateway API v1.6 GatewaySpec.gatewayClassName."""
        source = self._cluster.gateways.get(key)
        if source is None:
            return None
        gateway_class = classes.get(ObjectKey("", source.spec.gateway_class_name))
        if gateway_class is None:
            return None
        return judge_gateway(source, gateway_class, self._resolver, self._settings)

    def policies(self, kind: str) -> Callable[[ObjectKey], JudgedPolicy[Any] | None]:
        """Return who is asked of the policies of a kind, each by itself. Spec: GEP-713."""
        sources, judge = objects_of(self._cluster, kind), JUDGES[kind]

        def ask(key: ObjectKey) -> JudgedPolicy[Any] | None:
            source = sources.get(key)
            return None if source is None else judge(source, self._resolver, self._settings)

        return ask

    def listener_set(self, key: ObjectKey, gateways: Lookup[ObjectKey, GatewayNode]) -> ListenerSetNode | None:
        """Judge a ListenerSet of one of `gateways`. Spec: Gateway API v1.6 ListenerSetSpec.parentRef."""
        source = self._cluster.listener_sets.get(key)
        if source is None:
            return None
        return judge_listener_set(source, gateways, self._labels(key.namespace), self._resolver, self._settings)

    def routes[N: RouteNode](self, kind: str, judge: Judge[N], parents: Parents) -> Callable[[ObjectKey], N | None]:
        """Return who is asked of the routes of a kind, of any of `parents`. Spec: Gateway API v1.6 CommonRouteSpec."""
        sources = objects_of(self._cluster, kind)

        def ask(key: ObjectKey) -> N | None:
            source = sources.get(key)
            if source is None:
                return None
            uses: set[Use] = set()
            resolver = self._resolver.noting(uses.add)
            node = judge(as_written(source), parents, self._labels(key.namespace), resolver)
            return None if node is None else msgspec.structs.replace(node, uses=frozenset(uses))

        return ask


def namespace_labels(cluster: ClusterSnapshot, namespace: str) -> Mapping[str, str]:
    """Return the namespace's labels; one that no file describes still has the label that every namespace has.

    Spec: Kubernetes well-known labels, "kubernetes.io/metadata.name"
    """
    found = cluster.namespaces.get(ObjectKey("", namespace))
    return {**(found.metadata.labels if found else {}), "kubernetes.io/metadata.name": namespace}
