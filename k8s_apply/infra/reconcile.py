"""Wished infrastructure → applied objects: makes, repairs and removes, one Gateway at a time and never its neighbour.

Theory of operation. All that is ours is listed when we begin to lead and on each slow resync; `inventory` knows what
became of it since. A Gateway is attended to when its wish changes, when somebody seems to have touched its objects,
ever later if that happens again and again (`repairs`), and after a failure; for each object it costs nothing when what
is known shows it in place, and otherwise one server-side apply. What is labelled as ours and belongs to no wished
Gateway is deleted, by uid, `PARTING` seconds after it was wished for last.
"""

from collections.abc import Callable, Collection, Mapping, Set
from typing import Any

import msgspec
import structlog

from flow.clock import Clock
from flow.latest import Latest
from flow.race import while_true
from gateway_api.ir.infra import InfraIR
from k8s_apply.api import Json, KubeWriter
from k8s_apply.certificate_secrets import secret_files
from k8s_apply.certificates import Authority, BadCertificateError, client_files, drain_secret
from k8s_apply.fence import NotLeadingError
from k8s_apply.infra.desired import desired
from k8s_apply.infra.drift import in_place, stamp
from k8s_apply.infra.inventory import Inventory, id_of
from k8s_apply.infra.names import MadeFor, OwnerLabels, owner_labels, secret_key
from k8s_apply.infra.repairs import Repairs
from k8s_apply.infra.settings import InfraSettings
from k8s_apply.infra.trouble import EVERYTHING, ForeignObjectError, TerminatingError, Trouble, is_refusal
from k8s_apply.kinds import DISRUPTION_BUDGET
from k8s_apply.workqueue import WorkQueue
from k8s_watch.api import ApiError
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.core import Service, ServiceSpec
from k8s_watch.snapshot import ClusterSnapshot

log = structlog.get_logger("k8s_apply.infra")

PARTING = 3.0
"""Seconds for which a Gateway that is gone keeps what it has: one that is made again under its name has its address.
More than those for which news is held back after an outage, see `k8s_watch.cluster.RETURN`.
"""


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
        self._leading = leading
        self._clock = clock
        self._settings = settings
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
        self._inventory = Inventory(api, settings)
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
            known, seen = self._inventory.of(owner_labels(gateway)).get((kind, key)), watched[kind].get(key)
            if known and (seen is None or _replaced(known, seen)):
                self._inventory.forget(gateway, (kind, key))
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
        await self._inventory.look()
        if self._cluster.revision:
            self._compare(None)  # what was listed first is the oldest by now, and may be gone
        for gateway in self._wanted:
            self._queue.add(gateway)
        for owner in self._inventory.owners - self._staying():
            self._queue.add(ObjectKey(*owner), PARTING)
        return self._resync * (0.75 + self._clock.jitter() / 2)

    def _staying(self) -> set[OwnerLabels]:
        """Those whose objects are to stay."""
        return {owner_labels(gateway) for gateway in self._wanted.keys() | self._keep}

    async def _bring(self, gateway: ObjectKey) -> None:
        """Bring one Gateway's objects to what is wished now; without a wish, remove them all."""
        if not self._trouble.has_looked:
            return  # the look at everything, which comes first, will ask for us again
        infra, owner, inventory = self._wanted.get(gateway), owner_labels(gateway), self._inventory
        if infra is None:
            self._repairs.forget(gateway)
            if owner not in self._staying():
                await inventory.delete(owner, list(inventory.of(owner)))
            return
        if not infra.ports:
            return  # nothing can be served, but what exists keeps its address for when something can
        for id_ in inventory.terminating(gateway):
            inventory.forget(gateway, id_)  # it may be gone by now
        manifests = {id_of(manifest): stamp(manifest) for manifest in await self._manifests(infra)}
        budgets = [manifests.pop(id_) for id_ in [*manifests] if id_[0] == DISRUPTION_BUDGET.name]
        there = {id_: await inventory.read(id_, gateway) for id_ in manifests}  # all of them, before any is made
        for id_, manifest in manifests.items():
            live = there[id_]
            if live is None or not in_place(live, manifest):
                self._repairs.begin(gateway)
                await inventory.apply(gateway, live, manifest)
        await inventory.delete(owner, inventory.of(owner).keys() - manifests.keys() - set(map(id_of, budgets)))
        for budget in budgets:  # last: nothing waits for it
            await self._protect(gateway, budget)
        self._repairs.end(gateway)
        if terminating := inventory.terminating(gateway):
            (kind, key), *_ = terminating
            finalizers = ", ".join(inventory.of(owner)[kind, key]["metadata"].get("finalizers") or ())
            waits = f" and waits for its finalizers: {finalizers}" if finalizers else ""
            raise TerminatingError(f"{kind} {key} is being deleted{waits}")

    async def _protect(self, gateway: ObjectKey, budget: Json) -> None:
        """Apply its disruption budget. Traffic does not wait for it: what refuses it is said in the log alone. One of
        that name that is somebody else's stays, and does the same.
        """
        try:
            live = await self._inventory.read(id_of(budget), gateway)
            if live is None or not in_place(live, budget):
                self._repairs.begin(gateway)
                await self._inventory.apply(gateway, live, budget)
            self._unprotected.discard(gateway)
        except (ApiError, ForeignObjectError) as error:
            if not is_refusal(error):
                raise
            if gateway not in self._unprotected:
                log.warning("proxies get no disruption budget of ours", gateway=str(gateway), error=str(error))
            self._unprotected.add(gateway)

    async def _manifests(self, infra: InfraIR) -> tuple[Json, ...]:
        secret = "Secret", secret_key(infra.gateway, self._settings)
        current = secret_files(await self._inventory.read(secret, infra.gateway) or {})
        authority = self._ca()
        certificate = client_files(authority, infra.gateway, current, self._clock.now())
        drain = drain_secret(authority, infra.gateway)
        bootstrap = self._bootstrap(infra, drain)
        settings = self._settings
        if not self._inventory.may_budget:
            settings = msgspec.structs.replace(settings, disruption_budget=False)
        return desired(infra, settings, bootstrap=bootstrap, certificate=certificate, drain_secret=drain)


def _replaced(known: Json, seen: Any) -> bool:
    """Whether the watched object is another one than we know of, or has a newer spec than we have seen. Services have
    no generation: what is read of theirs is compared.
    """
    meta = known["metadata"]
    if seen.metadata.uid != meta.get("uid") or seen.metadata.generation > meta.get("generation", 0):
        return True
    return isinstance(seen, Service) and seen.spec != msgspec.convert(known.get("spec") or {}, ServiceSpec)
