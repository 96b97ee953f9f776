"""What was seen of what we wrote reaches those who write it, and the statuses."""

from collections.abc import Mapping

from flow.latest import Latest
from gateway_api.graph.types import GraphSettings
from k8s_apply.class_finalizer import FINALIZER
from k8s_apply.infra.observed import Nodes
from k8s_watch.keys import ObjectKey
from k8s_watch.kinds import GATEWAY_CLASS
from k8s_watch.objects.gateway import Gateway, GatewayClass, GatewayClassSpec, GatewaySpec
from k8s_watch.objects.meta import Meta
from k8s_watch.snapshot import ClusterSnapshot
from lychgate.in_cluster.observing import Observer
from lychgate.pipeline import Pipeline, Step
from tests.flow.virtual_clock import VirtualClock, settle
from tests.k8s_apply.fake_writer import FakeWriter
from tests.k8s_apply.gateways import EG, SETTINGS
from tests.k8s_apply.running import running
from tests.k8s_apply.site import Site
from tests.lychgate.writers import writers_of

CLASS = ObjectKey("", "eg")
WORLD = ClusterSnapshot(
    revision=1,
    gateway_classes={
        CLASS: GatewayClass(
            metadata=Meta(name="eg", uid="c"), spec=GatewayClassSpec(controller_name=GraphSettings().controller_name)
        )
    },
    gateways={
        EG: Gateway(metadata=Meta(name=EG.name, namespace=EG.namespace), spec=GatewaySpec(gateway_class_name="eg"))
    },
)


async def test_a_pass_and_all_other_news_are_in_the_report_and_a_class_in_use_has_its_finalizer() -> None:
    clock = VirtualClock()
    api = FakeWriter(clock)
    api.put(GATEWAY_CLASS, CLASS, metadata={"uid": "c"})
    writers = writers_of(Site(clock, api))
    nodes: Latest[Nodes | None] = Latest(None)
    bundles: Latest[Mapping[str, str] | None] = Latest(None)
    observer = Observer(writers, SETTINGS, nodes=nodes, bundles=bundles)
    steps: Latest[Step | None] = Latest(None)
    async with running(observer.run(steps), writers.finalizers.run()):
        bundles.publish({"crd": "v1"})
        await settle()
        assert observer.report.value.bundles is None  # of no Gateway is anything known
        steps.publish(Pipeline(GraphSettings()).update(WORLD))
        await settle()
        assert observer.report.value.bundles == {"crd": "v1"}
        assert observer.report.value.gateways[EG].problem == ""
        writers.infra.problems.publish({EG: "a quota"})
        await settle()
        assert observer.report.value.gateways[EG].problem == "a quota"
    assert (api.peek(GATEWAY_CLASS, CLASS) or {})["metadata"]["finalizers"] == [FINALIZER]
