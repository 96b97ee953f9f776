"""One ClusterSnapshot after the other → one Graph after the other, at the cost of what changed in between.

Theory of operation. A judge sees other objects only through lookups (`graph.lookup`), and each look is noted: "Service
default/web", present or absent. So every node has its reads, and an index leads from each read to its readers. What a
change of the cluster moves is a set of reads; who read one of them is judged again, in the order of the stages:

    policies by themselves → classes → Gateways → ListenerSets → routes → ListenerSets and Gateways together
    → counts of attached routes, policies where they are attached

A stage reads only stages before it, so one pass arrives. A node that comes out equal moves nothing further, and of an
object that changed only what judges can see counts as a move: a Gateway whose certificate was renewed, or whose status
was written, is not news to its 5,000 routes.

`build.build_graph` says what the result has to equal; a property test holds both against each other.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from gateway_api.graph import ca_certificates, policy_kinds, route_kinds
from gateway_api.graph.attached import attached_listeners, counted, owner_of, users
from gateway_api.graph.certificate import tls_secret
from gateway_api.graph.change import GraphChange, gateway_serves_alike
from gateway_api.graph.incremental.listener_set_stage import ListenerSetStage
from gateway_api.graph.incremental.news import (
    NO_KEYS,
    NOTHING,
    UNSEEN,
    Keys,
    changed_keys,
    governs_alike,
    lets_in_alike,
    moved_reads,
    moved_sections,
    offers_alike,
)
from gateway_api.graph.incremental.policy_stage import PolicyStage
from gateway_api.graph.incremental.readers import Moved, Notes, Stage
from gateway_api.graph.incremental.route_stage import RouteStage
from gateway_api.graph.incremental.tally import Counts
from gateway_api.graph.judges import Judges, namespace_labels
from gateway_api.graph.lookup import Judged, Read
from gateway_api.graph.mappings import not_same, replaced
from gateway_api.graph.occupied import Occupied
from gateway_api.graph.policy import attach_policy
from gateway_api.graph.reference_grant import Grants, Permitted
from gateway_api.graph.resolver import Resolver
from gateway_api.graph.route_kinds import Judge
from gateway_api.graph.routes.attachment import Parents, Sections
from gateway_api.graph.types import (
    GatewayClassNode,
    GatewayNode,
    Graph,
    GraphSettings,
    HTTPRouteNode,
    L4RouteNode,
    ListenerSetNode,
    RouteId,
    RouteNode,
)
from gateway_api.graph.written import as_written
from k8s_watch.keys import ObjectKey
from k8s_watch.snapshot import ClusterSnapshot, objects_of

type Moves = Mapping[ObjectKey, Moved[RouteNode]]
"""The routes of one kind that moved."""

_USERS = "users"
"""What is noted of who looks up the Gateways whose traffic something is used for."""


class _Owners(NamedTuple):
    """What moved of classes and of what has listeners, by itself."""

    classes: Mapping[ObjectKey, Moved[GatewayClassNode]]
    gateways: Mapping[ObjectKey, Moved[GatewayNode]]
    listener_sets: Mapping[ObjectKey, Moved[ListenerSetNode]]


class GraphKeeper:
    """Keeps the graph of one source of snapshots up to date."""

    def __init__(self, settings: GraphSettings) -> None:
        self._settings = settings
        self._world: _World | None = None

    def update(self, cluster: ClusterSnapshot) -> tuple[Graph, GraphChange]:
        """Return the graph of `cluster`, equal to a full build's, and what differs from the one returned last.

        Nodes and mappings that did not change are the same objects as in the last graph; when nothing did, so is the
        graph. Revisions may be skipped: then objects are compared by identity. Whatever is raised, the next update
        builds everything.

        Spec: Gateway API v1.6
        """
        # Taken away for as long as it is half of each: an exception must leave no such state behind.
        world, self._world = self._world or _World(self._settings), None
        done = world.update(cluster)
        self._world = world
        return done


class _World:
    """The state between two updates."""

    def __init__(self, settings: GraphSettings) -> None:
        self._settings = settings
        self._cluster = NOTHING
        self._graph: Graph | None = None
        self._permitted = Permitted()
        self._certificates = Judged(NOTHING.secrets, tls_secret)
        self._ca_bundles = {
            kind: Judged(objects_of(NOTHING, kind), judge) for kind, judge in ca_certificates.JUDGES.items()
        }
        self._classes: Stage[GatewayClassNode] = Stage()
        self._gateways: Stage[GatewayNode] = Stage()
        """Without ListenerSets and counts: no judge reads those."""
        self._listener_sets = ListenerSetStage()
        self._http = {kind: RouteStage[HTTPRouteNode](settings) for kind in route_kinds.HTTP}
        self._l4 = {kind: RouteStage[L4RouteNode](settings) for kind in route_kinds.L4}
        self._routes: list[tuple[str, RouteStage[Any], Judge[Any]]] = [
            *((kind, stage, route_kinds.HTTP[kind]) for kind, stage in self._http.items()),
            *((kind, stage, route_kinds.L4[kind]) for kind, stage in self._l4.items()),
        ]
        self._policies = {kind: PolicyStage[Any](kind, settings) for kind in policy_kinds.JUDGES}
        self._counts = Counts(attached_listeners)
        self._users = Counts(users)

    def update(self, cluster: ClusterSnapshot) -> tuple[Graph, GraphChange]:
        """See `GraphKeeper.update`."""
        last, changed = self._cluster, changed_keys(self._cluster, cluster)
        reads = moved_reads(last, cluster, changed) | self._moved_grants(cluster, changed)
        if self._graph is not None and changed.keys() <= UNSEEN and not reads:
            self._cluster = cluster
            return self._graph, GraphChange(before=self._graph)
        self._certificates = self._certificates.after(cluster.secrets, changed=changed.get("Secret", ()))
        self._ca_bundles = {
            kind: bundles.after(objects_of(cluster, kind), changed=changed.get(kind, ()))
            for kind, bundles in self._ca_bundles.items()
        }
        self._cluster = cluster
        notes = Notes()
        judges = self._judges(notes)

        for kind, stage in self._policies.items():
            reads |= stage.judge(changed.get(kind, NO_KEYS), reads, judges.policies(kind), notes)

        owners = self._judge_owners(changed, reads, judges, notes)
        moves = self._judge_routes(last, changed, reads, judges, notes)
        moved_routes = [moved for kind in moves.values() for moved in kind.values()]
        recounted = self._counts.move(moved_routes)
        reads.update((_USERS, use) for use in self._users.move(moved_routes))
        policies = self._attach_policies(changed, reads, notes)

        together = self._listener_sets.put_together(self._gateways.nodes, owners.gateways, owners.listener_sets)
        before, known = self._graph, self._graph or Graph(settings=self._settings)
        gateways = self._count(
            together.gateways.keys() | {owner.gateway for owner in recounted if owner.listener_set is None},
            self._listener_sets.gateways,
            known.gateways,
        )
        listener_sets = self._count(
            together.listener_sets | {owner.listener_set for owner in recounted if owner.listener_set is not None},
            self._listener_sets.beside,
            known.listener_sets,
        )
        self._graph = graph = self._assemble(known, gateways, listener_sets)
        change = GraphChange(
            before=before,
            gateway_classes=frozenset(owners.classes),
            gateways=frozenset(gateways),
            listener_sets=frozenset(listener_sets),
            routes={kind: frozenset(moved) for kind, moved in moves.items() if moved},
            routes_of=_by_gateway(moves),
            policies=policies,
            gateways_served=frozenset(
                key for key, node in together.gateways.items() if not gateway_serves_alike(*node)
            ),
        )
        return graph, change

    def _judge_owners(self, changed: Mapping[str, Keys], reads: set[Read], judges: Judges, notes: Notes) -> _Owners:
        """Judge classes, Gateways and ListenerSets; what moves is added to `reads`."""
        classes = self._classes.judge(changed.get("GatewayClass", ()), judges.gateway_class, notes)
        reads.update(("GatewayClass", key) for key, node in classes.items() if not governs_alike(*node))

        seen_classes = notes.of("GatewayClass", self._classes.nodes)
        keys = changed.get("Gateway", NO_KEYS) | self._gateways.readers(reads)
        gateways = self._gateways.judge(keys, lambda key: judges.gateway(key, seen_classes), notes)
        reads.update(("Gateway", key) for key, node in gateways.items() if not lets_in_alike(*node))
        reads.update(("Gateway", section) for node in gateways.values() for section in moved_sections(*node))

        seen_gateways = notes.of("Gateway", self._gateways.nodes)
        keys = changed.get("ListenerSet", NO_KEYS) | self._listener_sets.readers(reads)
        sets = self._listener_sets.judge_listener_sets(keys, lambda key: judges.listener_set(key, seen_gateways), notes)
        self._listener_sets.find_orphans(self._cluster, keys, changed.get("Gateway", NO_KEYS))
        reads.update(("ListenerSet", key) for key, node in sets.items() if not offers_alike(*node))
        return _Owners(classes, gateways, sets)

    def _judge_routes(
        self, last: ClusterSnapshot, changed: Mapping[str, Keys], reads: Iterable[Read], judges: Judges, notes: Notes
    ) -> Mapping[str, Moves]:
        """Judge the routes of each kind; `last` is the cluster before."""
        nodes = self._gateways.nodes
        parents = Parents(
            notes.of("Gateway", nodes),
            notes.of("Gateway", Sections(nodes)),
            notes.of("ListenerSet", self._listener_sets.nodes),
        )
        moves: dict[str, Moves] = {}
        for kind, stage, judge in self._routes:
            keys = _written_anew(kind, last, self._cluster, changed, stage.nodes) | stage.readers(reads)
            judged = judges.routes(kind, judge, parents)
            moves[kind] = stage.judge_routes(keys, objects_of(self._cluster, kind), judged, notes)
        return moves

    def _moved_grants(self, cluster: ClusterSnapshot, changed: Mapping[str, Keys]) -> set[Read]:
        if not (keys := changed.get("ReferenceGrant", NO_KEYS)):
            return set()
        before, after = (
            [grants[key] for key in keys if key in grants] for grants in (self._cluster.grants, cluster.grants)
        )
        return {("ReferenceGrant", permission) for permission in self._permitted.replace(before, after)}

    def _judges(self, notes: Notes) -> Judges:
        cluster = self._cluster
        resolver = Resolver(
            Grants(notes.of("ReferenceGrant", self._permitted.times)),
            notes.of("Service", cluster.services),
            notes.of("Secret", self._certificates),
            {kind: notes.of(kind, bundles) for kind, bundles in self._ca_bundles.items()},
            occupied=notes.of("EndpointSlice", Occupied(cluster.slices_by_service)),
            directives={kind: notes.of(kind, stage.directives) for kind, stage in self._policies.items()},
        )
        return Judges(
            cluster,
            self._settings,
            resolver=resolver,
            labels=lambda name: notes.within("Namespace", ObjectKey("", name), namespace_labels(cluster, name)),
        )

    def _attach_policies(
        self, changed: Mapping[str, Keys], reads: Iterable[Read], notes: Notes
    ) -> Mapping[str, frozenset[ObjectKey]]:
        """Attach the policies of each kind; return those that moved by it."""
        services, used = notes.of("Service", self._cluster.services), notes.of(_USERS, self._users)
        found: dict[str, frozenset[ObjectKey]] = {}
        for kind, stage in self._policies.items():
            said = notes.of(kind, stage.directives)
            attach = partial(attach_policy, kind, directives=said, services=services, users=used)
            sources = objects_of(self._cluster, kind)
            if moved := stage.attach(sources, changed.get(kind, NO_KEYS), reads, attach, notes):
                found[kind] = moved
        return found

    def _count[N: (GatewayNode, ListenerSetNode)](
        self, touched: Iterable[ObjectKey], nodes: Mapping[ObjectKey, N], before: Mapping[ObjectKey, N]
    ) -> Mapping[ObjectKey, N | None]:
        """Return those of these nodes, counted, that differ from those `before`."""
        found: dict[ObjectKey, N | None] = {}
        for key in touched:
            node = nodes.get(key)
            after = None if node is None else counted(node, self._counts.of(owner_of(node)))
            if before.get(key) != after:
                found[key] = after
        return found

    def _assemble(
        self,
        before: Graph,
        gateways: Mapping[ObjectKey, GatewayNode | None],
        listener_sets: Mapping[ObjectKey, ListenerSetNode | None],
    ) -> Graph:
        """Return the graph; the last one when nothing of it is another."""
        after = Graph(
            settings=before.settings,
            gateway_classes=self._classes.nodes,
            gateways=replaced(before.gateways, gateways),
            listener_sets=replaced(before.listener_sets, listener_sets),
            orphans=self._listener_sets.orphans,
            http=_kept(before.http, {kind: stage.routes for kind, stage in self._http.items()}),
            l4=_kept(before.l4, {kind: stage.routes for kind, stage in self._l4.items()}),
            policies=_kept(before.policies, {kind: stage.policies for kind, stage in self._policies.items()}),
        )
        same = all(getattr(before, field) is getattr(after, field) for field in after.__struct_fields__)
        return before if same else after


def _written_anew(
    kind: str,
    before: ClusterSnapshot,
    now: ClusterSnapshot,
    changed: Mapping[str, Keys],
    nodes: Container[ObjectKey],
) -> set[ObjectKey]:
    """Return the routes of a kind that changed, without those of ours of which others only reported something."""
    if not (keys := changed.get(kind)):
        return set()
    old, new = objects_of(before, kind), objects_of(now, kind)
    return {
        key
        for key in keys
        if key not in nodes or key not in old or key not in new or as_written(old[key]) != as_written(new[key])
    }


def _by_gateway(moves: Mapping[str, Moves]) -> Mapping[ObjectKey, frozenset[RouteId]]:
    found: defaultdict[ObjectKey, set[RouteId]] = defaultdict(set)
    for kind, moved in moves.items():
        for key, nodes in moved.items():
            for parent in (parent for node in nodes if node for parent in node.parents):
                found[parent.gateway].add(RouteId(kind, key))
    return {gateway: frozenset(routes) for gateway, routes in found.items()}


def _kept[R](before: Mapping[str, R], now: Mapping[str, R]) -> Mapping[str, R]:
    return before if before.keys() == now.keys() and not not_same(before, now) else now
