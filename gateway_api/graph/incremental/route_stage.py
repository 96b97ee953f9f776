"""The stage of one kind of route: its nodes, their order on each Gateway, and those that stopped being ours."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet

from gateway_api.graph.attached import bound_gateways
from gateway_api.graph.forsaken import forsaken
from gateway_api.graph.incremental.readers import Moved, Notes, Stage
from gateway_api.graph.incremental.tally import Ranks
from gateway_api.graph.types import GraphSettings, RouteNode, Routes
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.routes import Route


class RouteStage[N: RouteNode](Stage[N]):
    """A stage of routes. What it offers is never mutated, and the same object as long as it is equal."""

    def __init__(self, settings: GraphSettings) -> None:
        super().__init__()
        self.routes: Routes[N] = Routes()
        """As of the last `judge_routes`."""
        self._settings = settings
        self._ranks = Ranks[N](bound_gateways)

    def judge_routes(
        self,
        keys: AbstractSet[ObjectKey],
        sources: Mapping[ObjectKey, Route],
        judge: Callable[[ObjectKey], N | None],
        notes: Notes,
    ) -> Mapping[ObjectKey, Moved[N]]:
        """Judge these anew; return those that differ by value. `sources` has all routes of the kind."""
        if not keys:
            return {}
        moved = self.judge(keys, judge, notes)
        self._ranks.move(moved)
        before, found = self.routes.forsaken, forsaken(keys, sources, self.nodes, self._settings)
        if moved or before & keys != found:
            self.routes = Routes(nodes=self.nodes, of=self._ranks.of, forsaken=(before - keys) | found)
        return moved
