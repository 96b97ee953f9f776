"""Statuses of ours as they were written before → what they still tell us."""

from collections.abc import Iterator, Mapping, Sequence, Set

import msgspec

from gateway_api.graph.types import Graph, HTTPRouteNode, Parent
from gateway_api.ir.fleet import FleetReport
from gateway_api.status import catalogue
from gateway_api.status.types import Condition, ParentStatus, RouteStatus, Statuses, StatusKey
from k8s_watch.objects.meta import Condition as Written
from k8s_watch.objects.routes import Route
from k8s_watch.snapshot import ClusterSnapshot, objects_of

type Refusals = Mapping[StatusKey, Route]
"""The routes of which a status of ours says that proxies refuse them as they are."""


def written_refusals(before: Refusals, graph: Graph, cluster: ClusterSnapshot, *, follows: bool) -> Refusals:
    """Return those of this snapshot; the same mapping as before where nothing differs.

    `before` are those of the snapshot that this one `follows`, in which case the cost is that of what changed.
    """
    changed = cluster.changed if follows else None
    news: dict[StatusKey, Route | None] = {} if changed is not None else dict.fromkeys(before)
    for kind in graph.http:
        sources = objects_of(cluster, kind)
        for key in sources if changed is None else changed.get(kind, ()):
            source = sources.get(key)
            refused = source is not None and any(_refusals(source, graph.settings.controller_name))
            news[StatusKey(kind=kind, key=key)] = source if refused else None
    if all(before.get(id_) is source for id_, source in news.items()):
        return before
    return {id_: source for id_, source in {**before, **news}.items() if source is not None}


def still_refused(statuses: Statuses, graph: Graph, fleet: FleetReport, written: Refusals) -> Statuses:
    """Return the statuses that have to go on saying that proxies refuse a route, since nobody could tell otherwise: no
    proxy of that Gateway has everything from us. So a new leader writes no refusal away that its proxies will repeat.
    """
    found: dict[StatusKey, RouteStatus] = {}
    for id_, source in written.items():
        node, wish = graph.http[id_.kind].nodes.get(id_.key), statuses.get(id_)
        if (
            node is None
            or node.source.metadata.generation != source.metadata.generation
            or not isinstance(wish, RouteStatus)
        ):
            continue
        said = list(_refusals(source, graph.settings.controller_name))
        both = zip(node.parents, wish.parents, strict=True)
        parents = tuple(_as_before(parent, entry, fleet, said) for parent, entry in both)
        if parents != wish.parents:
            found[id_] = msgspec.structs.replace(wish, parents=parents)
    return found


def refused_before(graph: Graph, cluster: ClusterSnapshot) -> Set[tuple[str, int]]:
    """Return title and generation of the routes that proxies refuse as they are now, by a status of ours."""
    ours = graph.settings.controller_name
    return {
        (source.title, source.metadata.generation)
        for source in _sources(graph, cluster)
        if any(_refusals(source, ours))
    }


def unchanged(titles: Set[tuple[str, int]], graph: Graph) -> Set[str]:
    """Return those titles whose routes still have that generation."""
    now = {(node.source.title, node.source.metadata.generation) for node in _http_routes(graph)} if titles else set()
    return {title for title, generation in titles if (title, generation) in now}


def _refusals(source: Route, controller_name: str) -> Iterator[ParentStatus]:
    """Yield what its status says of proxies that refuse it as it is: each with that condition alone."""
    for parent in source.status.parents:
        for one in parent.conditions if parent.controller_name == controller_name else ():
            if one.reason == catalogue.REFUSED and one.observed_generation == source.metadata.generation:
                yield ParentStatus(parent_ref=parent.parent_ref, conditions=(_condition(one),))


def _as_before(parent: Parent, wish: ParentStatus, fleet: FleetReport, said: Sequence[ParentStatus]) -> ParentStatus:
    accepted, resolved, *_ = wish.conditions
    for each in said if accepted.status == "True" and not fleet.of(parent.gateway).acked else ():
        if each.parent_ref == wish.parent_ref:
            [refused] = each.conditions
            # PartiallyInvalid "MUST NOT be set if a Route is […] not accepted."
            wholly = refused.type == accepted.type
            conditions = (refused, resolved) if wholly else (accepted, resolved, refused)
            return msgspec.structs.replace(wish, conditions=conditions)
    return wish


def _condition(written: Written) -> Condition:
    return Condition(
        type=written.type,
        status=written.status,
        reason=written.reason,
        message=written.message,
        observed_generation=written.observed_generation,
    )


def _http_routes(graph: Graph) -> Iterator[HTTPRouteNode]:
    for routes in graph.http.values():
        yield from routes.nodes.values()


def _sources(graph: Graph, cluster: ClusterSnapshot) -> Iterator[Route]:
    """With their statuses, which the graph has not."""
    for kind, routes in graph.http.items():
        sources = objects_of(cluster, kind)
        yield from (sources[key] for key in routes.nodes if key in sources)
