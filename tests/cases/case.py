"""A folder of a golden case → the world it describes, taken through every stage.

`case.yaml` says what the case claims, `in.yaml` holds Kubernetes objects. They join those of `world.yaml`, which every
case shares; an object of the same kind and name replaces the shared one.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import yaml

from gateway_api.graph.build import build_graph
from gateway_api.graph.types import Graph, GraphSettings
from gateway_api.ir.fleet import FleetReport, GatewayFleet
from gateway_api.ir.infra import Address, GatewayInfra, InfraIR, InfraReport
from gateway_api.ir.xds import Endpoints, GatewayIR
from gateway_api.lowering.endpoints import lower_endpoints
from gateway_api.lowering.gateway import lower_gateway
from gateway_api.lowering.infra import lower_infra
from gateway_api.status.build import build_statuses
from gateway_api.status.types import Statuses
from k8s_watch import kinds
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.core import EndpointSlice
from k8s_watch.objects.meta import Object
from k8s_watch.snapshot import FIELDS, ClusterSnapshot
from xds_server.snapshot.resource import Snapshot
from xds_server.translate.assemble import assemble

ROOT = Path(__file__).parent
KINDS = {kind.name: kind for kind in kinds.ALL}
SERVICE_NAME = "kubernetes.io/service-name"


class Claim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """case.yaml."""

    claim: str
    """What holds, in one sentence."""
    spec: str
    """Where it is written, as in our docstrings."""
    conformance: str = ""
    """The official test of the same claim, if there is one."""
    settings: GraphSettings = GraphSettings()
    show: tuple[str, ...] = ("route",)
    """What the goldens are about: infra, and the xDS types cluster, endpoint, secret, listener, route."""


type Objects = Mapping[tuple[str, ObjectKey], Object]
"""By kind and key."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One Gateway, lowered and translated."""

    ir: GatewayIR
    infra: InfraIR
    endpoints: tuple[Endpoints, ...]
    snapshot: Snapshot


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a case's objects."""

    graph: Graph
    statuses: Statuses
    gateways: Mapping[ObjectKey, Result]


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One folder."""

    path: Path
    claim: Claim
    objects: Objects
    """Its own, those of the world not among them."""

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    def run(self) -> Outcome:
        """Take the case's world through every stage."""
        return run(snapshot_of({**world(), **self.objects}), self.claim.settings)


def all_cases() -> list[Path]:
    """The folders of all cases, sorted."""
    return sorted(path.parent for path in ROOT.glob("*/*/case.yaml"))


def load(path: Path) -> Case:
    """Read a case's folder. Raises for anything that is not as it should be."""
    claim = msgspec.convert(yaml.safe_load((path / "case.yaml").read_text()), Claim)
    return Case(path=path, claim=claim, objects=read_objects(path / "in.yaml"))


@cache
def world() -> Objects:
    """What every case shares: a GatewayClass, a Gateway, backends with endpoints, certificates."""
    return read_objects(ROOT / "world.yaml")


def read_objects(path: Path) -> dict[tuple[str, ObjectKey], Object]:
    """Decode every document; a namespaced object without a namespace is in `default`."""
    return {(kind, decoded.key): decoded for kind, decoded in _decoded(path)}


def snapshot_of(objects: Objects) -> ClusterSnapshot:
    """The ClusterSnapshot that a source would give for these objects."""
    fields: dict[str, dict[ObjectKey, Object]] = {field: {} for field in FIELDS.values()}
    slices: dict[ObjectKey, list[EndpointSlice]] = {}
    for (kind, key), decoded in objects.items():
        if isinstance(decoded, EndpointSlice):
            slices.setdefault(ObjectKey(key.namespace, decoded.metadata.labels[SERVICE_NAME]), []).append(decoded)
        else:
            fields[FIELDS[kind]][key] = decoded
    by_service = {key: tuple(sorted(found, key=lambda one: one.metadata.name)) for key, found in slices.items()}
    return ClusterSnapshot(revision=1, slices_by_service=by_service, **fields)  # type: ignore[arg-type]


def run(cluster: ClusterSnapshot, settings: GraphSettings) -> Outcome:
    """Take a snapshot through every stage. One proxy is connected to every Gateway, and content."""
    graph = build_graph(cluster, settings)
    fleet = FleetReport({key: GatewayFleet(connected=1, acked=1) for key in graph.gateways})
    seen = GatewayInfra(addresses=(Address("IPAddress", "192.0.2.1"),), replicas_wanted=1, replicas_ready=1)
    infra = InfraReport(dict.fromkeys(graph.gateways, seen))
    return Outcome(
        graph=graph,
        statuses=build_statuses(graph, fleet, infra),
        gateways={key: _result(graph, key, cluster) for key in graph.gateways},
    )


def _result(graph: Graph, gateway: ObjectKey, cluster: ClusterSnapshot) -> Result:
    lowered = lower_gateway(graph, gateway)
    endpoints = tuple(
        lower_endpoints(of, cluster.services.get(of.backend), cluster.slices_by_service.get(of.backend, ()))
        for of in lowered.clusters
    )
    return Result(
        ir=lowered,
        infra=lower_infra(graph, gateway),
        endpoints=endpoints,
        snapshot=assemble(lowered, endpoints),
    )


def _decoded(path: Path) -> Iterator[tuple[str, Object]]:
    for document in filter(None, yaml.safe_load_all(path.read_text())):
        kind = KINDS[document["kind"]]
        _, _, version = document["apiVersion"].rpartition("/")
        assert document["apiVersion"].removesuffix(version).rstrip("/") == kind.group, document
        assert version in kind.versions, document
        yield kind.name, msgspec.convert(_in_namespace(document, namespaced=kind.namespaced), kind.type)


def _in_namespace(document: dict[str, Any], *, namespaced: bool) -> dict[str, Any]:
    default = {"namespace": "default"} if namespaced else {}
    return {**document, "metadata": {**default, **document["metadata"]}}
