"""How the edges to Kubernetes fare, read at the moment somebody asks: no cost while nobody does."""

from collections.abc import Callable, Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from k8s_apply.lease import Leadership
from k8s_apply.status_writer import StatusWriter
from k8s_watch.informer import KindHealth


class EdgeCollector(Collector):
    """Reads the health of every watched kind and the counters of those who write."""

    def __init__(
        self, health: Callable[[], Sequence[KindHealth]], statuses: StatusWriter, leadership: Leadership
    ) -> None:
        self._health = health
        self._statuses = statuses
        self._leadership = leadership

    def collect(self) -> Iterator[Metric]:
        yield from self._watching()
        yield from self._writing()

    def _watching(self) -> Iterator[Metric]:
        synced = GaugeMetricFamily("lychgate_watch_synced", "1 once a kind was listed whole", labels=["kind"])
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

    def _writing(self) -> Iterator[Metric]:
        counted = {
            "written": self._statuses.writes,
            "unchanged": self._statuses.unchanged,
            "conflict": self._statuses.conflicts,
            "failed": self._statuses.failures,
        }
        looks = CounterMetricFamily(
            "lychgate_status_updates", "Looks at a status, by how they ended", labels=["result"]
        )
        for result, count in counted.items():
            looks.add_metric([result], count)
        yield looks
        yield CounterMetricFamily(
            "lychgate_lease_failures", "Calls for the Lease that failed", value=self._leadership.failures
        )
