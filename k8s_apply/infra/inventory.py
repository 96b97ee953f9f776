"""Our objects in the cluster, as we know them, and the calls by which we read, make and remove them.

What we know is from one LIST a kind, and from the answers to our own calls since. An object that we do not know is read
before it is applied: one that is not labelled as the Gateway's belongs to somebody else, and we refuse to take it. An
apply may have to be two: what is others' in the object is handed over before it (`handover`), and ports that somebody
else left in a Service are overwritten after it.
"""

from collections.abc import Iterable, Mapping, Set

import msgspec
import structlog

from k8s_apply.api import Json, KubeWriter, NotFound
from k8s_apply.infra.drift import in_place
from k8s_apply.infra.handover import HANDOVER_MANAGER, handover
from k8s_apply.infra.names import Id, OwnerLabels, owner_labels, owner_of, selector_of_ours
from k8s_apply.infra.settings import FIELD_MANAGER, InfraSettings
from k8s_apply.infra.trouble import REMEDY, ForeignObjectError
from k8s_apply.kinds import DISRUPTION_BUDGET, INFRASTRUCTURE, SERVICE_ACCOUNT
from k8s_watch.api import ApiError
from k8s_watch.keys import AnyKind, ObjectKey
from k8s_watch.kinds import SERVICE

log = structlog.get_logger("k8s_apply.infra")

KINDS: Mapping[str, AnyKind] = {kind.name: kind for kind in INFRASTRUCTURE}
INVALID = 422
NOBODY: OwnerLabels = "", ""


class Inventory:
    """Each object by the Gateway that its labels name. Raises what the API does; nothing here is tried again."""

    def __init__(self, api: KubeWriter, settings: InfraSettings) -> None:
        self.may_budget = True
        """Whether we may see disruption budgets. Who upgrades us without our roles has none, and everything else."""
        self._api = api
        self._settings = settings
        self._selector = selector_of_ours(settings)
        self._live: dict[OwnerLabels, dict[Id, Json]] = {}

    @property
    def owners(self) -> Set[OwnerLabels]:
        """Whose objects we know some of."""
        return self._live.keys()

    def of(self, owner: OwnerLabels) -> Mapping[Id, Json]:
        """What we know of somebody's objects."""
        return self._live.get(owner, {})

    def terminating(self, gateway: ObjectKey) -> list[Id]:
        """Those of a Gateway's objects that are being deleted."""
        return [id_ for id_, live in self._know(gateway).items() if "deletionTimestamp" in live["metadata"]]

    def forget(self, gateway: ObjectKey, id_: Id) -> None:
        """Have an object that we know read again: it is another by now, or gone."""
        del self._know(gateway)[id_]

    async def look(self) -> None:
        """List all that is ours, and know nothing else from then on."""
        namespace = await self._namespace()
        live: dict[OwnerLabels, dict[Id, Json]] = {}
        for kind in INFRASTRUCTURE:
            for item in await self._list(kind, namespace):
                live.setdefault(owner_of(_labels(item)) or NOBODY, {})[kind.name, _key(item)] = item
        self._live = live

    async def read(self, id_: Id, gateway: ObjectKey) -> Json | None:
        """Return the object as we know it, else as it is, else None. Raises ForeignObjectError."""
        if known := self._know(gateway).get(id_):
            return known
        try:
            live = await self._api.get(KINDS[id_[0]], id_[1])
        except NotFound:
            return None
        if owner_of(_labels(live)) != owner_labels(gateway):
            raise ForeignObjectError(
                f"{id_[0]} {id_[1]} exists and is not labelled as belonging to Gateway {gateway}; "
                "delete or rename it, or give the Gateway another name"
            )
        self._know(gateway)[id_] = live
        return live

    async def apply(self, gateway: ObjectKey, live: Json | None, manifest: Json) -> None:
        """Apply a manifest of a Gateway over `live`, which is what `read` returned."""
        id_ = id_of(manifest)
        kind, known = KINDS[id_[0]], self._know(gateway)
        if live and handover(live, manifest):
            live = known[id_] = await self._api.get(kind, id_[1])  # what we know may be older than what is there
            if handed_over := handover(live, manifest):
                await self._api.apply(kind, handed_over, field_manager=HANDOVER_MANAGER)
        known[id_] = await self._applied(kind, manifest, there=live is not None)

    async def delete(self, owner: OwnerLabels, ids: Iterable[Id]) -> None:
        """Delete those of an owner's objects: the Deployment soon, its ServiceAccount last."""
        known = self._live.get(owner, {})
        order = list(KINDS)
        for id_ in sorted(ids, key=lambda id_: order.index(id_[0]), reverse=True):
            live = known.get(id_)
            if live and "deletionTimestamp" not in live["metadata"]:
                await self._api.delete(KINDS[id_[0]], id_[1], uid=live["metadata"]["uid"])
            known.pop(id_, None)
        if not known:
            self._live.pop(owner, None)

    async def _applied(self, kind: AnyKind, manifest: Json, *, there: bool) -> Json:
        """Apply the manifest. A port of a Service that is somebody else's would stay, and may have a name of ours, with
        which the result is invalid: then what is there is overwritten. Of a Service the ports alone, and the rest is
        applied: what an overwriting brought would never go again.
        """
        try:
            live = await self._api.apply(kind, manifest, field_manager=FIELD_MANAGER)
        except ApiError as error:
            if error.code != INVALID or not there:
                raise
        else:
            if kind != SERVICE or in_place(live, manifest):
                return live
        if kind != SERVICE:
            return await self._api.overwrite(kind, manifest)
        meta = {name: manifest["metadata"][name] for name in ("name", "namespace")}
        ports = {"metadata": meta, "spec": {"ports": manifest["spec"]["ports"]}}
        await self._api.overwrite(kind, manifest | ports)
        return await self._api.apply(kind, manifest, field_manager=FIELD_MANAGER)

    async def _list(self, kind: AnyKind, namespace: str) -> Iterable[Json]:
        try:
            found = await self._api.list(kind, namespace=namespace, selector=self._selector)
        except ApiError as error:
            if kind is not DISRUPTION_BUDGET or not error.is_forbidden:
                raise
            if self.may_budget and self._settings.disruption_budget:
                log.warning("proxies get no disruption budgets", error=str(error), remedy=REMEDY)
            self.may_budget = False
            return ()
        if kind is DISRUPTION_BUDGET:
            self.may_budget = True
        return found

    async def _namespace(self) -> str:
        """The namespace that our objects can be in; "" for any. Where the mode was changed and we may still look into
        the Gateways' namespaces, what is left there is found and moves.
        """
        if self._settings.gateway_namespace_mode:
            return ""
        try:
            await self._api.list(SERVICE_ACCOUNT, namespace="", selector=self._selector)
        except ApiError as error:
            if not error.is_forbidden:
                raise
            return self._settings.system_namespace
        return ""

    def _know(self, gateway: ObjectKey) -> dict[Id, Json]:
        return self._live.setdefault(owner_labels(gateway), {})


def id_of(manifest: Json) -> Id:
    """Of an object of ours."""
    return manifest["kind"], _key(manifest)


def _key(item: Json) -> ObjectKey:
    return ObjectKey(item["metadata"].get("namespace", ""), item["metadata"]["name"])


def _labels(item: Json) -> Mapping[str, str]:
    return msgspec.convert(item["metadata"].get("labels") or {}, dict[str, str])
