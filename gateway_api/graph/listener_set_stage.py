"""The stage of ListenerSets: each by itself, their order on each Gateway, and what becomes of all of them together."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from gateway_api.graph.listener_set import listeners_by_set, with_listener_sets, with_listeners
from gateway_api.graph.readers import Moved, Notes, Stage
from gateway_api.graph.tally import Ranks
from gateway_api.graph.types import GatewayNode, ListenerSetNode
from k8s_watch.keys import ObjectKey

type Sets = Mapping[ObjectKey, Moved[ListenerSetNode]]


class Together(NamedTuple):
    """What came out differently by value of a judgement together."""

    gateways: Mapping[ObjectKey, Moved[GatewayNode]]
    listener_sets: frozenset[ObjectKey]


class ListenerSetStage(Stage[ListenerSetNode]):
    """Its `nodes` are judged alone. What is judged together is kept apart: no judge reads it."""

    def __init__(self) -> None:
        super().__init__()
        self.gateways: dict[ObjectKey, GatewayNode] = {}
        """With the listeners of their ListenerSets; without counts."""
        self.beside: dict[ObjectKey, ListenerSetNode] = {}
        """With what is wrong with their listeners beside others of the Gateway; without counts."""
        self._ranks = Ranks[ListenerSetNode](lambda node: (node.gateway,))

    def judge_listener_sets(
        self, keys: Iterable[ObjectKey], judge: Callable[[ObjectKey], ListenerSetNode | None], notes: Notes
    ) -> Sets:
        """Judge these anew, each alone; return those that differ by value."""
        moved = self.judge(keys, judge, notes)
        self._ranks.move(moved)
        return moved

    def put_together(
        self, gateways: Mapping[ObjectKey, GatewayNode], moved: Iterable[ObjectKey], sets: Sets
    ) -> Together:
        """Judge together each of `gateways` that `moved`, or that one of `sets` left or joined, and its ListenerSets.

        Cost: linear in the number of listeners of those Gateways.
        """
        touched = {*moved, *(node.gateway for pair in sets.values() for node in pair if node)}
        differing = {}
        different = set()
        for key in sets:
            if key not in self.nodes:
                del self.beside[key]
                different.add(key)
        for key in touched:
            ranked = self._ranks.of.get(key, ())
            before, after = self.gateways.pop(key, None), None
            if alone := gateways.get(key):
                after = self.gateways[key] = with_listener_sets(alone, (self.nodes[each] for each in ranked))
            if before != after:
                differing[key] = Moved(before, after)
            beside = listeners_by_set(after) if after else {}
            for each in ranked:
                node = with_listeners(self.nodes[each], beside)
                if node != self.beside.get(each):
                    self.beside[each] = node
                    different.add(each)
        return Together(differing, frozenset(different))
