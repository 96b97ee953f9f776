"""The place where infrastructure is made: a reconciler, its API server and its authority."""

from typing import Any

import msgspec

from flow.latest import Latest
from gateway_api.ir.infra import InfraIR
from k8s_apply.api import Json
from k8s_apply.certificates import Authority, BadCertificateError, make_authority
from k8s_apply.infra.reconcile import InfraReconciler
from k8s_apply.infra.settings import InfraSettings
from k8s_apply.kinds import INFRASTRUCTURE
from k8s_watch.keys import ObjectKey
from k8s_watch.kinds import CONFIG_MAP, DEPLOYMENT, SECRET, SERVICE
from k8s_watch.objects.core import ConfigMap, Deployment, Secret, Service
from k8s_watch.snapshot import ClusterSnapshot
from tests.flow.virtual_clock import VirtualClock, settle
from tests.k8s_apply.fake_writer import FakeWriter
from tests.k8s_apply.gateways import BOOTSTRAP, EG_INFRA, SETTINGS


class Site:
    """A reconciler with its API server and its authority."""

    def __init__(
        self, clock: VirtualClock, api: FakeWriter, settings: InfraSettings = SETTINGS, resync: float = 300.0
    ) -> None:
        self.clock, self.api = clock, api
        self.leading = Latest(initial=True)
        self.authority: Authority | BadCertificateError = make_authority(clock.now())
        self.reconciler = InfraReconciler(
            api,
            leading=self.leading,
            clock=clock,
            settings=settings,
            ca=self.ca,
            bootstrap=lambda _, secret: {**BOOTSTRAP, "drain": secret},
            resync=resync,
        )

    def ca(self) -> Authority:
        if isinstance(self.authority, BadCertificateError):
            raise self.authority
        return self.authority

    async def want(self, *wished: InfraIR) -> None:
        self.reconciler.want({each.gateway: each for each in wished})
        await self.clock.advance(0)
        await settle()

    def snapshot(self, changed: dict[str, frozenset[ObjectKey]] | None = None, *, revision: int = 1) -> ClusterSnapshot:
        """What a watch of the server would show."""

        def of[T](kind: Any, type_: type[T]) -> dict[ObjectKey, T]:
            return {key: msgspec.convert(self.api.peek(kind, key), type_) for key in self.api.keys(kind)}

        return ClusterSnapshot(
            revision=revision,
            changed=changed,
            services=of(SERVICE, Service),
            deployments=of(DEPLOYMENT, Deployment),
            config_maps=of(CONFIG_MAP, ConfigMap),
            secrets=of(SECRET, Secret),
        )

    def present(self) -> dict[ObjectKey, int]:
        """How many of our objects bear each key."""
        keys = [key for kind in INFRASTRUCTURE for key in self.api.keys(kind)]
        return {key: keys.count(key) for key in keys}


def deployment(api: FakeWriter) -> Json:
    """The spec of EG's Deployment."""
    spec: Json = (api.peek(DEPLOYMENT, EG_INFRA) or {})["spec"]
    return spec


def edit(api: FakeWriter, **spec: Any) -> None:
    """Change fields of EG's Deployment, as somebody else would."""
    live = api.peek(DEPLOYMENT, EG_INFRA) or {}
    generation = live["metadata"]["generation"] + 1
    api.put(DEPLOYMENT, EG_INFRA, spec=live["spec"] | spec, metadata={"generation": generation})
