"""Statuses of ours as they were written before → what they still tell us."""

from collections.abc import Iterator, Set

from gateway_api.graph.types import Graph, HTTPRouteNode
from gateway_api.status import catalogue
from k8s_watch.objects.routes import Route
from k8s_watch.snapshot import ClusterSnapshot, objects_of


def refused_before(graph: Graph, cluster: ClusterSnapshot) -> Set[tuple[str, int]]:
    """Return title and generation of the routes that proxies refuse as they are now, by a status of ours."""
    ours = graph.settings.controller_name
    return {
        (source.title, source.metadata.generation)
        for source in _sources(graph, cluster)
        for parent in source.status.parents
        for condition in parent.conditions
        if parent.controller_name == ours
        and condition.reason == catalogue.REFUSED
        and condition.observed_generation == source.metadata.generation
    }


def unchanged(titles: Set[tuple[str, int]], graph: Graph) -> Set[str]:
    """Return those titles whose routes still have that generation."""
    now = {(node.source.title, node.source.metadata.generation) for node in _http_routes(graph)} if titles else set()
    return {title for title, generation in titles if (title, generation) in now}


def _http_routes(graph: Graph) -> Iterator[HTTPRouteNode]:
    for routes in graph.http.values():
        yield from routes.nodes.values()


def _sources(graph: Graph, cluster: ClusterSnapshot) -> Iterator[Route]:
    """With their statuses, which the graph has not."""
    for kind, routes in graph.http.items():
        sources = objects_of(cluster, kind)
        yield from (sources[key] for key in routes.nodes if key in sources)
