"""The worlds that are measured serve: what is refused costs less than what it stands for."""

import pytest

from bench import graph, kinds, pipeline
from gateway_api.graph.build import build_graph
from gateway_api.graph.types import GraphSettings
from k8s_watch.snapshot import ClusterSnapshot


@pytest.mark.parametrize("world", [graph.world(10), kinds.world(10, 2), pipeline.world(10)])
def test_every_listener_serves_routes(world: ClusterSnapshot) -> None:
    found = [listener for node in build_graph(world, GraphSettings()).gateways.values() for listener in node.listeners]
    assert all(listener.serves for listener in found)
    assert any(listener.attached_routes for listener in found)
