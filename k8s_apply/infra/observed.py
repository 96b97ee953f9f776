"""ClusterSnapshot → what runs of each Gateway's infrastructure: addresses, replicas. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from gateway_api.ir.infra import Address, GatewayInfra, InfraReport
from k8s_apply.infra.names import infra_key, owner_labels, owner_of
from k8s_apply.infra.settings import InfraSettings
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.core import Deployment, Service
from k8s_watch.snapshot import ClusterSnapshot

OBSERVED = frozenset({"Service", "Deployment"})
"""The kinds that an observation looks at, by name."""


def observe(
    cluster: ClusterSnapshot,
    settings: InfraSettings,
    gateways: Iterable[ObjectKey],
    problems: Mapping[ObjectKey, str],
) -> InfraReport:
    """What is there of these Gateways' infrastructure. Those that have nothing yet are in it, with nothing.

    An object of the right name counts only when its labels say that it was made for this Gateway. `problems`: what
    stands in the way of some of them.
    """
    return InfraReport(
        {key: _observe(cluster, infra_key(key, settings), key, problems.get(key, "")) for key in gateways}
    )


def _observe(cluster: ClusterSnapshot, key: ObjectKey, gateway: ObjectKey, problem: str) -> GatewayInfra:
    service = _of(cluster.services.get(key), gateway)
    deployment = _of(cluster.deployments.get(key), gateway)
    return GatewayInfra(
        addresses=tuple(dict.fromkeys(_addresses(service))) if service else (),
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


def _addresses(service: Service) -> Iterator[Address]:
    """What the load balancer gave; where there is none to give, what reaches it from inside. Of a Service that is being
    deleted, nothing: another will have other addresses.
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
    else:
        ips = spec.cluster_ips or (spec.cluster_ip,)
        yield from (Address("IPAddress", ip) for ip in ips if ip not in ("", "None"))
