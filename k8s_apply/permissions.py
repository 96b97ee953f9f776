"""What the API server must let us do, as data: `docker/install.yaml` is tested against it."""

from collections.abc import Collection, Iterator
from enum import Enum

import msgspec

from k8s_apply.kinds import STATUS
from k8s_watch import kinds
from k8s_watch.keys import AnyKind


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


def _each_group(of: Collection[AnyKind], *verbs: str, subresource: str = "") -> Iterator[Rule]:
    """One rule a group: what may be done everywhere to these kinds, or to a subresource of theirs."""
    for group in sorted({kind.group for kind in of}):
        yield Rule(
            Scope.CLUSTER, group, tuple(sorted(kind.plural + subresource for kind in of if kind.group == group)), verbs
        )


def _infrastructure(scope: Scope) -> tuple[Rule, ...]:
    """Server-side apply is a `patch`, and a `create` too when the object does not exist."""
    verbs = ("get", "list", "create", "patch", "delete")
    return (
        Rule(scope, "", ("configmaps", "secrets", "serviceaccounts", "services"), verbs),
        Rule(scope, "apps", ("deployments",), verbs),
        Rule(scope, "policy", ("poddisruptionbudgets",), verbs),
    )


PERMISSIONS: tuple[Rule, ...] = (
    # `get` is for the last word before a write.
    *_each_group(kinds.ALL, "get", "list", "watch"),
    *_each_group((kinds.GATEWAY_CLASS,), "update"),
    *_each_group(STATUS.values(), "update", subresource="/status"),
    # To count what Envoy Gateway would serve and we do not: without it we are silent about that, and no worse.
    *_each_group(kinds.UNSERVED, "list"),
    # Without it GatewayClasses do not say whether their CRDs are of our version, and are served all the same.
    *_each_group((kinds.CRD,), "list"),
    # Without it Gateways whose proxies are reached at the nodes' ports show their Services' ClusterIPs.
    *_each_group((kinds.NODE,), "list"),
    *_infrastructure(Scope.SYSTEM_NAMESPACE),
    Rule(Scope.SYSTEM_NAMESPACE, "coordination.k8s.io", ("leases",), ("get", "create", "update")),
    *_infrastructure(Scope.GATEWAY_NAMESPACES),
    Rule(Scope.CERTGEN, "", ("secrets",), ("get", "create", "update")),
)
