"""The heart that both modes share: a source of objects in; xDS snapshots, wished infrastructure and statuses out."""

import asyncio
import gc
import itertools
from collections.abc import Collection, Iterator, Mapping, Set
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Protocol

import msgspec
import structlog

from flow.attempt import Failure, attempt
from flow.clock import Clock
from flow.hold_off import Allowance, HoldOff
from flow.latest import Latest, ring
from gateway_api.graph.change import GraphChange
from gateway_api.graph.types import Graph, GraphSettings
from gateway_api.ir.fleet import FleetReport, Nack, RefusedRoute
from gateway_api.ir.infra import InfraIR, InfraReport
from gateway_api.status.keeper import StatusKeeper
from gateway_api.status.observed import RememberedRefusals
from gateway_api.status.types import Statuses, StatusKey
from k8s_watch.keys import ObjectKey
from k8s_watch.kinds import GATEWAY
from k8s_watch.snapshot import ClusterSnapshot, Source
from lychgate.pipeline import Pipeline, Step
from lychgate.telemetry.metrics import Metrics
from xds_server.snapshot.cache import SnapshotCache

log = structlog.get_logger("lychgate.controller")


class StatusSink(Protocol):
    """Where wished statuses go."""

    def want(self, statuses: Statuses, /, changed: Collection[StatusKey] | None = None) -> None:
        """Make these the wish, all of them. Never blocks.

        `changed` are the keys at which they differ from those wished for last; None when that is not known.
        """
        ...


class InfraSink(Protocol):
    """Where wished infrastructure goes."""

    def want(self, infra: Mapping[ObjectKey, InfraIR], /, *, keep: Collection[ObjectKey] = ()) -> None:
        """Make these the wish: what is neither in it nor in `keep` is to be removed. Never blocks."""
        ...


class Sinks(msgspec.Struct, frozen=True):
    """Where wishes go."""

    infra: InfraSink
    statuses: StatusSink


class Feedback(msgspec.Struct, frozen=True):
    """What comes back of what was wished for."""

    fleet: Latest[FleetReport]
    infra: Latest[InfraReport]
    refusals: RememberedRefusals
    """What statuses say that proxies refuse. The controller keeps it up to date."""


type Refused = tuple[ObjectKey, Nack | RefusedRoute]
"""What a Gateway's proxies refuse."""

STATUS_ROUNDS = Allowance(rate=0.4, credit=10, at_most=1.2, rest=0.2)
"""For statuses, which people read: ten in a row at once; in a burst of thousands of routes, which takes a minute, a new
count of a Gateway every 1.2 seconds, and the last as soon as it is over. An API server that makes thousands of objects
pauses now and then."""


def changes_allowance(cores: float, at_most: float) -> Allowance:
    """Return what following the source may cost before changes are gathered, in CPU seconds: `cores` a second.

    The credit is enough for some hundred changes at once.
    """
    return Allowance(rate=cores, credit=3 * cores, at_most=at_most)


def _unclear_gateways(cluster: ClusterSnapshot, graph: Graph) -> Set[ObjectKey]:
    """Return the Gateways that are there, and of which we cannot say whether they are ours: no good version of them is
    known, or none of their class, which may have been made a moment ago. There is no order between kinds.
    """
    unread = {rejected.key for rejected in cluster.rejected if rejected.kind == GATEWAY.name and rejected.key}
    if len(graph.gateways) == len(cluster.gateways):
        return unread
    classes = {key.name for key in cluster.gateway_classes}
    return unread.union(key for key, each in cluster.gateways.items() if each.spec.gateway_class_name not in classes)


def _is_as_clear(one: ClusterSnapshot, other: ClusterSnapshot) -> bool:
    """Whether nothing differs that this depends on. Cost: none; no may be in vain."""
    classes = one.gateway_classes is other.gateway_classes
    return classes and one.gateways is other.gateways and one.rejected is other.rejected


class Controller:
    """Turns what the source says into what the fleet, the infrastructure and the statuses should be.

    `steps` holds the newest pass, and `followed` the revision of the source that it follows at least; `ready` is true
    from the first published pass on and never turns false again: from then on there is always a good configuration to
    serve.
    """

    def __init__(
        self,
        source: Source,
        cache: SnapshotCache,
        *,
        feedback: Feedback,
        sinks: Sinks,
        settings: GraphSettings,
        hold_off: Allowance,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self.steps: Latest[Step | None] = Latest(None)
        self.followed: Latest[int] = Latest(0)
        self.ready: Latest[bool] = Latest(initial=False)
        self._source = source
        self._cache = cache
        self._feedback = feedback
        self._sinks = sinks
        self._pipeline = Pipeline(settings)
        self._statuses = StatusKeeper()
        self._untold: GraphChange | None = None
        """What differs in the graph since statuses were wished for: several passes may lie between two rounds."""
        self._infra: dict[ObjectKey, InfraIR] = {}
        """As it was wished for."""
        self._unclear: Set[ObjectKey] = frozenset()
        self._reported: FleetReport | None = None
        self._refused: Set[Refused] = frozenset()
        """What that tells of, as it was logged."""
        self._bell: Latest[int] = Latest(0)
        """Counts what may make a difference to statuses."""
        self._hold_off = hold_off
        self._metrics = metrics
        self._clock = clock

    async def run(self) -> None:
        """Run until cancelled. One of two things can happen, each in a loop of its own:

        1. the source changed: take the world through the pipeline, publish, wish for infrastructure;
        2. a pass made another graph, the fleet answered, or the infrastructure moved: wish for statuses.
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._translating(), name="translating")
            tasks.create_task(self._reporting(), name="reporting")

    async def _translating(self) -> None:
        hold_off = HoldOff(self._source.revision, self._hold_off, self._clock.cpu, self._clock)
        while True:
            revision = await hold_off.next()
            began = self._clock.monotonic()
            previous = self.steps.value
            with _growing() if previous is None else nullcontext():
                new = self._pipeline.update(self._source.snapshot())
                self._publish(new, previous)
            self.followed.publish(revision)
            self._metrics.steps.observe(self._clock.monotonic() - began)

    def _publish(self, new: Step, previous: Step | None) -> None:
        for failure in new.failures:
            self._report_defect(failure)
        for key in new.moved:
            old, gateway = previous.gateways.get(key) if previous else None, new.gateways.get(key)
            if gateway is None:
                self._cache.withdraw(key)
            elif old is None or old.snapshot is not gateway.snapshot:
                # A snapshot that is not whole is refused, and the one before stays: ours to mend, nobody's outage.
                published = attempt(f"publish {key}", partial(self._cache.publish, key, gateway.snapshot))
                if isinstance(published, Failure):
                    self._report_defect(published)
        self._report_rejected(new, previous)
        self._untold = self._untold.then(new.change) if self._untold else new.change
        self.steps.publish(new)
        self.ready.publish(True)
        refusals_differ = self._feedback.refusals.update(new.graph, new.cluster)
        if previous is None or new.graph is not previous.graph or refusals_differ:
            self._bell.publish(self._bell.value + 1)
        self._wish_for_infra(new, previous)

    def _wish_for_infra(self, new: Step, previous: Step | None) -> None:
        """The wish is the same mapping as before while nothing of it differs."""
        now = {key: gateway.infra if (gateway := new.gateways.get(key)) else None for key in new.moved}
        if any(self._infra.get(key) is not infra for key, infra in now.items()):
            self._infra = {key: gateway.infra for key, gateway in new.gateways.items()}
        # After a failure the graph may have been an old one.
        if previous is None or previous.failures or not _is_as_clear(previous.cluster, new.cluster):
            self._unclear = _unclear_gateways(new.cluster, new.graph)
        # A Gateway on which a stage of ours failed may be missing from the pass: its proxies must outlive that.
        missing = () if len(self._infra) == len(new.graph.gateways) else new.graph.gateways
        there = {*missing, *self._unclear}
        self._sinks.infra.want(self._infra, keep={key for key in there if key not in self._infra})

    def _wish_for_statuses(self, current: Step) -> None:
        updated = attempt("statuses", partial(self._wished_statuses, current))
        if isinstance(updated, Failure):  # what was written stays; no traffic ends for it
            self._report_defect(updated)
        else:
            self._sinks.statuses.want(*updated)

    def _wished_statuses(self, current: Step) -> tuple[Statuses, Set[StatusKey]]:
        fleet, infra = self._feedback.fleet.value, self._feedback.infra.value
        change, self._untold = self._untold or GraphChange(before=current.graph), None
        statuses, changed = self._statuses.update(current.graph, change, fleet, infra)
        statuses, remembered = self._feedback.refusals.apply(statuses, fleet)
        return statuses, changed | remembered

    def _report_defect(self, failure: Failure) -> None:
        self._metrics.step_failures.labels(failure.what.split()[0]).inc()
        log.error("stage failed, its last good result stays", stage=failure.what, exc_info=failure.error)

    def _report_rejected(self, new: Step, previous: Step | None) -> None:
        if previous and previous.cluster.rejected is new.cluster.rejected:
            return
        known = set(previous.cluster.rejected) if previous else set()
        for rejected in new.cluster.rejected:
            if rejected not in known:
                log.warning("object rejected", object=rejected.object, where=rejected.where, reason=rejected.reason)
        self._metrics.rejected.set(len(new.cluster.rejected))

    async def _reporting(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(ring(self._bell, self._feedback.fleet), name="fleet")
            tasks.create_task(ring(self._bell, self._feedback.infra), name="infrastructure")
            rounds = itertools.count()
            hold_off = HoldOff(
                self._bell, STATUS_ROUNDS, lambda: next(rounds), self._clock, upstream=self._source.revision
            )
            while True:
                await hold_off.next()
                if current := self.steps.value:
                    self._wish_for_statuses(current)
                self._report_refusals(self._feedback.fleet.value)

    def _report_refusals(self, fleet: FleetReport) -> None:
        if fleet is self._reported:
            return
        self._reported = fleet
        refused: set[Refused] = {(key, each) for key, g in fleet.gateways.items() for each in g.nacks}
        refused |= {(key, each) for key, g in fleet.gateways.items() for each in g.refused}
        for gateway, what in refused - self._refused:
            _report_refusal(gateway, what)
        self._refused = refused


def _report_refusal(gateway: ObjectKey, what: Nack | RefusedRoute) -> None:
    match what:
        case Nack():
            names = ", ".join(what.resources)
            log.warning("resource refused", gateway=str(gateway), proxy=what.node_id, what=names, reason=what.message)
        case RefusedRoute():
            where = {"route": what.source, "hostname": what.hostname, "left_out": what.left_out}
            log.warning("route refused, all else is served", gateway=str(gateway), **where, reason=what.message)


@contextmanager
def _growing() -> Iterator[None]:
    """Spare the collector what lives as long as the process: it looks at none of it now, and never again."""
    gc.disable()
    try:
        yield
        gc.collect()
        gc.freeze()
    finally:
        gc.enable()
