"""How the proxies fare, all and each Gateway's, read at the moment somebody asks. A Gateway that is gone has no series
any more.
"""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from flow.latest import Latest
from xds_server.serve.fleet import Fleet
from xds_server.snapshot.cache import SnapshotCache

LABELS = ["namespace", "name"]


class FleetCollector(Collector):
    """Three series a Gateway, four of all of them, and whether we are cut off, `behind`. Cost: a look at each Gateway
    and each stream.
    """

    def __init__(self, fleet: Fleet, cache: SnapshotCache, behind: Latest[bool]) -> None:
        self._fleet = fleet
        self._cache = cache
        self._behind = behind

    def collect(self) -> Iterator[Metric]:
        yield from self._all()
        yield from self._each()
        yield GaugeMetricFamily(
            "lychgate_cut_off",
            "1 while nothing can be read from the API server, and until what was missed is here",
            self._behind.value,
        )

    def _all(self) -> Iterator[Metric]:
        known = self._fleet.report.value.gateways.values()
        yield GaugeMetricFamily("lychgate_xds_proxies", "Connected proxies", sum(each.connected for each in known))
        yield GaugeMetricFamily(
            "lychgate_xds_proxies_in_sync",
            "Proxies that acknowledged everything of the newest snapshot",
            sum(each.acked for each in known),
        )
        yield GaugeMetricFamily(
            "lychgate_xds_refused_resources",
            "Resources that a connected proxy refuses now",
            sum(len(each.nacks) for each in known),
        )
        yield GaugeMetricFamily(
            "lychgate_xds_refused_routes",
            "Pairs of a route and a hostname of it that proxies refuse",
            sum(len(each.refused) for each in known),
        )

    def _each(self) -> Iterator[Metric]:
        proxies = GaugeMetricFamily("lychgate_gateway_proxies", "Connected proxies of a Gateway", labels=LABELS)
        in_sync = GaugeMetricFamily(
            "lychgate_gateway_proxies_in_sync", "Those that acknowledged all that is served to them", labels=LABELS
        )
        lag = GaugeMetricFamily(
            "lychgate_gateway_sync_lag_seconds",
            "Seconds for which a connected proxy has lacked something, of all of them the longest; 0 when none does",
            labels=LABELS,
        )
        report = self._fleet.report.value
        for gateway in self._cache.published():
            known = report.of(gateway)
            proxies.add_metric(gateway, known.connected)
            in_sync.add_metric(gateway, known.acked)
            lag.add_metric(gateway, self._fleet.lag(gateway))
        yield from (proxies, in_sync, lag)
