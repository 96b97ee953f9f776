"""Wished infrastructure → applied objects: makes, repairs and removes, one Gateway at a time and never its neighbour.

Theory of operation. `_live` is what we know of our objects, from one LIST a kind when we begin to lead and on each slow
resync, and from the answers to our own writes. A Gateway is attended to when its wish changes, when somebody seems to
have touched its objects, and after a failure; for each object it costs nothing when `_live` shows it in place, and
otherwise one server-side apply, before which what is others' in it may be handed over (`handover`), and after which
ports that somebody else left in a Service may have to be overwritten (`_applied`). An object that we
do not know is read before the first apply: one that is not labelled as this Gateway's belongs to somebody else, and we
refuse to take it. What is labelled as ours and belongs to no wished Gateway is deleted, by uid.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import msgspec
import structlog

from flow.clock import Clock
from flow.latest import Latest
from flow.race import while_true
from gateway_api.ir.infra import InfraIR
from k8s_apply.api import Json, KubeWriter, NotFound
from k8s_apply.certgen import secret_files
from k8s_apply.certificates import Authority, BadCertificateError, client_files, drain_secret
from k8s_apply.fence import NotLeadingError
from k8s_apply.infra.desired import desired
from k8s_apply.infra.drift import in_place, stamp
from k8s_apply.infra.handover import HANDOVER_MANAGER, handover
from k8s_apply.infra.names import MANAGED_BY, SYSTEM_NAMESPACE, infra_key, owner_labels, owner_of, secret_key
from k8s_apply.infra.settings import FIELD_MANAGER, InfraSettings
from k8s_apply.kinds import DISRUPTION_BUDGET, INFRASTRUCTURE, SERVICE_ACCOUNT
from k8s_apply.workqueue import WorkQueue, backoff
from k8s_watch.api import ApiError
from k8s_watch.keys import AnyKind, ObjectKey
from k8s_watch.kinds import SERVICE
from k8s_watch.snapshot import ClusterSnapshot

log = structlog.get_logger("k8s_apply.infra")

KINDS: Mapping[str, AnyKind] = {kind.name: kind for kind in INFRASTRUCTURE}
EVERYTHING = ObjectKey("*", "*")
"""Stands for the resync in the queue; no Gateway is called so."""
TERMINATING_FLOOR, TERMINATING_CEILING = 1.0, 30.0
"""Seconds until a look at an object that must be gone before it can be made again: at first, and at most. Most are seen
to go.
"""
FORBIDDEN_FAILURES = 6
"""Failures in a row, in three to six seconds, after which that something is forbidden is believed: a server that starts
up forbids for a moment what it allows then."""
WHO_MAY_NOT = 'User "'
"""In the words of an API server about permissions: `User "…" cannot patch resource …`. Spec: Kubernetes, RBAC"""
REMEDY = "apply docker/install.yaml again, and docker/gateway-namespace-mode.yaml where it is used"
PASSING = frozenset({401, 408, 409, 429})
"""Refusals that pass by themselves: another token, more time, nobody who was faster, less to do."""
INVALID = 422

type Id = tuple[str, ObjectKey]
"""Kind name and key of one of our objects."""
type Owner = tuple[str, str]
"""The owning Gateway as two labels name it."""
NOBODY: Owner = "", ""


class ForeignObjectError(Exception):
    """An object of the name that we need is not ours; the text says which, and the remedy."""


class TerminatingError(Exception):
    """An object of ours is being deleted, and can only be made again when it is gone; the text says which."""


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
        self.problems: Latest[Mapping[ObjectKey, str]] = Latest({})
        """Gateways whose infrastructure cannot be as wished until somebody acts, and why. An outage is not among it."""
        self.failures = 0
        """Counts failed tries, the looks at everything among them."""
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
        self._asked: Latest[bool] = Latest(initial=False)
        self._queue: WorkQueue[ObjectKey] = WorkQueue(clock)
        self._live: dict[Owner, dict[Id, Json]] = {}
        self._looked = False
        self._may_budget = True
        """Whether we may see disruption budgets. Who upgrades us without our roles has none, and everything else."""
        self._unprotected: set[ObjectKey] = set()
        """Gateways whose budget was refused, as it was logged."""
        self._revision = 0
        """Of the last snapshot seen."""
        self._failures: dict[ObjectKey, int] = {}
        self._told: dict[ObjectKey, str] = {}
        """What stands in the way of each Gateway, and of EVERYTHING."""

    @property
    def failing(self) -> int:
        """How many Gateways were not as wished when they were attended to last, or cannot be attended to since we may
        not look at what is there; 0 while we do not lead.
        """
        if not self._leading.value:
            return 0
        if EVERYTHING in self._failures and not self._looked:
            return len(self._wanted)
        return len(self._failures.keys() - {EVERYTHING})

    def want(self, infra: Mapping[ObjectKey, InfraIR], /, *, keep: Collection[ObjectKey] = ()) -> None:
        """Make these the wish: what is not in it is to be removed, except what belongs to a Gateway in `keep`: one that
        exists, but of which we cannot say right now what it needs. Never blocks.

        The first call must come after the first complete translation: an empty wish removes everything.
        """
        before, self._wanted = self._wanted, infra
        kept, self._keep = self._keep, frozenset(keep)
        if self._leading.value and self._asked.value:
            for gateway in before.keys() | infra.keys() | (kept - self._keep):
                if before.get(gateway) != infra.get(gateway) or gateway in kept:
                    self._queue.add(gateway)
        self._asked.publish(True)
        if EVERYTHING in self._told:
            self._publish()

    def saw(self, cluster: ClusterSnapshot, /) -> None:
        """Compare what was watched with what we know: an object of ours that is gone, or another one by now, has its
        Gateway attended to at once instead of at the next resync. Never blocks; cost: linear in the wished Gateways,
        and nothing when no such kind changed. Snapshots may be left out.
        """
        changed = cluster.changed if cluster.revision == self._revision + 1 else None
        self._revision = cluster.revision
        watched: dict[str, Mapping[ObjectKey, Any]] = {
            "ConfigMap": cluster.config_maps,
            "Secret": cluster.secrets,
            "Service": cluster.services,
            "Deployment": cluster.deployments,
        }
        if not self._leading.value or (changed is not None and not changed.keys() & watched.keys()):
            return
        for gateway in self._wanted:
            shared, secret = infra_key(gateway, self._settings), secret_key(gateway, self._settings)
            live = self._live.get(owner_labels(gateway), {})
            for kind, objects in watched.items():
                key = secret if kind == "Secret" else shared
                if changed is not None and key not in changed.get(kind, ()):
                    continue
                known, seen = live.get((kind, key)), objects.get(key)
                if known and (seen is None or _replaced(known, seen)):
                    del live[kind, key]
                    self._queue.add(gateway)

    async def run(self) -> None:
        """Reconcile while we lead, until cancelled. Retries outages itself."""
        await while_true(self._leading, self._lead)

    async def _lead(self) -> None:
        """Begin from what is there, not from what an earlier leader (we, perhaps) believed."""
        await self._asked.until(True)
        self._queue.clear()
        self._failures.clear()
        self._looked = False
        self._queue.add(EVERYTHING)
        await self._queue.run(self._attend, workers=self._in_flight)

    async def _attend(self, gateway: ObjectKey) -> float | None:
        try:
            again = await (self._look_at_everything() if gateway == EVERYTHING else self._bring(gateway))
        except NotLeadingError:
            return 1.0  # whoever tells us so by `leading` ends this work before that
        except (ApiError, OSError, BadCertificateError, ForeignObjectError, TerminatingError) as error:
            return self._failed(gateway, error)
        self._failures.pop(gateway, None)
        self._tell(gateway, None)
        return again

    def _failed(self, gateway: ObjectKey, error: Exception) -> float:
        self.failures += 1
        failures = self._failures[gateway] = self._failures.get(gateway, 0) + 1
        if failures == 1:
            log.warning(
                "cannot bring the infrastructure to the desired state, will retry",
                gateway=str(gateway),
                error=str(error),
            )
        if _is_refusal(error) and _is_believed(error, failures):
            self._tell(gateway, str(error))  # until it succeeds: what fails for another reason now is no better
        if isinstance(error, TerminatingError):
            return backoff(failures, self._clock.jitter(), floor=TERMINATING_FLOOR, ceiling=TERMINATING_CEILING)
        wait = backoff(failures, self._clock.jitter(), ceiling=60.0)
        return max(wait, error.retry_after or 0.0) if isinstance(error, ApiError) else wait

    def _tell(self, gateway: ObjectKey, problem: str | None) -> None:
        self._told = {key: text for key, text in self._told.items() if key in self._wanted or key == EVERYTHING}
        self._told.pop(gateway, None)
        if problem and (gateway in self._wanted or gateway == EVERYTHING):
            self._told[gateway] = problem
        self._publish()

    def _publish(self) -> None:
        """Till the first look at everything no Gateway is attended to: what is in its way is in all of theirs."""
        own = {key: text for key, text in self._told.items() if key in self._wanted}
        if not self._looked and (blind := self._told.get(EVERYTHING)):
            own = dict.fromkeys(self._wanted, f"{blind}; {REMEDY}") | own
        self.problems.publish(own)

    async def _look_at_everything(self) -> float:
        """List our objects, and have every Gateway attended to: those that are, and those that left something."""
        namespace = await self._ours()
        live: dict[Owner, dict[Id, Json]] = {}
        for kind in INFRASTRUCTURE:
            for item in await self._list(kind, namespace):
                live.setdefault(owner_of(_labels(item)) or NOBODY, {})[kind.name, _key(item)] = item
        self._live, self._looked = live, True
        gone = [ObjectKey(*owner) for owner in live.keys() - self._owners()]
        for gateway in (*self._wanted, *gone):
            self._queue.add(gateway)
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
        if not self._looked:
            return  # the look at everything, which comes first, will ask for us again
        infra, owner = self._wanted.get(gateway), owner_labels(gateway)
        if infra is None:
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
            if not _is_refusal(error):
                raise
            if gateway not in self._unprotected:
                log.warning("proxies get no disruption budget of ours", gateway=str(gateway), error=str(error))
            self._unprotected.add(gateway)

    async def _apply(self, gateway: ObjectKey, id_: Id, live: Json | None, manifest: Json) -> None:
        kind, known = KINDS[id_[0]], self._know(gateway)
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


def _is_refusal(error: Exception) -> bool:
    """Whether the same call is likely to fail until somebody acts."""
    if isinstance(error, ApiError):
        return 400 <= error.code < 500 and error.code not in PASSING
    return isinstance(error, BadCertificateError | ForeignObjectError | TerminatingError)


def _is_believed(error: Exception, failures: int) -> bool:
    """Whether a refusal, after so many failures in a row, is one that stays. What a policy or a quota forbids is."""
    passes = isinstance(error, ApiError) and error.is_forbidden and WHO_MAY_NOT in str(error)
    return not passes or failures >= FORBIDDEN_FAILURES


def _replaced(known: Json, seen: Any) -> bool:
    """Whether the watched object is another one than we know of, or has a newer spec than we have seen."""
    meta = known["metadata"]
    return bool(seen.metadata.uid != meta.get("uid") or seen.metadata.generation > meta.get("generation", 0))


def _id(manifest: Json) -> Id:
    return manifest["kind"], _key(manifest)


def _key(item: Json) -> ObjectKey:
    return ObjectKey(item["metadata"].get("namespace", ""), item["metadata"]["name"])


def _labels(item: Json) -> Mapping[str, str]:
    return msgspec.convert(item["metadata"].get("labels") or {}, dict[str, str])
