"""InfraIR → the pod that runs Envoy. Pure.

Everything here is the same for any set of listeners: a listener that comes or goes must not restart a proxy.
"""

import hashlib
from collections.abc import Mapping

import msgspec

from gateway_api.ir.infra import LISTENER_DRAIN, InfraIR
from gateway_api.ir.pod import BOOTSTRAP_FILE, METRICS_PATH, METRICS_PORT, READY_PATH, READY_PORT, drain_path
from k8s_apply.api import Json
from k8s_apply.infra.names import annotations, infra_key, pod_labels, secret_key
from k8s_apply.infra.settings import InfraSettings

USER = 65532
"""The user and group without a name and without rights that distroless images know."""
DIGEST = "checksum/bootstrap"
ZONE = "$(ENVOY_SERVICE_ZONE)"
"""Stands in the bootstrap for the zone of the pod's node; the kubelet puts it in."""
ZONE_LABEL = "topology.kubernetes.io/zone"
"""Kubernetes gives a pod its node's from 1.35 on; without it, the zone is unknown."""


def listener_drain(drain_seconds: int) -> int:
    """Seconds for which connections of a listener, or of a filter chain, that was replaced may go on; we keep what they
    use as long (`xds_server.protocol.patience.Patience.linger`). Of connections of bytes, all are cut at its end.

    `drain_seconds` is what a proxy that ends has. Envoy has one time for both.
    """
    return max(drain_seconds, LISTENER_DRAIN)


def pod_template(infra: InfraIR, settings: InfraSettings, *, bootstrap: Mapping[str, str], drain_secret: str) -> Json:
    """The Deployment's pod template.

    Envoy reads its bootstrap once: the template has it, and a digest of the files beside it, so that another one is
    rolled out, and stops there when it does not work; pods from before still begin with the one that they were made
    with. `drain_secret` is what the bootstrap asks of who wants the proxy to drain.
    """
    name = infra_key(infra.gateway, settings).name
    secret = secret_key(infra.gateway, settings).name
    noted = annotations("Pod", infra, settings) | {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(METRICS_PORT),
        "prometheus.io/path": METRICS_PATH,
        DIGEST: _digest(bootstrap),
    }
    spec: Json = {
        "serviceAccountName": name,
        "automountServiceAccountToken": False,
        # Else there were variables for each Service of the namespace, one of each Gateway's among them: a container
        # with those of some two thousand cannot be started.
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": settings.drain_seconds + 20,
        "containers": [_envoy(infra, settings, bootstrap[BOOTSTRAP_FILE], drain_secret)],
        "volumes": [
            {"name": "bootstrap", "configMap": {"name": name}},
            {"name": "certs", "secret": {"secretName": secret, "defaultMode": 0o440}},
        ],
    }
    if settings.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": secret} for secret in settings.image_pull_secrets]
    return {"metadata": {"labels": pod_labels(infra, settings), "annotations": noted}, "spec": spec}


def _envoy(infra: InfraIR, settings: InfraSettings, bootstrap: str, drain_secret: str) -> Json:
    container: Json = {
        "name": "envoy",
        "image": settings.image,
        "imagePullPolicy": settings.image_pull_policy,
        "command": ["envoy"],
        "args": [
            f"--service-cluster {infra.gateway}",
            "--service-node $(ENVOY_POD_NAME)",
            f"--log-level {settings.log_level}",
            "--cpuset-threads",
            "--disable-hot-restart",
            "--drain-strategy immediate",
            f"--drain-time-s {listener_drain(settings.drain_seconds)}",
        ],
        "env": [
            _from_pod("ENVOY_POD_NAMESPACE", "metadata.namespace"),
            _from_pod("ENVOY_POD_NAME", "metadata.name"),
            _from_pod("ENVOY_SERVICE_ZONE", f"metadata.labels['{ZONE_LABEL}']"),
        ],
        "ports": [
            {"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"},
            {"name": "readiness", "containerPort": READY_PORT, "protocol": "TCP"},
        ],
        "resources": _resources(settings),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [
            {"name": "bootstrap", "mountPath": settings.bootstrap_dir, "readOnly": True},
            {"name": "certs", "mountPath": settings.certs_dir, "readOnly": True},
        ],
        # Ready within a second of having listeners; a proxy that never hears from us is started anew after 5 minutes.
        "startupProbe": _probe(period=1, failures=300),
        # The threads that serve take in configuration, too: 40,000 routes at once kept them from answering probes for
        # more than 20 seconds on a busy machine. To kill the proxy for that makes it begin again.
        "readinessProbe": _probe(period=5, failures=6, timeout=5),
        "livenessProbe": _probe(period=10, failures=12, timeout=5),
    }
    words = [word for flag in container["args"] for word in flag.split(" ")]
    container["args"] = ["--config-yaml", _argument(msgspec.json.format(bootstrap, indent=-1)), *words]
    if settings.drain_seconds:
        # Told to end, Envoy would close every connection with what is under way on it. This is answered when the time
        # is up: meanwhile each client is sent elsewhere with its next answer, Service and load balancer take the pod
        # out, and what still comes is served.
        drain = {"path": drain_path(drain_secret), "port": READY_PORT, "scheme": "HTTP"}
        container["lifecycle"] = {"preStop": {"httpGet": drain}}
    return container


def _from_pod(variable: str, field: str) -> Json:
    return {"name": variable, "valueFrom": {"fieldRef": {"fieldPath": field}}}


def _argument(text: str) -> str:
    """The argument that a container gets as the text, with its zone. Spec: Kubernetes core/v1 Container.args, "$$" """
    return ZONE.join(part.replace("$", "$$") for part in text.split(ZONE))


def _digest(texts: Mapping[str, str]) -> str:
    return hashlib.sha256("\0".join(f"{name}\0{texts[name]}" for name in sorted(texts)).encode()).hexdigest()[:16]


def _resources(settings: InfraSettings) -> Json:
    resources: Json = {"requests": {"cpu": settings.cpu_request, "memory": settings.memory_request}}
    if settings.memory_limit:
        resources["limits"] = {"memory": settings.memory_limit}
    return resources


def _probe(*, period: int, failures: int, timeout: int = 1) -> Json:
    return {
        "httpGet": {"path": READY_PATH, "port": READY_PORT, "scheme": "HTTP"},
        "timeoutSeconds": timeout,
        "periodSeconds": period,
        "successThreshold": 1,
        "failureThreshold": failures,
    }
