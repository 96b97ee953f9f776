"""Wished infrastructure → applied objects: makes, repairs and removes, one Gateway at a time and never its neighbour.

Theory of operation. `_live` is what we know of our objects, from one LIST a kind when we begin to lead and on each slow
resync, and from the answers to our own writes. A Gateway is attended to when its wish changes, when somebody seems to
have touched its objects, ever later if that happens again and again (`repairs`), and after a failure; for each object
it costs nothing when `_live` shows it in place, and otherwise one server-side apply, before which what is others' in it
may be handed over (`handover`), and after which ports that somebody else left in a Service may have to be overwritten
(`_applied`). An object that we do not know is read before the first apply: one that is not labelled as this Gateway's
belongs to somebody else, and we refuse to take it. What is labelled as ours and belongs to no wished Gateway is
deleted, by uid, `PARTING` seconds after it was wished for last.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Set
from typing import Any

import msgspec
import structlog

from flow.clock import Clock
from flow.latest import Latest
from flow.race import while_true
from gateway_api.ir.infra import InfraIR
from k8s_apply.api import Json, KubeWriter, NotFound
from k8s_apply.certificate_secrets import secret_files
from k8s_apply.certificates import Authority, BadCertificateError, client_files, drain_secret
from k8s_apply.fence import NotLeadingError
from k8s_apply.infra.desired import desired
from k8s_apply.infra.drift import in_place, stamp
from k8s_apply.infra.handover import HANDOVER_MANAGER, handover
from k8s_apply.infra.names import MANAGED_BY, SYSTEM_NAMESPACE, Id, MadeFor, owner_labels, owner_of, secret_key
from k8s_apply.infra.repairs import Repairs
from k8s_apply.infra.settings import FIELD_MANAGER, InfraSettings
from k8s_apply.infra.trouble import EVERYTHING, REMEDY, ForeignObjectError, TerminatingError, Trouble, is_refusal
from k8s_apply.kinds import DISRUPTION_BUDGET, INFRASTRUCTURE, SERVICE_ACCOUNT
from k8s_apply.workqueue import WorkQueue
from k8s_watch.api import ApiError
from k8s_watch.keys import AnyKind, ObjectKey
from k8s_watch.kinds import SERVICE
from k8s_watch.objects.core import Service, ServiceSpec
from k8s_watch.snapshot import ClusterSnapshot

log = structlog.get_logger("k8s_apply.infra")

KINDS: Mapping[str, AnyKind] = {kind.name: kind for kind in INFRASTRUCTURE}
INVALID = 422
PARTING = 3.0
"""Seconds for which a Gateway that is gone keeps what it has: one that is made again under its name has its address.
More than those for which news is held back after an outage, see `k8s_watch.cluster.RETURN`.
"""

type Owner = tuple[str, str]
"""The owning Gateway as two labels name it."""
NOBODY: Owner = "", ""


class InfraReconciler:
    """Keeps every wished Gateway's objects as they should be, while we lead."""

    def __init__(
        self,
        api: KubeWriter,
        *,
        leading: Latest[bool],
        clock: Clock,
        settings: InfraSettings,
        ca: Callable[[], Authority],
        bootstrap: Callable[[InfraIR, str], Mapping[str, str]],
        resync: float = 300.0,
        in_flight: int = 4,
    ) -> None:
        """`bootstrap` makes the texts that `desired` wants, from a Gateway's identity alone, not from its listeners.
        `ca` returns the present authority, or raises OSError or BadCertificateError.
        `resync`: seconds between two looks at everything, on average. `in_flight`: Gateways attended to at a time.
        """
        self._api = api
        self._leading = leading
        self._clock = clock
        self._settings = settings
        labels = MANAGED_BY | {SYSTEM_NAMESPACE: settings.system_namespace}
        self._selector = ",".join(f"{name}={value}" for name, value in labels.items())
        self._ca = ca
        self._bootstrap = bootstrap
        self._resync = resync
        self._in_flight = in_flight
        self._wanted: Mapping[ObjectKey, InfraIR] = {}
        self._keep: frozenset[ObjectKey] = frozenset()
        self._made_for = MadeFor(settings)
        """Of the wished Gateways."""
        self._asked: Latest[bool] = Latest(initial=False)
        self._queue: WorkQueue[ObjectKey] = WorkQueue(clock)
        self._live: dict[Owner, dict[Id, Json]] = {}
        self._may_budget = True
        """Whether we may see disruption budgets. Who upgrades us without our roles has none, and everything else."""
        self._unprotected: set[ObjectKey] = set()
        """Gateways whose budget was refused, as it was logged."""
        self._cluster = ClusterSnapshot(revision=0)
        """The last snapshot seen."""
        self._repairs = Repairs(clock)
        self._trouble = Trouble(clock)

    @property
    def problems(self) -> Latest[Mapping[ObjectKey, str]]:
        """As `Trouble.problems`."""
        return self._trouble.problems

    @property
    def failures(self) -> int:
        """As `Trouble.failures`."""
        return self._trouble.failures

    @property
    def failing(self) -> int:
        """As `Trouble.failing`; 0 while we do not lead."""
        return self._trouble.failing if self._leading.value else 0

    def want(self, infra: Mapping[ObjectKey, InfraIR], /, *, keep: Collection[ObjectKey] = ()) -> None:
        """Make these the wish: what is not in it is to be removed, except what belongs to a Gateway in `keep`: one that
        exists, but of which we cannot say right now what it needs. Never blocks; cost: linear in the Gateways, and
        nothing for the mapping that was wished for last, which nobody may change.

        The first call must come after the first complete translation: an empty wish removes everything.
        """
        if infra is self._wanted and self._keep == frozenset(keep):
            return
        before, self._wanted = self._wanted, infra
        self._made_for.move(infra)
        kept, self._keep = self._keep, frozenset(keep)
        if self._leading.value and self._asked.value:
            for gateway in before.keys() | infra.keys() | (kept - self._keep):
                if before.get(gateway) != infra.get(gateway) or gateway in kept:
                    self._queue.add(gateway, 0.0 if gateway in infra else PARTING)
        self._asked.publish(True)
        self._trouble.want(infra.keys())

    def saw(self, cluster: ClusterSnapshot, /) -> None:
        """Compare what was watched with what we know: an object of ours that is gone, or another one by now, has its
        Gateway attended to at once, or as soon as `repairs` allows, instead of at the next resync. Never blocks; cost:
        follows what changed, and is linear in the wished Gateways where snapshots were left out.
        """
        changed = cluster.changed if cluster.revision == self._cluster.revision + 1 else None
        self._cluster = cluster
        if self._leading.value:
            self._compare(changed)

    def _compare(self, changed: Mapping[str, Set[ObjectKey]] | None) -> None:
        watched: dict[str, Mapping[ObjectKey, Any]] = {
            "ConfigMap": self._cluster.config_maps,
            "Secret": self._cluster.secrets,
            "Service": self._cluster.services,
            "Deployment": self._cluster.deployments,
        }
        owners = self._made_for.of
        ids = owners if changed is None else [(kind, key) for kind in watched for key in changed.get(kind, ())]
        for kind, key in ids:
            if (gateway := owners.get((kind, key))) is None:
                continue
            live = self._live.get(owner_labels(gateway), {})
            known, seen = live.get((kind, key)), watched[kind].get(key)
            if known and (seen is None or _replaced(known, seen)):
                del live[kind, key]
                self._queue.add(gateway, self._repairs.call_for(gateway))

    async def run(self) -> None:
        """Reconcile while we lead, until cancelled. Retries outages itself."""
        await while_true(self._leading, self._lead)

    async def _lead(self) -> None:
        """Begin from what is there, not from what an earlier leader (we, perhaps) believed."""
        await self._asked.until(True)
        self._queue.clear()
        self._repairs = Repairs(self._clock)
        self._trouble.begin()
        self._queue.add(EVERYTHING)
        await self._queue.run(self._attend, workers=self._in_flight)

    async def _attend(self, gateway: ObjectKey) -> float | None:
        try:
            again = await (self._look_at_everything() if gateway == EVERYTHING else self._bring(gateway))
        except NotLeadingError:
            return 1.0  # whoever tells us so by `leading` ends this work before that
        except (ApiError, OSError, BadCertificateError, ForeignObjectError, TerminatingError) as error:
            return self._trouble.take(gateway, error)
        self._trouble.ends(gateway)
        return again

    async def _look_at_everything(self) -> float:
        """List our objects, and have every Gateway attended to: those that are, and those that left something."""
        namespace = await self._ours()
        live: dict[Owner, dict[Id, Json]] = {}
        for kind in INFRASTRUCTURE:
            for item in await self._list(kind, namespace):
                live.setdefault(owner_of(_labels(item)) or NOBODY, {})[kind.name, _key(item)] = item
        self._live = live
        if self._cluster.revision:
            self._compare(None)  # what was listed first is the oldest by now, and may be gone
        for gateway in self._wanted:
            self._queue.add(gateway)
        for owner in live.keys() - self._owners():
            self._queue.add(ObjectKey(*owner), PARTING)
        return self._resync * (0.75 + self._clock.jitter() / 2)

    async def _list(self, kind: AnyKind, namespace: str) -> Iterable[Json]:
        try:
            found = await self._api.list(kind, namespace=namespace, selector=self._selector)
        except ApiError as error:
            if kind is not DISRUPTION_BUDGET or not error.is_forbidden:
                raise
            if self._may_budget and self._settings.disruption_budget:
                log.warning("proxies get no disruption budgets", error=str(error), remedy=REMEDY)
            self._may_budget = False
            return ()
        if kind is DISRUPTION_BUDGET:
            self._may_budget = True
        return found

    def _owners(self) -> set[Owner]:
        """Those whose objects are to stay."""
        return {owner_labels(gateway) for gateway in self._wanted.keys() | self._keep}

    async def _ours(self) -> str:
        """The namespace that our objects can be in; "" for any. Where the mode was changed and we may still look into
        the Gateways' namespaces, what is left there is found and moves.
        """
        system = self._settings.system_namespace
        if self._settings.gateway_namespace_mode:
            return ""
        try:
            await self._api.list(SERVICE_ACCOUNT, namespace="", selector=self._selector)
        except ApiError as error:
            if not error.is_forbidden:
                raise
            return system
        return ""

    async def _bring(self, gateway: ObjectKey) -> None:
        """Bring one Gateway's objects to what is wished now; without a wish, remove them all."""
        if not self._trouble.has_looked:
            return  # the look at everything, which comes first, will ask for us again
        infra, owner = self._wanted.get(gateway), owner_labels(gateway)
        if infra is None:
            self._repairs.forget(gateway)
            if owner not in self._owners():
                await self._delete(owner, list(self._live.get(owner, ())))
            return
        if not infra.ports:
            return  # nothing can be served, but what exists keeps its address for when something can
        for id_ in self._terminating(gateway):
            del self._know(gateway)[id_]  # it may be gone by now
        manifests = {_id(manifest): stamp(manifest) for manifest in await self._manifests(infra)}
        budgets = [manifests.pop(id_) for id_ in [*manifests] if id_[0] == DISRUPTION_BUDGET.name]
        there = {id_: await self._read(id_, gateway) for id_ in manifests}  # all of them, before any is made
        for id_, manifest in manifests.items():
            live = there[id_]
            if live is None or not in_place(live, manifest):
                await self._apply(gateway, id_, live, manifest)
        await self._delete(owner, self._know(gateway).keys() - manifests.keys() - {_id(budget) for budget in budgets})
        for budget in budgets:  # last: nothing waits for it
            await self._protect(gateway, budget)
        self._repairs.end(gateway)
        if terminating := self._terminating(gateway):
            (kind, key), *_ = terminating
            finalizers = ", ".join(self._know(gateway)[kind, key]["metadata"].get("finalizers") or ())
            waits = f" and waits for its finalizers: {finalizers}" if finalizers else ""
            raise TerminatingError(f"{kind} {key} is being deleted{waits}")

    def _terminating(self, gateway: ObjectKey) -> list[Id]:
        return [id_ for id_, live in self._know(gateway).items() if "deletionTimestamp" in live["metadata"]]

    async def _protect(self, gateway: ObjectKey, budget: Json) -> None:
        """Apply its disruption budget. Traffic does not wait for it: what refuses it is said in the log alone. One of
        that name that is somebody else's stays, and does the same.
        """
        id_ = _id(budget)
        try:
            live = await self._read(id_, gateway)
            if live is None or not in_place(live, budget):
                await self._apply(gateway, id_, live, budget)
            self._unprotected.discard(gateway)
        except (ApiError, ForeignObjectError) as error:
            if not is_refusal(error):
                raise
            if gateway not in self._unprotected:
                log.warning("proxies get no disruption budget of ours", gateway=str(gateway), error=str(error))
            self._unprotected.add(gateway)

    async def _apply(self, gateway: ObjectKey, id_: Id, live: Json | None, manifest: Json) -> None:
        kind, known = KINDS[id_[0]], self._know(gateway)
        self._repairs.begin(gateway)
        if live and handover(live, manifest):
            live = known[id_] = await self._api.get(kind, id_[1])  # what we know may be older than what is there
            if handed_over := handover(live, manifest):
                await self._api.apply(kind, handed_over, field_manager=HANDOVER_MANAGER)
        known[id_] = await self._applied(kind, manifest, there=live is not None)

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

    async def _manifests(self, infra: InfraIR) -> tuple[Json, ...]:
        secret = "Secret", secret_key(infra.gateway, self._settings)
        current = secret_files(await self._read(secret, infra.gateway) or {})
        authority = self._ca()
        certificate = client_files(authority, infra.gateway, current, self._clock.now())
        drain = drain_secret(authority, infra.gateway)
        bootstrap = self._bootstrap(infra, drain)
        settings = (
            self._settings if self._may_budget else msgspec.structs.replace(self._settings, disruption_budget=False)
        )
        return desired(infra, settings, bootstrap=bootstrap, certificate=certificate, drain_secret=drain)

    async def _read(self, id_: Id, gateway: ObjectKey) -> Json | None:
        """The object as we know it, else as it is, else None. Raises ForeignObjectError."""
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

    def _know(self, gateway: ObjectKey) -> dict[Id, Json]:
        return self._live.setdefault(owner_labels(gateway), {})

    async def _delete(self, owner: Owner, ids: Iterable[Id]) -> None:
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


def _replaced(known: Json, seen: Any) -> bool:
    """Whether the watched object is another one than we know of, or has a newer spec than we have seen. Services have
    no generation: what is read of theirs is compared.
    """
    meta = known["metadata"]
    if seen.metadata.uid != meta.get("uid") or seen.metadata.generation > meta.get("generation", 0):
        return True
    return isinstance(seen, Service) and seen.spec != msgspec.convert(known.get("spec") or {}, ServiceSpec)


def _id(manifest: Json) -> Id:
    return manifest["kind"], _key(manifest)


def _key(item: Json) -> ObjectKey:
    return ObjectKey(item["metadata"].get("namespace", ""), item["metadata"]["name"])


def _labels(item: Json) -> Mapping[str, str]:
    return msgspec.convert(item["metadata"].get("labels") or {}, dict[str, str])
