"""What each pass shows of what we wrote → those who write it, and for the statuses, what runs of each Gateway."""

import asyncio
from collections.abc import Mapping, Set
from typing import Any

from flow.latest import Latest
from gateway_api.graph.types import Graph
from gateway_api.ir.infra import InfraReport
from k8s_apply.class_finalizer import class_uses, uses_alike
from k8s_apply.infra.observed import InfraKeeper, Nodes
from k8s_apply.infra.settings import InfraSettings
from k8s_watch.keys import ObjectKey
from lychgate.pipeline import Step
from lychgate.telemetry.edge_collector import Writers


class Observer:
    """Tells `writers` what was seen, and keeps `report` true. `nodes` and `bundles` are looked at by others."""

    def __init__(
        self,
        writers: Writers,
        settings: InfraSettings,
        *,
        nodes: Latest[Nodes | None],
        bundles: Latest[Mapping[str, str] | None],
    ) -> None:
        self.report: Latest[InfraReport] = Latest(InfraReport())
        self._writers = writers
        self._seen = InfraKeeper(settings)
        self._nodes = nodes
        self._bundles = bundles

    async def run(self, steps: Latest[Step | None]) -> None:
        """Follow the passes, and all else that the report is made of, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(steps), name="passes")
            for news in (self._writers.infra.problems, self._nodes, self._bundles):
                tasks.create_task(self._hear(news, steps), name="news")

    async def _follow(self, steps: Latest[Step | None]) -> None:
        version = revision = 0
        graph: Graph | None = None
        while True:
            version, done = await steps.newer_than(version)
            if done is not None:
                skipped, revision = done.cluster.revision > revision + 1, done.cluster.revision
                changed = None if skipped else done.cluster.changed
                self._report(done, changed)
                self._writers.infra.saw(done.cluster)
                self._writers.statuses.saw(done.cluster)
                if not graph or not uses_alike(graph, done.graph):
                    self._writers.finalizers.want(class_uses(done.graph))
                graph = done.graph

    async def _hear(self, news: Latest[Any], steps: Latest[Step | None]) -> None:
        version = 0
        while True:
            version, _ = await news.newer_than(version)
            if done := steps.value:
                self._report(done, {})

    def _report(self, done: Step, changed: Mapping[str, Set[ObjectKey]] | None) -> None:
        """`changed` is what differs in the cluster, as far as `_follow` will not tell."""
        problems, nodes = self._writers.infra.problems.value, self._nodes.value
        seen = self._seen.update(done.cluster, done.graph.gateways, problems, nodes, changed=changed)
        self.report.publish(InfraReport(seen, self._bundles.value))
