"""InfraIR as tests wish for it, and a bootstrap that needs no control plane."""

import json
from collections.abc import Mapping
from pathlib import Path

from gateway_api.ir.infra import InfraIR, InfraPort, Owner
from k8s_watch.keys import ObjectKey

OWNER = Owner(api_version="gateway.networking.k8s.io/v1", kind="Gateway", name="x", uid="1")


def key(name: str) -> ObjectKey:
    return ObjectKey("default", name)


def wish(name: str, *ports: int, bind: int = 0, protocol: str = "TCP") -> InfraIR:
    """A Gateway whose listeners are on `ports`, bound as they are or, the first, to `bind`."""
    return InfraIR(
        gateway=key(name),
        gateway_class="x",
        owner=OWNER,
        ports=tuple(
            InfraPort(
                name=f"http-{port}", protocol="UDP" if protocol == "UDP" else "TCP", port=port, bind_port=bind or port
            )
            for port in ports
        ),
    )


def wishes(*infra: InfraIR) -> Mapping[ObjectKey, InfraIR]:
    return {one.gateway: one for one in infra}


def bootstrap(gateway: ObjectKey, admin: Path) -> str:
    """An Envoy with nothing to serve: it is live at once."""
    return json.dumps(
        {
            "node": {"id": str(gateway), "cluster": str(gateway)},
            "admin": {"address": {"pipe": {"path": str(admin), "mode": 0o600}}},
        }
    )
