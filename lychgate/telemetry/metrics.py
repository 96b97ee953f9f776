"""Prometheus metrics. Children are bound once; no label is a route, a path or anything else without bound."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from lychgate.version import VERSION

STAGES = ("graph", "gateway", "publish", "statuses")
"""The stages that may fail and keep their last good result: the first words of what they are called."""
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The process's metrics, in a registry of their own so that two instances in one test cannot clash."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        build = Gauge("lychgate_build_info", "1, with our version", ["version"], registry=self.registry)
        build.labels(VERSION).set(1)
        self.steps = Histogram(
            "lychgate_pipeline_step_seconds",
            "Time from a snapshot of the cluster to published xDS",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.step_failures = Counter(
            "lychgate_pipeline_failures_total",
            "Stages that failed by a defect of ours and kept their last good result",
            ["stage"],
            registry=self.registry,
        )
        for stage in STAGES:  # from 0 on: of a series that begins with 1, Prometheus sees no increase
            self.step_failures.labels(stage)
        self.rejected = Gauge("lychgate_objects_rejected", "Objects that could not be taken in", registry=self.registry)
        self.leading = Gauge("lychgate_leader", "1 while this replica writes", registry=self.registry)
