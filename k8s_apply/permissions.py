"""What the API server must let us do, as data: `docker/install.yaml` is tested against it."""

from enum import Enum

import msgspec

from k8s_apply.kinds import STATUS
from k8s_watch import kinds
from k8s_watch.kinds import GATEWAY_CLASS


class Scope(Enum):
    """Where a rule holds, and so which kind of role carries it."""

    CLUSTER = "ClusterRole"
    """Everywhere."""
    SYSTEM_NAMESPACE = "Role"
    """In the controller's own namespace."""
    GATEWAY_NAMESPACES = "ClusterRole, in gateway namespace mode"
    """Wherever a Gateway may be; needed only when the proxies live in the Gateways' namespaces."""
    CERTGEN = "Role of certgen"
    """In the controller's own namespace; for whoever runs `lychgate certgen`."""


class Rule(msgspec.Struct, frozen=True):
    """One RBAC rule. Spec: Kubernetes rbac.authorization.k8s.io/v1 PolicyRule."""

    scope: Scope
    group: str
    """Empty for the core group."""
    resources: tuple[str, ...]
    verbs: tuple[str, ...]


_READ = ("get", "list", "watch")


def _watched() -> tuple[Rule, ...]:
    """Reading rules of every kind that we watch, one a group. `get` is for the last word before a write."""
    groups = sorted({kind.group for kind in kinds.ALL})
    return tuple(
        Rule(Scope.CLUSTER, group, tuple(sorted(kind.plural for kind in kinds.ALL if kind.group == group)), _READ)
        for group in groups
    )


def _statuses() -> tuple[Rule, ...]:
    """Writing rules of every kind whose status we write, one a group."""
    groups = sorted({kind.group for kind in STATUS.values()})
    return tuple(
        Rule(
            Scope.CLUSTER,
            group,
            tuple(f"{kind.plural}/status" for kind in STATUS.values() if kind.group == group),
            ("update",),
        )
        for group in groups
    )


def _infrastructure(scope: Scope) -> tuple[Rule, ...]:
    """Server-side apply is a `patch`, and a `create` too when the object does not exist."""
    verbs = ("get", "list", "create", "patch", "delete")
    return (
        Rule(scope, "", ("configmaps", "secrets", "serviceaccounts", "services"), verbs),
        Rule(scope, "apps", ("deployments",), verbs),
        Rule(scope, "policy", ("poddisruptionbudgets",), verbs),
    )


def _unserved() -> tuple[Rule, ...]:
    """To count what Envoy Gateway would serve and we do not. Without it we are silent about that, and no worse."""
    groups = sorted({kind.group for kind in kinds.UNSERVED})
    return tuple(
        Rule(Scope.CLUSTER, group, tuple(kind.plural for kind in kinds.UNSERVED if kind.group == group), ("list",))
        for group in groups
    )


PERMISSIONS: tuple[Rule, ...] = (
    *_watched(),
    Rule(Scope.CLUSTER, GATEWAY_CLASS.group, (GATEWAY_CLASS.plural,), ("update",)),
    *_statuses(),
    *_unserved(),
    # Without it GatewayClasses do not say whether their CRDs are of our version, and are served all the same.
    Rule(Scope.CLUSTER, kinds.CRD.group, (kinds.CRD.plural,), ("list",)),
    # Without it Gateways whose proxies are reached at the nodes' ports show their Services' ClusterIPs.
    Rule(Scope.CLUSTER, kinds.NODE.group, (kinds.NODE.plural,), ("list",)),
    *_infrastructure(Scope.SYSTEM_NAMESPACE),
    Rule(Scope.SYSTEM_NAMESPACE, "coordination.k8s.io", ("leases",), ("get", "create", "update")),
    *_infrastructure(Scope.GATEWAY_NAMESPACES),
    Rule(Scope.CERTGEN, "", ("secrets",), ("get", "create", "update")),
)
