"""The order of the stages, as one pure function: ClusterSnapshot → Graph → IR → Snapshot, for every Gateway.

`step` is a function of values. What it made last time it may reuse, object by object and by identity: a stage whose
inputs are the same objects as before returns the same object as before, and whoever follows sees that by `is`.
"""

from collections.abc import Callable, Mapping

import msgspec

from flow.supervise import Failure, attempt
from gateway_api.graph.build import build_graph
from gateway_api.graph.types import Graph, Settings
from gateway_api.ir.infra import InfraIR
from gateway_api.ir.xds import Cluster, ClusterName, Endpoints, GatewayIR
from gateway_api.lowering.endpoints import lower_endpoints
from gateway_api.lowering.gateway import lower_gateway
from gateway_api.lowering.infra import lower_infra
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.core import EndpointSlice, Service
from k8s_watch.snapshot import ClusterSnapshot
from xds_server.snapshot.resource import Snapshot
from xds_server.translate.assemble import assemble

BESIDE_THE_GRAPH = frozenset({"EndpointSlice", "Deployment", "ConfigMap"})
"""Kinds that the graph does not read: their changes leave it as it is."""


class LoweredEndpoints(msgspec.Struct, frozen=True):
    """One cluster's endpoints with the objects that they came from."""

    cluster: Cluster
    service: Service | None
    slices: tuple[EndpointSlice, ...]
    endpoints: Endpoints


class GatewayStep(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One Gateway, through every stage."""

    ir: GatewayIR
    infra: InfraIR
    endpoints: Mapping[ClusterName, LoweredEndpoints]
    """By cluster name."""
    snapshot: Snapshot


class Step(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The whole world, through every stage."""

    cluster: ClusterSnapshot
    graph: Graph
    gateways: Mapping[ObjectKey, GatewayStep]
    failures: tuple[Failure, ...] = ()
    """Defects of ours in this pass; what they hit is as it was in the pass before."""


def step(cluster: ClusterSnapshot, previous: Step | None, settings: Settings) -> Step:
    """Take the world through every stage; a Gateway on which a stage fails keeps its last good result.

    Raises only when the very first graph cannot be built: then there is nothing good to keep.
    """
    graph = _graph(cluster, previous, settings)
    if isinstance(graph, Failure):
        if previous is None:
            raise graph.error
        return msgspec.structs.replace(previous, cluster=cluster, failures=(graph,))
    before = previous.gateways if previous else {}
    same_graph = previous is not None and previous.graph is graph
    gateways: dict[ObjectKey, GatewayStep] = {}
    failures: list[Failure] = []
    for key in graph.gateways:
        old = before.get(key)
        match attempt(f"gateway {key}", _gateway_work(graph, key, cluster, old, same_graph=same_graph)):
            case Failure() as failure:
                failures.append(failure)
                if old:
                    gateways[key] = old
            case GatewayStep() as new:
                gateways[key] = new
    return Step(cluster=cluster, graph=graph, gateways=gateways, failures=tuple(failures))


def _graph(cluster: ClusterSnapshot, previous: Step | None, settings: Settings) -> Graph | Failure:
    if (
        previous
        and cluster.changed is not None
        and cluster.changed.keys() <= BESIDE_THE_GRAPH
        and not previous.failures
    ):
        return previous.graph
    return attempt("graph", lambda: build_graph(cluster, settings))


def _gateway_work(
    graph: Graph, key: ObjectKey, cluster: ClusterSnapshot, old: GatewayStep | None, *, same_graph: bool
) -> Callable[[], GatewayStep]:
    return lambda: _step_gateway(graph, key, cluster, old, same_graph=same_graph)


def _step_gateway(
    graph: Graph, key: ObjectKey, cluster: ClusterSnapshot, old: GatewayStep | None, *, same_graph: bool
) -> GatewayStep:
    if old and same_graph:
        ir, infra = old.ir, old.infra
    else:
        ir, infra = lower_gateway(graph, key), lower_infra(graph, key)
        if old:  # equal is as good as same, and same is what the stages after this look for
            ir, infra = (old.ir if ir == old.ir else ir), (old.infra if infra == old.infra else infra)
    known = old.endpoints if old else {}
    endpoints = {of.name: _endpoints(of, cluster, known.get(of.name)) for of in ir.clusters}
    if old and ir is old.ir and all(endpoints[name].endpoints is known[name].endpoints for name in endpoints):
        snapshot = old.snapshot
    else:
        snapshot = assemble(ir, (lowered.endpoints for lowered in endpoints.values()), old.snapshot if old else None)
    return GatewayStep(ir=ir, infra=infra, endpoints=endpoints, snapshot=snapshot)


def _endpoints(of: Cluster, cluster: ClusterSnapshot, old: LoweredEndpoints | None) -> LoweredEndpoints:
    service, slices = cluster.services.get(of.backend), cluster.slices_by_service.get(of.backend, ())
    if old and old.cluster == of and old.service is service and old.slices is slices:
        return old
    endpoints = lower_endpoints(of, service, slices)
    if old and old.endpoints == endpoints:
        endpoints = old.endpoints
    return LoweredEndpoints(of, service, slices, endpoints)
