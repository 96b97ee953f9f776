"""The order of the stages: ClusterSnapshot → Graph → IR → Snapshot, for every Gateway.

`build_everything` is the definition: pure functions, one after the other, over the whole world. A `Pipeline` comes to
the same at the cost of what changed: each stage has a keeper, which remembers what it made last and is told what
differs in its input. What did not change is the same object in one step and the next, so `is` answers that.
"""

from collections.abc import Callable, Mapping, Set
from typing import NamedTuple

import msgspec
from immutables import Map

from flow.attempt import Failure, attempt
from gateway_api.graph.build import build_graph
from gateway_api.graph.change import GraphChange
from gateway_api.graph.incremental.keeper import GraphKeeper
from gateway_api.graph.mappings import replaced
from gateway_api.graph.types import Graph, GraphSettings
from gateway_api.ir.infra import InfraIR
from gateway_api.ir.xds import Endpoints, GatewayIR
from gateway_api.lowering.endpoints import lower_endpoints
from gateway_api.lowering.endpoints_keeper import EndpointsKeeper, EndpointsNow, Users
from gateway_api.lowering.gateway import lower_gateway
from gateway_api.lowering.infra import lower_infra
from gateway_api.lowering.keeper import GatewayKeeper
from k8s_watch.keys import ObjectKey
from k8s_watch.snapshot import ClusterSnapshot
from xds_server.snapshot.resource import Snapshot
from xds_server.translate.assemble import assemble
from xds_server.translate.endpoint import EndpointsEncoder
from xds_server.translate.keeper import SnapshotKeeper

type Keys = Set[ObjectKey]

NOTHING_SCOPED: Mapping[ObjectKey, Set[str]] = {}


class GatewayStep(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What becomes of one Gateway."""

    infra: InfraIR
    snapshot: Snapshot


class Step(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The whole world, through every stage."""

    cluster: ClusterSnapshot
    graph: Graph
    change: GraphChange
    """What differs in the graph since the step before."""
    gateways: Map[ObjectKey, GatewayStep]
    moved: Keys
    """The Gateways of which `gateways` has something else than in the step before, or nothing any more."""
    failures: tuple[Failure, ...] = ()
    """Defects of ours in this pass; what they hit is as it was in the pass before."""


class BuiltGateway(GatewayStep, frozen=True, kw_only=True, eq=False):
    """One Gateway, with what it was on the way."""

    ir: GatewayIR
    endpoints: tuple[Endpoints, ...]


class Built(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Everything, from scratch."""

    graph: Graph
    gateways: Mapping[ObjectKey, BuiltGateway]


def build_everything(
    cluster: ClusterSnapshot, settings: GraphSettings, scoped: Mapping[ObjectKey, Set[str]] = NOTHING_SCOPED
) -> Built:
    """Take the world through every stage at once. Raises whatever a defect of ours raises.

    `scoped` are the route tables that are scoped now, by Gateway: all that depends on what was before.
    """
    graph = build_graph(cluster, settings)
    gateways = {key: _build_gateway(graph, key, cluster, scoped.get(key, frozenset())) for key in graph.gateways}
    return Built(graph=graph, gateways=gateways)


def _build_gateway(graph: Graph, key: ObjectKey, cluster: ClusterSnapshot, scoped: Set[str]) -> BuiltGateway:
    ir = lower_gateway(graph, key, scoped)
    endpoints = tuple(
        lower_endpoints(of, cluster.services.get(of.backend), cluster.slices_by_service.get(of.backend, ()))
        for of in ir.clusters
    )
    return BuiltGateway(ir=ir, infra=lower_infra(graph, key), endpoints=endpoints, snapshot=assemble(ir, endpoints))


class Pipeline:
    """Takes one source's snapshots, one after the other, through every stage."""

    def __init__(self, settings: GraphSettings) -> None:
        self._settings = settings
        self._graph = GraphKeeper(settings)
        self._gateways: dict[ObjectKey, _GatewayStages] = {}
        self._users = Users()
        self._scoped: dict[ObjectKey, frozenset[str]] = {}
        """By Gateway on which a stage failed, until it is tried again: the tables that were scoped. Another mode would
        cost connections."""
        self._last: Step | None = None

    def update(self, cluster: ClusterSnapshot) -> Step:
        """Take `cluster` through every stage; what a stage fails on keeps its last good result and is tried again.

        Snapshots may be skipped: then more is looked at. Cost: follows what changed since the last update.

        Raises only when the very first graph cannot be built: then there is nothing good to keep.
        """
        last = self._last
        failures: list[Failure] = []
        graph, change = self._update_graph(cluster, failures)
        backends = _moved_backends(last.cluster if last else None, cluster)
        shared = _Shared(EndpointsNow(cluster), EndpointsEncoder())
        before: Map[ObjectKey, GatewayStep] = last.gateways if last else Map()
        news: dict[ObjectKey, GatewayStep | None] = {}
        for key in self._gone(graph, change):
            self._forget(key)
            news[key] = None
        for key in self._to_do(graph, _touched_gateways(graph, change), backends):
            match attempt(f"gateway {key}", self._work(key, graph, change, shared, backends)):
                case Failure() as failure:
                    failures.append(failure)
                    scoped = self._gateways[key].scoped
                    self._forget(key)
                    self._scoped[key] = scoped
                case GatewayStep() as new:
                    news[key] = new
        self._last = Step(
            cluster=cluster,
            graph=graph,
            change=change,
            gateways=replaced(before, news),
            moved=frozenset(key for key, step in news.items() if before.get(key) is not step),
            failures=tuple(failures),
        )
        return self._last

    def ir(self, gateway: ObjectKey) -> GatewayIR:
        """Compose what a Gateway's proxies must do, as of the last update. Cost: linear in its size.

        Raises `KeyError` for one that the last update had not, or failed on.
        """
        return self._gateways[gateway].ir()

    def _gone(self, graph: Graph, change: GraphChange) -> list[ObjectKey]:
        """The Gateways of which we hold something, and that are no more."""
        held = self._gateways.keys() | self._scoped.keys() if change.everything else change.gateways
        return [key for key in held if key not in graph.gateways]

    def _forget(self, key: ObjectKey) -> None:
        self._scoped.pop(key, None)
        if stages := self._gateways.pop(key, None):
            stages.leave()

    def _to_do(self, graph: Graph, touched: Keys | None, backends: Keys | None) -> Keys:
        """The Gateways that may differ, and those on which a stage failed."""
        if touched is None or backends is None:
            return frozenset(graph.gateways)
        to_do = {*touched, *self._users.of(backends), *self._scoped}
        return {key for key in to_do if key in graph.gateways}

    def _update_graph(self, cluster: ClusterSnapshot, failures: list[Failure]) -> tuple[Graph, GraphChange]:
        match attempt("graph", lambda: self._graph.update(cluster)):
            case Failure() as failure:
                if self._last is None:
                    raise failure.error
                failures.append(failure)
                return self._last.graph, GraphChange(before=self._last.graph)
            case graph, change:
                return graph, change

    def _work(
        self, key: ObjectKey, graph: Graph, change: GraphChange, shared: "_Shared", backends: Keys | None
    ) -> Callable[[], GatewayStep]:
        if (stages := self._gateways.get(key)) is None:
            stages = _GatewayStages(key, self._scoped.pop(key, frozenset()), self._users)
            self._gateways[key] = stages
        return lambda: stages.update(graph, change, shared, backends)


class _Shared(NamedTuple):
    """What Gateways that lead to the same Services have in common in one pass."""

    endpoints: EndpointsNow
    encode: EndpointsEncoder


class _GatewayStages:
    """The keepers of one Gateway. After an exception they hold half a change: they are thrown away together."""

    def __init__(self, gateway: ObjectKey, scoped: Set[str], users: Users) -> None:
        self.step: GatewayStep | None = None
        self._gateway = gateway
        self._ir = GatewayKeeper(gateway, scoped)
        self._endpoints = EndpointsKeeper(gateway, users)
        self._snapshot = SnapshotKeeper()

    @property
    def scoped(self) -> frozenset[str]:
        """As `GatewayKeeper.scoped`."""
        return self._ir.scoped

    def leave(self) -> None:
        """As `EndpointsKeeper.leave`: to be called when they are thrown away."""
        self._endpoints.leave()

    def update(self, graph: Graph, change: GraphChange, shared: _Shared, backends: Keys | None) -> GatewayStep:
        """Take the Gateway through its stages."""
        ir_change = self._ir.update(graph, change)
        endpoints_change = self._endpoints.update(shared.endpoints, backends, ir_change.clusters)
        snapshot = self._snapshot.update(ir_change, endpoints_change, shared.encode)
        infra = self._infra(graph, change)
        if self.step is None or self.step.snapshot is not snapshot or self.step.infra is not infra:
            self.step = GatewayStep(infra=infra, snapshot=snapshot)
        return self.step

    def ir(self) -> GatewayIR:
        """As `GatewayKeeper.ir`."""
        return self._ir.ir()

    def _infra(self, graph: Graph, change: GraphChange) -> InfraIR:
        if self.step and not change.everything and self._gateway not in change.gateways_served:
            return self.step.infra
        new = lower_infra(graph, self._gateway)
        return self.step.infra if self.step and self.step.infra == new else new


def _moved_backends(before: ClusterSnapshot | None, after: ClusterSnapshot) -> Keys | None:
    """The Services that changed or whose slices did; None when any may have."""
    if before is None or after.changed is None or after.revision != before.revision + 1:
        return frozenset() if before is after else None
    nothing: frozenset[ObjectKey] = frozenset()
    return after.changed.get("Service", nothing) | after.changed.get("EndpointSlice", nothing)


def _touched_gateways(graph: Graph, change: GraphChange) -> Keys | None:
    """The Gateways whose IR may differ; None for all."""
    if change.before is None:
        return None
    if change.before is graph:
        return frozenset()
    return change.gateways_served.union(change.routes_of)
