"""One type on one stream: what the client asked for and holds, and which names need a look."""

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import NamedTuple

import msgspec

from protos import endpoint as pb
from protos.encode import encode
from xds_server.protocol.holdings import Holdings
from xds_server.protocol.subscription import WILDCARD, Subscription
from xds_server.snapshot.diff import Diff
from xds_server.snapshot.resource import EMPTY_SET, Reference, Resource, ResourceSet, ResourceType, make_resource

WHOLE_SETS = frozenset({ResourceType.CLUSTER, ResourceType.SCOPED_ROUTE, ResourceType.LISTENER})
"""Types whose state-of-the-world responses carry everything, and for which asking for nothing means everything.

Spec: xDS protocol, "Resource types" and "Grouping resources into responses"
"""


class Staged(msgspec.Struct, frozen=True):
    """What waits to be sent, since when (monotonic seconds), and one thing that it waited for at the last look."""

    resource: Resource
    since: float
    missing: Reference


class Stay(NamedTuple):
    """For how long something stays that is gone from the snapshot. Times in monotonic seconds."""

    since: float
    """When it was found to be named no more; infinity before."""
    until: float
    """When to look at it again; minus infinity for every turn."""


IN_USE = Stay(math.inf, -math.inf)
"""Of what the client may be using."""


class Channel:
    """Only names in `dirty`, `gated`, `leaving` and `put_off` are ever looked at, so a push costs what it changes."""

    def __init__(self, type_: ResourceType) -> None:
        self.type = type_
        self.subscription = Subscription(legacy_wildcard=type_ in WHOLE_SETS)
        self.holdings = Holdings()
        self.newest: ResourceSet = EMPTY_SET
        self.dirty: set[str] = set()
        self.asked: set[str] = set()
        """To be sent even if the client was sent them before: it asked, or needs them again."""
        self.gated: dict[str, Staged] = {}
        self.leaving: dict[str, float] = {}
        """Gone from the snapshot and still held: name → `Stay.since`."""
        self.leaving_rests_until = math.inf
        """Before, none of them needs a look: all linger, for connections that drain. See `Removals.lingers`."""
        self.apart: list[frozenset[str]] = []
        """Groups that were refused together with others and now travel apart, until the culprit is alone."""
        self.varied: set[str] = set()
        """Scopes to be sent as a variation, see `variation`: they were refused in company as they are."""
        self.passed: dict[str, str] = {}
        """Name → a version that was sent before, in company: it has waited at the gate once."""
        self.put_off: dict[str, float] = {}
        """To be sent when its time has come, see `Gates.rests_until`: name → that time."""
        self.rested_from: dict[str, float] = {}
        """Of those: name → when a version of it was sent last."""
        self.must_answer = False
        """The client waits for a first answer, even an empty one."""
        self.last_nonce = ""
        """Of the newest response; "" before the first."""
        self._reported: Mapping[str, str] = {}
        self._stand_ins: set[str] = set()
        """Names that were sent, because the client asked, though they are not in the snapshot."""
        self._came_with = 0
        """How many names it had from an earlier stream."""
        self._everything = False
        self._looked = False

    @property
    def names_said(self) -> int:
        """How many names the client said and we keep: those that it asks for, or those that it came with."""
        return max(len(self.subscription.names), self._came_with)

    @property
    def resumed(self) -> bool:
        """The client came with things from an earlier stream."""
        return self._came_with > 0

    @property
    def known(self) -> bool:
        """Whether it is known of all that the client has what it names."""
        return not self.holdings.foreign

    @property
    def settled(self) -> bool:
        """The client has acknowledged all that it should have by now."""
        return self.holdings.calm and not (self.dirty or self.gated or self.must_answer or self._refuses_something())

    @property
    def steady(self) -> bool:
        """Nothing is under way to the client, or waits to be, but for what waits for listeners itself: it gives up what
        they are to lead elsewhere (see `handing_over`)."""
        waiting = (staged for staged in self.gated.values() if staged.missing[0] is not ResourceType.ROUTE)
        return self.holdings.calm and not self.dirty and next(waiting, None) is None

    @property
    def has_something_to_do(self) -> bool:
        """Whether there is anything to send, to take away, or to think about again."""
        return self.must_answer or bool(self.dirty or self.gated or self.leaving or self.put_off)

    @property
    def blank(self) -> bool:
        """The client has nothing of this type, was sent nothing and refused nothing."""
        return self.holdings.blank and not self.leaving

    def take_at_once(self, names: Set[str]) -> tuple[Sequence[Resource], Sequence[str]]:
        """For a client that is `blank`: the resources of these names, and the names of which there is none, in order.

        Cost: next to nothing for each, where they are the names of all that there is.
        """
        for name in self.gated.keys() & names:
            del self.gated[name]
        for name in self.passed.keys() & names:
            del self.passed[name]
        by_name = self.newest.by_name
        if len(names) == len(by_name) and all(map(by_name.__contains__, names)):
            return self.newest.in_order, ()
        order = sorted(names)
        found = [resource for name in order if (resource := by_name.get(name)) is not None]
        return found, [] if len(found) == len(names) else [name for name in order if name not in by_name]

    def rest(self) -> None:
        """A client that holds the newest set and nothing else holds the set itself, one object for all such clients.

        Cost: none, whatever the size.
        """
        if not self._holds_the_newest_set:
            return
        self.holdings.accepted = self.newest.by_name
        if not self.subscription.wildcard and len(self.subscription.names) == len(self.newest.by_name):
            self.subscription.share(self.newest.by_name)  # it holds nothing that it did not ask for

    @property
    def _holds_the_newest_set(self) -> bool:
        """Whatever is accepted and differs from the newest, or is not in it, is marked: so counting will do."""
        holdings = self.holdings
        if not holdings.calm or len(holdings.accepted) != len(self.newest.by_name):
            return False
        marked = self.has_something_to_do or holdings.refused or holdings.foreign or self._reported or self._stand_ins
        return not marked

    def resume(self, versions: Mapping[str, str]) -> None:
        """Take in what the client holds from an earlier stream; matched at the next look."""
        self._reported = {name: version for name, version in versions.items() if self.subscription.covers(name)}
        self._came_with = len(self._reported)

    def ask(self, names: Iterable[str]) -> None:
        """Send these, whatever was sent before."""
        given = set(names)
        if WILDCARD in given:
            self._everything = True
            given.discard(WILDCARD)
        self.asked |= given
        self.dirty |= given

    def looked_at(self, names: Set[str]) -> None:
        """These need no further look, other than `keep` says of them from here on."""
        self.dirty = self.dirty - names  # a new set: one that was emptied would keep the room for all it held
        if self.leaving.keys() <= names:
            self.leaving_rests_until = math.inf

    def leaving_to_look_at(self, now: float) -> Set[str]:
        """Those of `leaving` that need a look. Which scopes linger depends on what other scopes there are."""
        rest = now < self.leaving_rests_until and not (self.type is ResourceType.SCOPED_ROUTE and self.dirty)
        return frozenset() if rest else self.leaving.keys()

    def keep(self, name: str, stay: Stay) -> None:
        """It is gone from the snapshot, and the client has it for some time yet."""
        self.leaving[name] = stay.since
        self.leaving_rests_until = min(self.leaving_rests_until, stay.until)

    def sent(self, updates: Iterable[Resource], removals: Iterable[str]) -> None:
        """What was asked for is on its way, or the word that there is none; and so are suspects, apart from each other,
        but for those that still wait.
        """
        if self.asked:
            self.asked = self.asked.difference((resource.name for resource in updates), removals)
        if self.apart:
            waiting = self.gated.keys() | self.dirty
            self.apart = [left for group in self.apart if (left := group & waiting)]

    def drop(self, names: Iterable[str]) -> None:
        """The client wants no more of these, and forgets them."""
        for name in names:
            self.holdings.forget(name)
            self.dirty.discard(name)
            self.asked.discard(name)
            self.gated.pop(name, None)
            self.leaving.pop(name, None)
            self.passed.pop(name, None)
            self.varied.discard(name)
            self.put_off.pop(name, None)
            self.rested_from.pop(name, None)
            self._stand_ins.discard(name)

    def drop_uncovered(self) -> None:
        """Drop what the subscription does not cover any more."""
        known = self.holdings.names() | self.dirty | self.gated.keys() | self.leaving.keys() | self.put_off.keys()
        self.drop([name for name in known if not self.subscription.covers(name)])

    def look(self, newest: ResourceSet, diff: Diff) -> None:
        """Move to the newest set: what differs from the one before, and concerns the client, needs a look."""
        if not self._looked:
            self._first_look(newest)
        elif newest.version != self.newest.version:
            changed = diff(self.newest, newest)
            names = self.subscription.names
            self.dirty |= changed if self.subscription.wildcard else {name for name in changed if name in names}
            self.holdings.recognize(changed, newest.by_name)
        self.newest = newest
        if self._everything:
            self._everything = False
            self.asked.update(newest.by_name)
            self.dirty.update(newest.by_name)

    def _first_look(self, newest: ResourceSet) -> None:
        self._looked = True
        self.holdings.adopt_reported(self._reported, newest.by_name)
        self.dirty.update(self._reported, self.subscription.names)
        if self.subscription.wildcard:
            self.dirty.update(newest.by_name)
        self._reported = {}

    def wanted(self, name: str) -> Resource | None:
        """What the client should have under this name; None for nothing.

        Endpoints are never missing: an Envoy that waits for them holds back its cluster, and all that waits for that.
        Asked about a cluster that is on its way out, the endpoints are those that it has.
        """
        resource = self.newest.by_name.get(name)
        if resource is None and self.type is ResourceType.ENDPOINT and name in self.asked:
            held = self.holdings.latest(name)
            if held is None:
                return no_endpoints(name)
            if name not in self.holdings.foreign:
                return held
        return resource

    def mark_stand_in(self, name: str) -> None:
        """Note whether what is sent of it stands in for what there is not: see `wanted`."""
        if name in self.newest.by_name:
            self._stand_ins.discard(name)
        else:
            self._stand_ins.add(name)

    def in_motion(self) -> Set[str]:
        """Names of which the client may be using a version that is not the newest; of all others it has that."""
        waiting = (*self.dirty, *self.gated, *self.leaving, *self.put_off)
        return {*waiting, *self.holdings.refused, *self.holdings.under_way()}

    def _refuses_something(self) -> bool:
        if not self.holdings.refused:
            return False
        by_name = self.newest.by_name
        return any((r := by_name.get(name)) and r.version == version for name, version in self.holdings.refused.items())

    def is_up_to_date(self, name: str, wanted: Resource) -> bool:
        """The client has it, or is being sent it, or has refused just this.

        Whatever follows a refusal is sent, also what the client had before: it may have lost it meanwhile.
        """
        if name in self.asked:
            return False
        if (refused := self.holdings.refused.get(name)) is not None:
            return wanted.version == refused or self.holdings.is_under_way(wanted)
        latest = self.holdings.latest(name)
        return latest is not None and latest.version == wanted.version


def no_endpoints(cluster: str) -> Resource:
    """The endpoints of a cluster that has none."""
    return make_resource(cluster, encode(pb.ClusterLoadAssignment(cluster_name=cluster)))
