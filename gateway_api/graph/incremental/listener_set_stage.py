"""The stage of ListenerSets: each by itself, their order on each Gateway, and what becomes of all of them together."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from typing import NamedTuple

from gateway_api.graph.gateways.listener_set import is_orphan
from gateway_api.graph.gateways.together import (
    leaves_alike,
    listeners_by_set,
    stands_alike,
    with_listener_sets,
    with_listeners,
    with_sets_of,
)
from gateway_api.graph.incremental.readers import Moved, Notes, Stage
from gateway_api.graph.incremental.tally import Ranks
from gateway_api.graph.types import GatewayNode, ListenerSetNode
from k8s_watch.keys import ObjectKey
from k8s_watch.snapshot import ClusterSnapshot

type Gateways = Mapping[ObjectKey, Moved[GatewayNode]]
type Sets = Mapping[ObjectKey, Moved[ListenerSetNode]]


class Together(NamedTuple):
    """What came out of judgements together."""

    gateways: Gateways
    """Those that differ by value."""
    listener_sets: Set[ObjectKey]
    """Those that may differ."""


class ListenerSetStage(Stage[ListenerSetNode]):
    """Its `nodes` are judged alone. What is judged together is kept apart: no judge reads it."""

    def __init__(self) -> None:
        super().__init__()
        self.gateways: dict[ObjectKey, GatewayNode] = {}
        """With the listeners of their ListenerSets; without counts."""
        self.beside: dict[ObjectKey, ListenerSetNode] = {}
        """With what is wrong with their listeners beside others of the Gateway; without counts."""
        self.orphans: frozenset[ObjectKey] = frozenset()
        """See `Graph.orphans`."""
        self._ranks = Ranks[ListenerSetNode](lambda node: (node.gateway,))

    def judge_listener_sets(
        self, keys: Iterable[ObjectKey], judge: Callable[[ObjectKey], ListenerSetNode | None], notes: Notes
    ) -> Sets:
        """Judge these anew, each alone; return those that differ by value."""
        moved = self.judge(keys, judge, notes)
        self._ranks.move(moved)
        return moved

    def find_orphans(
        self, cluster: ClusterSnapshot, changed: Iterable[ObjectKey], gateways: Iterable[ObjectKey]
    ) -> None:
        """Look anew at the ListenerSets that `changed`, and at those of the `gateways` that did."""
        keys = {*changed, *self.readers(("Gateway", key) for key in gateways)}
        found = {key for key in keys if key not in self.nodes and _is_orphan(cluster, key)}
        if self.orphans & keys != found:
            self.orphans = (self.orphans - keys) | found

    def put_together(self, gateways: Mapping[ObjectKey, GatewayNode], moved: Gateways, sets: Sets) -> Together:
        """Judge together each of `gateways` that `moved`, or that one of `sets` joined or left, and its ListenerSets.

        Cost: linear in the number of listeners of those Gateways; nothing of it for a Gateway or a ListenerSet of which
        judges see no difference: whose status was written, for example.
        """
        anew = {key for key, (before, after) in moved.items() if not (before and after and leaves_alike(before, after))}
        for key, (before, after) in sets.items():
            if before and after and stands_alike(before, after):
                self.beside[key] = with_listeners(after, {key: self.beside[key].listeners})
            else:
                anew.update(node.gateway for node in (before, after) if node)
            if after is None:
                del self.beside[key]
        pairs = {key: self._put(key, gateways.get(key), judge=key in anew) for key in {*moved, *anew}}
        stirred = {each for key in anew for each in self._stand(key)}
        return Together({key: pair for key, pair in pairs.items() if pair.before != pair.after}, sets.keys() | stirred)

    def _put(self, key: ObjectKey, alone: GatewayNode | None, *, judge: bool) -> Moved[GatewayNode]:
        """Put a Gateway together with its ListenerSets; without a judgement, with what the last one made of them."""
        before = self.gateways.pop(key, None)
        if alone is None:
            return Moved(before, None)
        if before and not judge:
            after = with_sets_of(before, alone)
        else:
            after = with_listener_sets(alone, (self.nodes[each] for each in self._ranks.of.get(key, ())))
        self.gateways[key] = after
        return Moved(before, after)

    def _stand(self, key: ObjectKey) -> Iterator[ObjectKey]:
        """Put the ListenerSets of a Gateway as they are beside others; yield those that differ."""
        gateway = self.gateways.get(key)
        if gateway is None:
            return
        beside = listeners_by_set(gateway)
        for each in gateway.listener_sets:
            node = with_listeners(self.nodes[each], beside)
            if node != self.beside.get(each):
                self.beside[each] = node
                yield each


def _is_orphan(cluster: ClusterSnapshot, key: ObjectKey) -> bool:
    source = cluster.listener_sets.get(key)
    return source is not None and is_orphan(source, cluster.gateways)
