"""InfraIR → the manifests that we own. Pure."""

import base64
from collections.abc import Mapping

from gateway_api.ir.infra import InfraIR, InfraPort, Owner
from gateway_api.ir.pod import BOOTSTRAP_FILE
from k8s_apply.api import Json
from k8s_apply.infra.names import annotations, infra_key, labels, secret_key, selector
from k8s_apply.infra.pod import pod_template
from k8s_apply.infra.settings import InfraSettings
from k8s_watch.keys import ObjectKey

_ADDRESS_FIELDS = {"LoadBalancer": "loadBalancerIP", "ClusterIP": "clusterIP"}
"""Type of Service → the field in which it asks for an address. A NodePort cannot."""


def desired(
    infra: InfraIR,
    settings: InfraSettings,
    *,
    bootstrap: Mapping[str, str],
    certificate: Mapping[str, bytes],
    drain_secret: str,
) -> tuple[Json, ...]:
    """Every object of one Gateway's infrastructure, in the order of making; for server-side apply.

    `bootstrap` holds texts by file name: `bootstrap.yaml`, which is JSON and goes with the pods, and those of the
    ConfigMap; it must not depend on the listeners.
    `certificate` holds PEM by file name: ca.crt, tls.crt, tls.key. For `drain_secret`, see `pod_template`.

    Without ports there is nothing that could be served and no Service could be made: the result is empty.

    Spec: Gateway API v1 GatewaySpec.infrastructure; GEP-1762
    """
    if not infra.ports:
        return ()
    template = pod_template(infra, settings, bootstrap=bootstrap, drain_secret=drain_secret)
    files = {name: text for name, text in bootstrap.items() if name != BOOTSTRAP_FILE}
    key, secret = infra_key(infra.gateway, settings), secret_key(infra.gateway, settings)
    made = (
        _object("v1", "ServiceAccount", key, infra, settings) | {"automountServiceAccountToken": False},
        _object("v1", "ConfigMap", key, infra, settings) | {"data": files},
        _object("v1", "Secret", secret, infra, settings) | {"type": "kubernetes.io/tls", "data": _base64(certificate)},
        _object("v1", "Service", key, infra, settings) | {"spec": _service(infra, settings)},
        _object("apps/v1", "Deployment", key, infra, settings) | {"spec": _deployment(infra, settings, template)},
    )
    if not settings.disruption_budget or settings.replicas in (0, 1):
        return made
    return (*made, _object("policy/v1", "PodDisruptionBudget", key, infra, settings) | {"spec": _budget(infra)})


def _object(api_version: str, kind: str, key: ObjectKey, infra: InfraIR, settings: InfraSettings) -> Json:
    meta: Json = {
        "name": key.name,
        "namespace": key.namespace,
        "labels": labels(infra, settings),
        "annotations": annotations(kind, infra, settings),
    }
    # In our namespace the class could be the owner, and is not: whoever deletes it in the foreground, as some GitOps
    # tools do, has what it owns collected at once, whatever finalizer it carries.
    if settings.gateway_namespace_mode:
        meta["ownerReferences"] = [_reference(infra.owner)]
    return {"apiVersion": api_version, "kind": kind, "metadata": meta}


def _reference(owner: Owner) -> Json:
    return {
        "apiVersion": owner.api_version,
        "kind": owner.kind,
        "name": owner.name,
        "uid": owner.uid,
        "controller": True,
    }


def _service(infra: InfraIR, settings: InfraSettings) -> Json:
    spec: Json = {
        "type": settings.service_type,
        "selector": selector(infra.gateway),
        "sessionAffinity": "None",
        "ports": [_service_port(port) for port in sorted(infra.ports, key=lambda port: (port.port, port.protocol))],
    }
    if settings.service_type != "ClusterIP":
        spec["externalTrafficPolicy"] = settings.external_traffic_policy
    if settings.dual_stack:
        spec["ipFamilyPolicy"] = "PreferDualStack"
    asked_for = _ADDRESS_FIELDS.get(settings.service_type)
    # A Service can ask for one. Not by externalIPs: those need nobody's leave, so a Gateway could take any address.
    return spec | {asked_for: infra.addresses[0]} if asked_for and infra.addresses else spec


def _service_port(port: InfraPort) -> Json:
    return {"name": port.name, "protocol": port.protocol, "port": port.port, "targetPort": port.bind_port}


def _deployment(infra: InfraIR, settings: InfraSettings, template: Json) -> Json:
    spec: Json = {
        "selector": {"matchLabels": selector(infra.gateway)},
        "progressDeadlineSeconds": 600,
        "revisionHistoryLimit": 2,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "template": template,
    }
    if settings.min_ready_seconds:  # a 0 is not kept, and would look like somebody else's change
        spec["minReadySeconds"] = settings.min_ready_seconds
    return spec if settings.replicas is None else {"replicas": settings.replicas} | spec


def _budget(infra: InfraIR) -> Json:
    """One at a time: never in the way of a single proxy, nor, with what is broken anyway, of anybody."""
    return {
        "maxUnavailable": 1,
        "selector": {"matchLabels": selector(infra.gateway)},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }


def _base64(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: base64.b64encode(content).decode() for name, content in sorted(files.items())}
