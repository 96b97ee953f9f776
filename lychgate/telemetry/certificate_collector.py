"""When the certificates of xDS end, read from the files at the moment somebody asks: they are replaced under us."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from k8s_apply.certificates import end_of_life


class CertificateCollector(Collector):
    """`sources` give the PEM of each certificate by name. One that cannot be read has no series."""

    def __init__(self, sources: Mapping[str, Callable[[], bytes]]) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        ends = GaugeMetricFamily(
            "lychgate_certificate_expiry_timestamp_seconds",
            "When a certificate ends, in seconds since 1970",
            labels=["certificate"],
        )
        for name, read in self._sources.items():
            with suppress(OSError, ValueError):
                ends.add_metric([name], end_of_life(read()))
        yield ends
