"""Statuses of ours as they were written before → what they still tell us."""

from collections.abc import Iterator, Mapping, Sequence, Set

import msgspec
from immutables import Map

from gateway_api.graph.mappings import replaced
from gateway_api.graph.types import Graph, GraphSettings, HTTPRouteNode, Parent
from gateway_api.ir.fleet import FleetReport
from gateway_api.status import catalogue
from gateway_api.status.types import Body, Condition, ParentStatus, RouteStatus, StatusKey
from k8s_watch.objects import meta
from k8s_watch.objects.routes import Route
from k8s_watch.snapshot import ClusterSnapshot, objects_of


class RememberedRefusals:
    """Keeps what statuses of ours, another replica's or an earlier process', say of routes that proxies refuse."""

    def __init__(self, settings: GraphSettings) -> None:
        self._ours = settings.controller_name
        self._graph = Graph(settings=settings)
        self._revision: int | None = None
        """Of the snapshot that was taken in last."""
        self._written: Mapping[StatusKey, Route] = {}
        """The routes of which a status says that proxies refuse them as they are."""
        self._at_first: Set[tuple[StatusKey, int]] = frozenset()
        """Those of the first snapshot, with their generation."""
        self._applied: Set[StatusKey] = frozenset()

    def update(self, graph: Graph, cluster: ClusterSnapshot) -> bool:
        """Take in a snapshot and its graph; return whether other refusals are written than in the one before.

        Cost: follows what changed; snapshots may be skipped, then all routes are looked at.
        """
        last, self._revision, self._graph = self._revision, cluster.revision, graph
        changed = cluster.changed if last is not None and cluster.revision == last + 1 else None
        news: dict[StatusKey, Route | None] = {} if changed is not None else dict.fromkeys(self._written)
        for kind in graph.http:
            sources = objects_of(cluster, kind)
            for key in sources if changed is None else changed.get(kind, ()):
                source = sources.get(key)
                refused = source is not None and any(_refusals(source, self._ours))
                news[StatusKey(kind=kind, key=key)] = source if refused else None
        if all(self._written.get(id_) is source for id_, source in news.items()):
            return False
        self._written = {id_: source for id_, source in {**self._written, **news}.items() if source is not None}
        if last is None:
            self._at_first = self._generations()
        return True

    def suspicious(self) -> Set[str]:
        """Return the titles of the routes that were refused as they are, now or in the first snapshot: when we lead,
        the first statuses are written before any proxy could refuse anything to us.
        """
        nodes = ((self._node(id_), generation) for id_, generation in self._at_first | self._generations())
        return {
            node.source.title for node, generation in nodes if node and node.source.metadata.generation == generation
        }

    def apply(self, statuses: Map[StatusKey, Body], fleet: FleetReport) -> tuple[Map[StatusKey, Body], Set[StatusKey]]:
        """Return the statuses with the refusals that nobody could tell otherwise, since no proxy of that Gateway has
        everything from us, and the keys at which there are any, or were last time. So a new leader writes no refusal
        away that its proxies will repeat. Cost: follows the refusals, of which there may be some for as long as all
        proxies of a Gateway are another replica's.
        """
        found: dict[StatusKey, RouteStatus] = {}
        for id_, source in self._written.items():
            node, wish = self._node(id_), statuses.get(id_)
            if (
                node is None
                or node.source.metadata.generation != source.metadata.generation
                or not isinstance(wish, RouteStatus)
            ):
                continue
            said = list(_refusals(source, self._ours))
            both = zip(node.parents, wish.parents, strict=True)
            parents = tuple(_as_before(parent, entry, fleet, said) for parent, entry in both)
            if parents != wish.parents:
                found[id_] = msgspec.structs.replace(wish, parents=parents)
        differ = found.keys() | self._applied
        self._applied = frozenset(found)
        return replaced(statuses, found), differ

    def _generations(self) -> Set[tuple[StatusKey, int]]:
        return {(id_, source.metadata.generation) for id_, source in self._written.items()}

    def _node(self, id_: StatusKey) -> HTTPRouteNode | None:
        return self._graph.http[id_.kind].nodes.get(id_.key)


def _refusals(source: Route, controller_name: str) -> Iterator[ParentStatus]:
    """Yield what its status says of proxies that refuse it as it is: each with that condition alone."""
    for parent in source.status.parents:
        for one in parent.conditions if parent.controller_name == controller_name else ():
            if one.reason == catalogue.REFUSED and one.observed_generation == source.metadata.generation:
                yield ParentStatus(parent_ref=parent.parent_ref, conditions=(as_wish(one),))


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


def as_wish(written: meta.Condition) -> Condition:
    """The same without its time."""
    return Condition(
        type=written.type,
        status=written.status,
        reason=written.reason,
        message=written.message,
        observed_generation=written.observed_generation,
    )
