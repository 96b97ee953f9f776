"""Gateway → the names and labels of what we make for it. Pure.

Names and labels are those of Envoy Gateway: an installation that moves to us keeps its Services and their addresses.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from gateway_api.ir.infra import InfraIR
from k8s_apply.infra.settings import InfraSettings
from k8s_watch.keys import ObjectKey

MANAGED_BY = {
    "app.kubernetes.io/name": "envoy",
    "app.kubernetes.io/component": "proxy",
    "app.kubernetes.io/managed-by": "envoy-gateway",
}
GATEWAY_NAME = "gateway.envoyproxy.io/owning-gateway-name"
GATEWAY_NAMESPACE = "gateway.envoyproxy.io/owning-gateway-namespace"
GATEWAY_CLASS_NAME = "gateway.networking.k8s.io/gateway-class-name"
"""Label: no pod has it, for a Gateway that changes its class keeps its proxies."""
SYSTEM_NAMESPACE = "lychgate/system-namespace"
"""Label: the namespace of the controller that made the object. Two controllers in one cluster tell theirs by it."""

RESERVED = frozenset({"control-plane"})
"""Labels that no Gateway gives its proxies: our own Services and disruption budget select by them."""

type Id = tuple[str, ObjectKey]
"""Kind name and key of one of our objects."""
type OwnerLabels = tuple[str, str]
"""The owning Gateway as two labels name it: the namespace, and the name or what fits of it."""

MAX_LABEL = 63
_DNS_1035 = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")


def infra_key(gateway: ObjectKey, settings: InfraSettings) -> ObjectKey:
    """The namespace and name that all objects of this Gateway share, its Secret aside.

    In the Gateway's own namespace that is its own name, where a Service can bear it; else the name with the digest.
    """
    if not settings.gateway_namespace_mode:
        return ObjectKey(settings.system_namespace, hashed_name(gateway))
    fits = _DNS_1035.fullmatch(gateway.name)
    return ObjectKey(gateway.namespace, gateway.name if fits else hashed_name(gateway))


def secret_key(gateway: ObjectKey, settings: InfraSettings) -> ObjectKey:
    """The Secret of the proxies' client certificate: not by the Gateway's own name, which users' certificates have."""
    return ObjectKey(infra_key(gateway, settings).namespace, hashed_name(gateway))


@lru_cache(maxsize=16_384)
def hashed_name(gateway: ObjectKey) -> str:
    """`envoy-<namespace>-<name>-<hash8>`, at most 63 characters: the middle is cut at 48.

    hash8 is the first 8 hexadecimal digits of the SHA-256 of `<namespace>/<name>`. Remembered, for whoever looks at all
    Gateways asks for each.
    """
    middle = f"{gateway.namespace}-{gateway.name}".replace(".", "-")
    if len(middle) > 48:
        middle = middle[:48].removesuffix("-")
    return f"envoy-{middle}-{_digest(str(gateway))}"


class MadeFor:
    """Which Gateway a ConfigMap, Secret, Service or Deployment is for, by its kind and key, as far as names tell.

    A change of one of the many that are for none costs a look-up, and no look at each Gateway.
    """

    def __init__(self, settings: InfraSettings) -> None:
        self.of: dict[Id, ObjectKey] = {}
        """To be read only."""
        self._settings = settings
        self._gateways: frozenset[ObjectKey] = frozenset()

    def move(self, gateways: Iterable[ObjectKey]) -> frozenset[ObjectKey]:
        """Know these Gateways from now on, and no others; return those that came, and those that went."""
        before, self._gateways = self._gateways, frozenset(gateways)
        for gateway in before - self._gateways:
            for id_ in self._objects(gateway):
                del self.of[id_]
        for gateway in self._gateways - before:
            self.of.update(dict.fromkeys(self._objects(gateway), gateway))
        return before ^ self._gateways

    def _objects(self, gateway: ObjectKey) -> tuple[Id, ...]:
        shared = infra_key(gateway, self._settings)
        secret = "Secret", secret_key(gateway, self._settings)
        return ("ConfigMap", shared), ("Service", shared), ("Deployment", shared), secret


def selector(gateway: ObjectKey) -> dict[str, str]:
    """The labels that find this Gateway's pods. Never changes: a Deployment's selector is immutable."""
    namespace, name = owner_labels(gateway)
    return MANAGED_BY | {GATEWAY_NAME: name, GATEWAY_NAMESPACE: namespace}


def labels(infra: InfraIR, settings: InfraSettings) -> dict[str, str]:
    """Every label of a generated object but a pod; where the user's collide with ours, ours stay.

    Spec: GEP-1762 `gateway.networking.k8s.io/gateway-class-name`; Gateway API v1 GatewayInfrastructure.labels
    """
    whose = {GATEWAY_CLASS_NAME: label_value(infra.gateway_class), SYSTEM_NAMESPACE: settings.system_namespace}
    return _users(infra) | _ours(infra) | whose


def annotations(kind: str, infra: InfraIR, settings: InfraSettings) -> dict[str, str]:
    """The user's annotations of a generated object of the kind. In our namespace a Service's alone, which tell a load
    balancer what to do: others hand out roles by them, or copies of Secrets, to whoever is in our namespace.

    Spec: Gateway API v1 GatewayInfrastructure.annotations
    """
    return dict(infra.annotations) if settings.gateway_namespace_mode or kind == "Service" else {}


def pod_labels(infra: InfraIR, settings: InfraSettings) -> dict[str, str]:
    """Every label of a generated pod. In our namespace none of the user's: injectors of containers go by them.

    Spec: GEP-1762 `gateway.networking.k8s.io/gateway-name`; Gateway API v1 GatewayInfrastructure.labels
    """
    return (_users(infra) if settings.gateway_namespace_mode else {}) | _ours(infra)


def _users(infra: InfraIR) -> dict[str, str]:
    return {label: value for label, value in infra.labels.items() if label not in RESERVED}


def _ours(infra: InfraIR) -> dict[str, str]:
    return {"gateway.networking.k8s.io/gateway-name": label_value(infra.gateway.name)} | selector(infra.gateway)


def selector_of_ours(settings: InfraSettings) -> str:
    """A label selector of all that we made, for any Gateway; and of what Kubernetes makes of our Services."""
    labels = MANAGED_BY | {SYSTEM_NAMESPACE: settings.system_namespace}
    return ",".join(f"{name}={value}" for name, value in labels.items())


def owner_labels(gateway: ObjectKey) -> OwnerLabels:
    """The values of the two labels that name the owning Gateway; a name that is too long for one is shortened."""
    return gateway.namespace, label_value(gateway.name)


def owner_of(labels: Mapping[str, str]) -> OwnerLabels | None:
    """As `owner_labels`, read from a generated object; None when the labels are not those of one."""
    if not MANAGED_BY.items() <= labels.items():
        return None
    return labels.get(GATEWAY_NAMESPACE, ""), labels.get(GATEWAY_NAME, "")


def label_value(text: str) -> str:
    """The text itself, or, where it is too long for a label, its head and a digest of the whole."""
    return text if len(text) <= MAX_LABEL else f"{text[: MAX_LABEL - 9].rstrip('-.')}-{_digest(text)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
