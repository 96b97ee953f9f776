"""What an operator may choose about the generated infrastructure."""

from typing import Literal

import msgspec

FIELD_MANAGER = "envoy-gateway"
"""One name for all that we apply. It is Envoy Gateway's own, so that what that one applied before us, and we do not
want, goes away instead of staying for ever under a manager that is gone."""


class InfraSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The same for every Gateway. The defaults are those of the tutorial."""

    system_namespace: str = "envoy-gateway-system"
    """Where we run."""
    gateway_namespace_mode: bool = False
    """Put each Gateway's objects into the Gateway's own namespace, owned by it. Spec: GEP-1762."""
    image: str = "envoyproxy/envoy:distroless-v1.40.0"
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()
    """Names of Secrets in the namespace of the pods."""
    replicas: int | None = None
    """None leaves the number to whoever scales the Deployment, such as a HorizontalPodAutoscaler; it begins at 1."""
    disruption_budget: bool = True
    """When nodes are emptied, only one proxy of a Gateway goes at a time."""
    service_type: Literal["LoadBalancer", "NodePort", "ClusterIP"] = "LoadBalancer"
    external_traffic_policy: Literal["Local", "Cluster"] = "Local"
    """Local keeps the client's address and saves a hop; Cluster reaches the pods through every node."""
    log_level: str = "warn"
    """Of Envoy: trace, debug, info, warn, error, critical, off."""
    cpu_request: str = "100m"
    memory_request: str = "512Mi"
    """Both in the spelling of `k8s_apply.quantity`."""
    memory_limit: str | None = None
    """None: no limit."""
    dual_stack: bool = False
    """Ask for addresses of both families, where the cluster has both."""
    min_ready_seconds: int = 30
    """A rollout ends an old pod when a new one has been ready so long."""
    drain_seconds: int = 60
    """A pod that has to go still serves this long and sends its clients elsewhere. 0 goes at once."""
    bootstrap_dir: str = "/etc/envoy"
    """Where the pod finds the files that its bootstrap names."""
    certs_dir: str = "/certs"
    """Where the pod finds ca.crt, tls.crt and tls.key of its xDS connection."""
