"""What the xDS server counts, as Prometheus counters."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from lychgate.telemetry.metrics import SECONDS
from xds_server.serve.turned_away import TOLD
from xds_server.snapshot.resource import ResourceType


class FleetMeter:
    """An `xds_server.serve.meter.Meter`. One child a type of resource, bound once: a count costs half a microsecond."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counters(name: str, what: str) -> dict[ResourceType, Counter]:
            counter = Counter(name, what, ["type"], registry=registry)
            return {type_: counter.labels(type_.name.lower()) for type_ in ResourceType}

        self._responses = counters("lychgate_xds_responses_total", "Responses sent to proxies")
        self._resources = counters("lychgate_xds_resources_total", "Resources sent to proxies")
        self._bytes = counters("lychgate_xds_bytes_total", "Bytes of the responses sent to proxies")
        self._acks = counters("lychgate_xds_acks_total", "Responses that a proxy took")
        self._nacks = counters("lychgate_xds_nacks_total", "Responses that a proxy refused")
        self._turned_away = Counter(
            "lychgate_xds_streams_ended_total",
            "Streams that were not let in, or ended by us",
            ["code"],
            registry=registry,
        )
        for code in TOLD:  # from 0 on, as in `Metrics`
            self._turned_away.labels(code.name)

        self._syncs = Histogram(
            "lychgate_xds_sync_seconds",
            "Time from a publish until a proxy had acknowledged everything, proxies that just came left out",
            buckets=SECONDS,
            registry=registry,
        )

    def sent(self, type_: ResourceType, resources: int, size: int, /) -> None:
        self._responses[type_].inc()
        self._resources[type_].inc(resources)
        self._bytes[type_].inc(size)

    def acked(self, type_: ResourceType, /) -> None:
        self._acks[type_].inc()

    def nacked(self, type_: ResourceType, /) -> None:
        self._nacks[type_].inc()

    def turned_away(self, code: str, /) -> None:
        self._turned_away.labels(code).inc()

    def caught_up(self, seconds: float, /) -> None:
        self._syncs.observe(seconds)
