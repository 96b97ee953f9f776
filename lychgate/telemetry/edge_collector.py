"""How the edges to Kubernetes fare, read at the moment somebody asks: no cost while nobody does."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from k8s_apply.class_finalizer import FinalizerWriter
from k8s_apply.infra.reconcile import InfraReconciler
from k8s_apply.lease import Leadership
from k8s_apply.status_writer import StatusWriter
from k8s_watch.informer import KindHealth


class Writers(NamedTuple):
    """All who write to the API server."""

    statuses: StatusWriter
    infra: InfraReconciler
    finalizers: FinalizerWriter
    leadership: Leadership


class EdgeCollector(Collector):
    """Reads the health of every watched kind, and the counters of those who write. `throttled`: answers of 429."""

    def __init__(
        self, health: Callable[[], Sequence[KindHealth]], writers: Writers, throttled: Callable[[], int]
    ) -> None:
        self._health = health
        self._writers = writers
        self._throttled = throttled

    def collect(self) -> Iterator[Metric]:
        yield from self._watching()
        yield from self._statuses()
        yield from self._others()

    def _watching(self) -> Iterator[Metric]:
        synced = GaugeMetricFamily(
            "lychgate_watch_synced", "1 once a kind was listed whole, or counts as empty", labels=["kind"]
        )
        objects = GaugeMetricFamily("lychgate_watch_objects", "Objects held of a kind", labels=["kind"])
        failing = GaugeMetricFamily(
            "lychgate_watch_failing", "1 while a kind that is served cannot be read", labels=["kind"]
        )
        failures = CounterMetricFamily("lychgate_watch_failures", "Failed calls to read a kind", labels=["kind"])
        for kind in self._health():
            synced.add_metric([kind.kind], kind.synced)
            objects.add_metric([kind.kind], kind.objects)
            failing.add_metric([kind.kind], bool(kind.error) and not kind.not_served)
            failures.add_metric([kind.kind], kind.failures)
        yield from (synced, objects, failing, failures)

    def _statuses(self) -> Iterator[Metric]:
        statuses = self._writers.statuses
        counted = {
            "written": statuses.writes,
            "unchanged": statuses.unchanged,
            "conflict": statuses.conflicts,
            "failed": statuses.failures,
        }
        looks = CounterMetricFamily(
            "lychgate_status_updates", "Looks at a status, by how they ended", labels=["result"]
        )
        for result, count in counted.items():
            looks.add_metric([result], count)
        yield looks
        yield GaugeMetricFamily(
            "lychgate_status_queue_length", "Statuses that wait to be looked at, now or later", statuses.waiting
        )

    def _others(self) -> Iterator[Metric]:
        _, infra, finalizers, leadership = self._writers
        yield GaugeMetricFamily(
            "lychgate_infra_gateways_failing",
            "Gateways whose infrastructure is not in the desired state",
            infra.failing,
        )
        yield CounterMetricFamily(
            "lychgate_infra_failures",
            "Failed tries to bring a Gateway's infrastructure to the desired state",
            infra.failures,
        )
        yield CounterMetricFamily(
            "lychgate_finalizer_failures", "Failed tries to write a GatewayClass's finalizer", finalizers.failures
        )
        yield CounterMetricFamily("lychgate_lease_failures", "Calls for the Lease that failed", leadership.failures)
        yield CounterMetricFamily(
            "lychgate_api_throttled", "Answers of the API server with code 429", self._throttled()
        )
