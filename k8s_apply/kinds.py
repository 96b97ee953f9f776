"""The table of kinds that we write. Those that we also watch are defined in `k8s_watch.kinds`."""

from typing import Any

from k8s_apply.api import Json
from k8s_watch import kinds
from k8s_watch.keys import AnyKind, Kind

_JSON: type[dict[str, Any]] = dict

SERVICE_ACCOUNT: Kind[Json] = Kind("ServiceAccount", "", ("v1",), "serviceaccounts", _JSON)
LEASE: Kind[Json] = Kind("Lease", "coordination.k8s.io", ("v1",), "leases", _JSON)
DISRUPTION_BUDGET: Kind[Json] = Kind("PodDisruptionBudget", "policy", ("v1",), "poddisruptionbudgets", _JSON)

INFRASTRUCTURE: tuple[AnyKind, ...] = (
    SERVICE_ACCOUNT,
    kinds.CONFIG_MAP,
    kinds.SECRET,
    kinds.SERVICE,
    kinds.DEPLOYMENT,
    DISRUPTION_BUDGET,
)
"""What we make for a Gateway, in the order of making: a Deployment finds what its pods mount."""

DECISIVE = frozenset(kind.name for kind in (kinds.GATEWAY_CLASS, kinds.GATEWAY, kinds.LISTENER_SET))
"""The kinds that say which infrastructure there is to be, by name: who knows too old ones deletes what is needed."""

STATUS: dict[str, AnyKind] = {
    kind.name: kind
    for kind in (
        kinds.GATEWAY_CLASS,
        kinds.GATEWAY,
        kinds.LISTENER_SET,
        kinds.HTTP_ROUTE,
        kinds.GRPC_ROUTE,
        kinds.TCP_ROUTE,
        kinds.TLS_ROUTE,
        kinds.UDP_ROUTE,
        kinds.BACKEND_TLS_POLICY,
        kinds.BACKEND_TRAFFIC_POLICY,
        kinds.BACKEND,
    )
}
"""The kinds whose status we write, by name."""
