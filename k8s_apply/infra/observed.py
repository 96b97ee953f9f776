"""ClusterSnapshot → what runs of each Gateway's infrastructure: addresses, replicas. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from itertools import islice
from typing import NamedTuple

from immutables import Map

from gateway_api.graph.mappings import not_equal, replaced
from gateway_api.ir.infra import Address, GatewayInfra, InfraReport
from k8s_apply.infra.names import MadeFor, infra_key, owner_labels, owner_of
from k8s_apply.infra.settings import InfraSettings
from k8s_apply.status_merge import MAX_ADDRESSES
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.core import Deployment, Service
from k8s_watch.snapshot import ClusterSnapshot

OBSERVED = ("Service", "Deployment")
"""The kinds that an observation looks at, by name."""


class Nodes(NamedTuple):
    """Where clients find the ports of Services of type NodePort."""

    addresses: Mapping[str, tuple[str, ...]]
    """Of the nodes that are ready, by name: their external addresses, else their internal ones."""
    proxies: Mapping[ObjectKey, Set[str]] | None
    """Service of proxies → the nodes with some that are ready; None: every node leads to them."""


class InfraKeeper:
    """One snapshot after the other → what is there of the Gateways' infrastructure. Equals `observe`."""

    def __init__(self, settings: InfraSettings) -> None:
        self._settings = settings
        self._gateways: Collection[ObjectKey] = ()
        self._problems: Mapping[ObjectKey, str] = {}
        self._nodes: Nodes | None = None
        self._made_for = MadeFor(settings)
        self._seen: Map[ObjectKey, GatewayInfra] = Map()

    def update(
        self,
        cluster: ClusterSnapshot,
        gateways: Collection[ObjectKey],
        problems: Mapping[ObjectKey, str],
        nodes: Nodes | None,
        *,
        changed: Mapping[str, Set[ObjectKey]] | None,
    ) -> Mapping[ObjectKey, GatewayInfra]:
        """Return what `observe` says of these; the last mapping itself when there was nothing to look at.

        `changed` is what differs in the cluster since the last call; None when anything may. Cost: follows that and
        `problems`; where `gateways` is another object, they are compared with those before, and other `nodes` concern
        all of them.
        """
        touched = set(self._made_for.move(gateways) if gateways is not self._gateways else ())
        touched |= not_equal(self._problems, problems)
        moved_nodes = nodes is not self._nodes
        self._gateways, self._problems, self._nodes = gateways, problems, nodes
        if changed is None or moved_nodes:
            self._seen = Map(observe(cluster, self._settings, gateways, problems, nodes).gateways)
            return self._seen
        ids = [(kind, key) for kind in OBSERVED for key in changed.get(kind, ())]
        touched.update(gateway for id_ in ids if (gateway := self._made_for.of.get(id_)))
        if touched:
            there = [gateway for gateway in touched if gateway in gateways]
            news = observe(cluster, self._settings, there, problems, nodes).gateways
            self._seen = replaced(self._seen, {gateway: news.get(gateway) for gateway in touched})
        return self._seen


def observe(
    cluster: ClusterSnapshot,
    settings: InfraSettings,
    gateways: Iterable[ObjectKey],
    problems: Mapping[ObjectKey, str],
    nodes: Nodes | None = None,
) -> InfraReport:
    """What is there of these Gateways' infrastructure. Those that have nothing yet are in it, with nothing.

    An object of the right name counts only when its labels say that it was made for this Gateway. `problems`: what
    stands in the way of some of them. `nodes`: None where they are not known, or do not matter.
    """
    return InfraReport(
        {key: _observe(cluster, infra_key(key, settings), key, problems.get(key, ""), nodes) for key in gateways}
    )


def _observe(
    cluster: ClusterSnapshot, key: ObjectKey, gateway: ObjectKey, problem: str, nodes: Nodes | None
) -> GatewayInfra:
    service = _of(cluster.services.get(key), gateway)
    deployment = _of(cluster.deployments.get(key), gateway)
    return GatewayInfra(
        addresses=tuple(dict.fromkeys(_addresses(service, nodes))) if service else (),
        replicas_wanted=deployment.spec.replicas if deployment else 0,
        replicas_ready=deployment.status.ready_replicas if deployment else 0,
        shortage=_shortage(deployment) if deployment else "",
        problem=problem,
    )


def _shortage(deployment: Deployment) -> str:
    """Return why pods are refused. Spec: Kubernetes apps/v1 DeploymentCondition, ReplicaFailure."""
    failures = (each for each in deployment.status.conditions if (each.type, each.status) == ("ReplicaFailure", "True"))
    return next((each.message.rstrip(".") for each in failures), "")


def _of[T: (Service, Deployment)](found: T | None, gateway: ObjectKey) -> T | None:
    return found if found and owner_of(found.metadata.labels) == owner_labels(gateway) else None


def _addresses(service: Service, nodes: Nodes | None) -> Iterator[Address]:
    """What the load balancer gave; where there is none to give, the nodes, or else what reaches it from inside. Of a
    Service that is being deleted, nothing: another will have other addresses.
    """
    spec = service.spec
    if service.metadata.deletion_timestamp:
        return
    if spec.type == "LoadBalancer":
        for ingress in service.status.load_balancer.ingress:
            if ingress.ip:
                yield Address("IPAddress", ingress.ip)
            if ingress.hostname:
                yield Address("Hostname", ingress.hostname)
        return
    ips = spec.cluster_ips or (spec.cluster_ip,)
    if spec.type == "NodePort" and nodes:
        yield from islice(_of_nodes(service.key, nodes, {":" in ip for ip in ips}), MAX_ADDRESSES)
    else:
        yield from (Address("IPAddress", ip) for ip in ips if ip not in ("", "None"))


def _of_nodes(service: ObjectKey, nodes: Nodes, families: Set[bool]) -> Iterator[Address]:
    """`families` are the Service's: whether IPv6."""
    names = nodes.addresses.keys() if nodes.proxies is None else nodes.proxies.get(service, frozenset())
    for name in sorted(names):
        yield from (Address("IPAddress", ip) for ip in nodes.addresses.get(name, ()) if (":" in ip) in families)
