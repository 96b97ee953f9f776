"""InfraIR, settings and the objects of a Gateway in one line."""

from collections.abc import Mapping
from typing import Any

from gateway_api.ir.infra import InfraIR, InfraPort, Owner
from k8s_apply.api import Json
from k8s_apply.infra.desired import desired
from k8s_apply.infra.settings import InfraSettings
from k8s_watch.keys import ObjectKey

SYSTEM = "envoy-gateway-system"
EG = ObjectKey("default", "eg")
EG_INFRA = ObjectKey(SYSTEM, "envoy-default-eg-e41e7b31")
BOOTSTRAP = {"bootstrap.yaml": "{}"}
CERTIFICATE = {"ca.crt": b"ca", "tls.crt": b"crt", "tls.key": b"key"}
SETTINGS = InfraSettings(disruption_budget=False)
"""Of budgets, see `infra.test_disruption`."""
OWN_NAMESPACE = InfraSettings(gateway_namespace_mode=True, disruption_budget=False)


def infra(gateway: ObjectKey = EG, *ports: int, **fields: Any) -> InfraIR:
    """The infrastructure of a Gateway with HTTP listeners on these ports; on 80 when none is given."""
    bound = [(port, port + 10000 if port < 1024 else port) for port in ports or (80,)]
    return InfraIR(
        gateway=gateway,
        gateway_class="eg",
        owner=Owner(
            api_version="gateway.networking.k8s.io/v1", kind="Gateway", name=gateway.name, uid=f"uid-{gateway}"
        ),
        ports=tuple(InfraPort(name=f"http-{port}", protocol="TCP", port=port, bind_port=bind) for port, bind in bound),
        **fields,
    )


def objects(
    of: InfraIR, settings: InfraSettings = SETTINGS, bootstrap: Mapping[str, str] = BOOTSTRAP
) -> dict[str, Json]:
    """The desired objects by kind."""
    made = desired(of, settings, bootstrap=bootstrap, certificate=CERTIFICATE, drain_secret="secret")
    return {manifest["kind"]: manifest for manifest in made}
