"""The stages of one kind of policy: each by itself, then what it says of Services, and at last where it is attached."""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet

from immutables import Map

from gateway_api.graph.forsaken import forsaken
from gateway_api.graph.incremental.readers import Moved, Notes, Stage
from gateway_api.graph.lookup import Read
from gateway_api.graph.mappings import replaced
from gateway_api.graph.policy import DirectivesByService, directives_of, in_order
from gateway_api.graph.types import Directive, GraphSettings, JudgedPolicy, Policies, PolicyNode
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.backends import XBackend
from k8s_watch.objects.policies import Policy


class Directives[E]:
    """Equals `directives_of` one set of policies after the other, at the cost of what moved."""

    def __init__(self) -> None:
        self.of: DirectivesByService[E] = Map()
        """Never mutated: a change makes a new mapping."""

    def get(self, service: ObjectKey, /) -> tuple[Directive[E], ...] | None:
        """Return the directives on a Service; None when there are none."""
        return self.of.get(service)

    def __contains__(self, service: object, /) -> bool:
        return service in self.of

    def move(self, moved: Mapping[ObjectKey, Moved[JudgedPolicy[E]]]) -> frozenset[ObjectKey]:
        """Take in what moved; return the Services on which a directive differs."""
        joined = directives_of(node.after for node in moved.values() if node.after)
        left = directives_of(node.before for node in moved.values() if node.before)
        news: dict[ObjectKey, tuple[Directive[E], ...]] = {}
        for service in {*joined, *left}:
            before = self.of.get(service, ())
            after = in_order([*(c for c in before if c.policy not in moved), *joined.get(service, ())])
            if after != before:
                news[service] = after
        self.of = replaced(self.of, {service: directives or None for service, directives in news.items()})
        return frozenset(news)


class PolicyStage[E]:
    """Routes are judged between the two steps: they read the directives, and say who uses what is targeted."""

    def __init__(self, kind: str, settings: GraphSettings) -> None:
        self.directives: Directives[E] = Directives()
        """As of the last `judge`. A look at them is noted as one of `kind`."""
        self.policies = Policies()
        """As of the last `attach`. Never mutated, and the same object as long as it is equal."""
        self._kind = kind
        self._settings = settings
        self._judged: Stage[JudgedPolicy[E]] = Stage()
        self._attached: Stage[PolicyNode] = Stage()
        self._moved: frozenset[ObjectKey] = frozenset()

    def judge(
        self,
        changed: AbstractSet[ObjectKey],
        reads: Iterable[Read],
        judge: Callable[[ObjectKey], JudgedPolicy[E] | None],
        notes: Notes,
    ) -> set[Read]:
        """Judge anew what changed or looked at what moved; return the directives that moved, as reads."""
        moved = self._judged.judge(changed | self._judged.readers(reads), judge, notes)
        self._moved = frozenset(moved)
        return {(self._kind, service) for service in self.directives.move(moved)}

    def attach(
        self,
        sources: Mapping[ObjectKey, Policy | XBackend],
        changed: AbstractSet[ObjectKey],
        reads: Iterable[Read],
        attach: Callable[[JudgedPolicy[E]], PolicyNode | None],
        notes: Notes,
    ) -> frozenset[ObjectKey]:
        """Attach anew what was judged anew or looked at what moved; return what differs. `sources` has all policies."""

        def ask(key: ObjectKey) -> PolicyNode | None:
            judged = self._judged.nodes.get(key)
            return None if judged is None else attach(judged)

        keys = changed | self._moved | self._attached.readers(reads)
        moved = self._attached.judge(keys, ask, notes)
        before, nodes = self.policies.forsaken, self._attached.nodes
        found = forsaken(keys, sources, nodes, self._settings)
        if moved or before & keys != found:
            self.policies = Policies(nodes=nodes, forsaken=(before - keys) | found)
        return frozenset(moved)
