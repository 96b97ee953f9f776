"""One client's stream, without its dialect: several types, one order, and what the answers mean.

Theory of operation. A stream has one channel for each type that the client asked for. `respond` first lets every
channel look at the snapshot, which marks the names that differ from the last one (`dirty`). It then goes through the
channels in the order of sending, and for every marked name decides:

    the client has it, or refused just this version      nothing
    wanted, and all that it names is in place            send
    wanted, and something that it names is not           keep it (`gated`) and look again once that has changed
    gone from the snapshot, and nothing in use names it  remove
    gone from the snapshot, and still in use             keep it (`leaving`) and look again at every turn, or when
                                                         it has lingered

What is sent becomes a flight: under way until its nonce comes back. An ACK makes it what the client holds; a NACK
leaves the client with what it held. The shell calls `respond` after every batch of requests, for every new
snapshot, and at `deadline`.

A refused response with several resources says little about each. They go out again in smaller groups, those that the
client's message names alone, until the one to blame is refused alone. Only that one is held back until its content
changes; all others reach the client. A group is sent once: a refusal costs 2·log2(n) more responses, never a storm.

Order across types holds within one stream. A client with one stream a type gets them one by one and is consistent in
the end only: the protocol gives a server nothing to do better.
"""

import math
from collections.abc import Mapping, Sequence, Set
from itertools import chain
from typing import NamedTuple

from xds_server.protocol.channel import Channel
from xds_server.protocol.errors import ProtocolError
from xds_server.protocol.gates import Gates
from xds_server.protocol.holdings import Flight
from xds_server.protocol.messages import Acked, Nacked, Response, Stale
from xds_server.protocol.patience import DEFAULT_PATIENCE, Patience
from xds_server.protocol.removals import Removable, Removals
from xds_server.protocol.subscription import MAX_NAMES
from xds_server.protocol.suspects import smaller_groups
from xds_server.protocol.variation import names_its_table, varied
from xds_server.snapshot.diff import Diff, changed_names
from xds_server.snapshot.resource import Resource, ResourceType, Snapshot

LEADS_TO = frozenset({ResourceType.ROUTE, ResourceType.SCOPED_ROUTE})
"""Types that a client asks about only when it has a listener that names some."""

TAKEN_AWAY_ALL_THE_SAME = frozenset({ResourceType.CLUSTER, ResourceType.SCOPED_ROUTE, ResourceType.LISTENER})
"""Types of which an Envoy (1.40, seen) takes away what a response that it refuses removes: what is wanted again must be
sent again, the same as before or not. The others it drops by itself."""

MAX_WORDS = 2048
"""Characters of a refusal's words that are told: they are kept for as long as what was refused is wished for."""


class Plan(NamedTuple):
    """What one turn changes for the client, of one type."""

    updates: Sequence[Resource]
    removals: Sequence[str]


class Stream[C: Channel]:
    """What both dialects share. A dialect says how a request is read (`receive`), how changes travel (`_pack`), and
    what it has to know of each type.
    """

    def __init__(self, *, patience: Patience = DEFAULT_PATIENCE, diff: Diff = changed_names) -> None:
        self._channels: dict[ResourceType, C] = {}
        self._gates = Gates(self._channels, patience)
        self._removals = Removals(self._channels, patience)
        self._diff = diff
        self._nonces = 0
        self._deadline: float | None = None
        self._led_by: tuple[Resource, ...] = ()
        """The listeners that the client held when it was last asked what they lead to."""
        self._leads_to: Mapping[ResourceType, Set[str]] = {}

    @property
    def deadline(self) -> float | None:
        """When to call `respond` again though nothing happened (monotonic seconds); None for never."""
        return self._deadline

    @property
    def in_sync(self) -> bool:
        """Whether the client has acknowledged everything that it asked for, in its newest version; a spare table, whose
        next version waits for its time, in the one before."""
        if not self._channels or not all(channel.settled for channel in self._channels.values()):
            return False
        held = tuple(self.acknowledged(ResourceType.LISTENER).values())
        if held != self._led_by:
            self._led_by, self._leads_to = held, _led_to(held)
        return all(
            (channel := self._channels.get(type_)) is not None and channel.holdings.has_accepted(names)
            for type_, names in self._leads_to.items()
        )

    def acknowledged(self, type_: ResourceType) -> Mapping[str, Resource]:
        """What the client said that it has of one type, by name. Clients at rest have one mapping in common."""
        channel = self._channels.get(type_)
        return channel.holdings.accepted if channel else {}

    def respond(self, snapshot: Snapshot, *, now: float) -> Sequence[Response]:
        """What to send now so that the client converges on `snapshot`, in this order; empty when there is nothing.

        `now` is in monotonic seconds. What is returned counts as sent: leave nothing out.

        Cost follows what changed since the last call and what waits, not the size of the snapshot; a removal that is
        blocked looks through what the client holds.

        Raises `ProtocolError` when the client leaves too much unanswered.

        Spec: xDS protocol, "When to send an update", "Eventual consistency considerations"
        """
        self._removals.begin(now)
        channels = [channel for _, channel in sorted(self._channels.items())]
        for channel in channels:
            channel.look(snapshot.of(channel.type), self._diff)
        responses = [
            response
            for channel in channels
            if channel.has_something_to_do  # asked one after the other: one may make work for the next
            for response in self._advance(channel, now)
        ]
        ends = chain(self._gates.ends(), self._removals.ends(now))
        self._deadline = min((end for end in ends if now < end < math.inf), default=None)
        return responses

    # --- sending ------------------------------------------------------------------------------------------------------

    def _advance(self, channel: C, now: float) -> list[Response]:
        updates, removals = self._plan(channel, now)
        if channel.type is ResourceType.CLUSTER:
            self._endpoints_again(updates)
        responses = self._pack(channel, updates, removals)
        channel.sent(updates, removals)
        channel.rest()
        return responses

    def _plan(self, channel: C, now: float) -> Plan:
        """What to send, and what to take away, now."""
        waiting = self._gates.worth_a_look(channel, now) | channel.leaving_to_look_at(now) | channel.put_off.keys()
        names = channel.dirty | waiting
        return self._decide(channel, names, now) if names else Plan([], [])

    def _decide(self, channel: Channel, names: Set[str], now: float, *, unhindered: bool = False) -> Plan:
        """What to do about these names. `unhindered`: it is known that nothing has to wait at a gate."""
        settled = unhindered or self._gates.all_below_settled(channel)
        at_once: Sequence[Resource] = ()
        order: Sequence[str]
        updates: list[Resource] = []
        removals: list[str] = []
        removable = self._removals.of(channel, now)
        channel.looked_at(names)
        if settled and channel.blank:
            at_once, order = channel.take_at_once(names)
        else:
            order = sorted(names)
        for name in order:
            wanted = channel.wanted(name)
            channel.put_off.pop(name, None)
            if wanted is None:
                if self._take_away(channel, name, removable):
                    removals.append(name)
                continue
            channel.leaving.pop(name, None)
            if channel.is_up_to_date(name, wanted):
                channel.gated.pop(name, None)
            elif (due := self._gates.rests_until(channel, name)) > now:
                channel.put_off[name] = due
            elif released := self._gates.release(channel, wanted, now, settled=settled):
                updates.append(released)
                channel.mark_stand_in(name)
                if self._gates.is_spare(channel, name):
                    channel.rested_from[name] = now
        return Plan([*at_once, *updates] if updates else at_once, removals)

    def _take_away(self, channel: Channel, name: str, removable: Removable) -> bool:
        """Have it leave; return whether to tell the client that it is gone."""
        channel.gated.pop(name, None)
        if channel.holdings.latest(name) is None:
            channel.leaving.pop(name, None)
            channel.holdings.refused.pop(name, None)
            return name in channel.asked
        if channel.holdings.refused.get(name) == "":
            return False
        if stay := removable.stay_of(name):
            channel.keep(name, stay)
            return False
        channel.leaving.pop(name, None)
        return True

    def _endpoints_again(self, clusters: Sequence[Resource]) -> None:
        """An Envoy that got a cluster anew warms it until it gets its endpoints anew, or for 15 s without them."""
        if endpoints := self._channels.get(ResourceType.ENDPOINT):
            endpoints.ask(
                name
                for cluster in clusters
                for type_, name in cluster.depends_on
                if type_ is ResourceType.ENDPOINT and endpoints.subscription.covers(name)
            )

    def _pack(self, channel: C, updates: Sequence[Resource], removals: Sequence[str]) -> list[Response]:
        """Changes → responses, each recorded by `_send`."""
        raise NotImplementedError

    def _send(
        self,
        channel: Channel,
        flight: Flight,
        *,
        version: str,
        resources: tuple[Resource, ...] | None = None,
        removed: tuple[str, ...] = (),
    ) -> Response:
        """A response that brings `flight`; `resources` where it must repeat more than that."""
        resources = flight.resources if resources is None else resources
        if channel.varied:
            resources = varied(resources, channel.varied)
        self._nonces += 1
        nonce = format(self._nonces, "x")
        channel.holdings.send(nonce, flight)
        channel.last_nonce = nonce
        channel.must_answer = False
        return Response(
            type=channel.type,
            nonce=nonce,
            version=version,
            resources=resources,
            removed=removed,
        )

    # --- hearing ------------------------------------------------------------------------------------------------------

    def _count_names(self) -> None:
        """To be called when the client has said names: they are kept for as long as the stream is.

        Raises `ProtocolError` when they are too many.
        """
        if sum(channel.names_said for channel in self._channels.values()) > MAX_NAMES:
            raise ProtocolError(f"more than {MAX_NAMES} names on one stream")

    def _landed(self, channel: Channel, nonce: str) -> Acked | Stale:
        doubtful = {*channel.holdings.refused, *channel.holdings.dropped()}
        flight = channel.holdings.land(nonce, channel.subscription.covers)
        if flight is None:
            return Stale(type=channel.type, nonce=nonce)
        if doubtful:  # what was refused before may be wished for again by now, and what was dropped be gone
            channel.dirty |= {
                r.name for r in flight.resources if r.name in doubtful and channel.subscription.covers(r.name)
            }
        if channel.varied:
            channel.varied.difference_update(r.name for r in flight.resources)
        channel.rest()
        return Acked(type=channel.type, resources=flight.resources, removed=flight.removed)

    def _refused(self, channel: Channel, nonce: str, message: str) -> Nacked | Stale:
        flight = channel.holdings.turn_away(nonce)
        if flight is None:
            return Stale(type=channel.type, nonce=nonce)
        names = tuple(r.name for r in flight.resources)
        concerned = [r for r in flight.resources if channel.subscription.covers(r.name)]
        culprit = flight.resources[0] if len(names) == 1 else None
        if culprit and concerned:
            channel.holdings.refused[culprit.name] = culprit.version
        if len(names) > 1:
            channel.apart += smaller_groups(names, message)
            if channel.type is ResourceType.SCOPED_ROUTE:
                channel.varied ^= {r.name for r in flight.resources if not names_its_table(r)}
            # Also what the client should have: a warming cluster waits for its endpoints, the same as before or not.
            channel.asked.update({r.name for r in concerned} - channel.holdings.under_way())
            channel.passed.update((r.name, r.version) for r in concerned)
        if not names:
            channel.holdings.refused.update(dict.fromkeys(flight.removed, ""))
        removed = {name for name in flight.removed if channel.subscription.covers(name)}
        if channel.type in TAKEN_AWAY_ALL_THE_SAME:  # what a later response brings or removes is settled by that one
            channel.asked |= removed - channel.holdings.under_way()
        channel.dirty |= removed.union(r.name for r in concerned)
        return Nacked(type=channel.type, names=names or flight.removed, culprit=culprit, message=message[:MAX_WORDS])


def _led_to(listeners: Sequence[Resource]) -> Mapping[ResourceType, Set[str]]:
    named = {target for listener in listeners for target in listener.depends_on}
    led_to = {type_: frozenset(name for of, name in named if of is type_) for type_ in LEADS_TO}
    return {type_: names for type_, names in led_to.items() if names}
