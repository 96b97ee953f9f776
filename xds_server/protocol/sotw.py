"""The state-of-the-world dialect: a request lists all that the client wants, a response all that it should have.

Two kinds of types. Of clusters, scoped routes and listeners (`WHOLE_SETS`) a response carries every one, and what is
absent is deleted; so a set may hold more than the snapshot, while something old is in use, and less, while something
new must wait. Of routes, endpoints and secrets a response carries what changed, and absence means nothing: what is
gone is not mentioned, the client drops it when nothing names it.

A client that comes back after its stream broke says what it has by the version of a whole set, if at all: what it holds
beyond the snapshot is not known, and the first set ends it, make before break or not. Delta is better at that.

Spec: xDS protocol, "Grouping resources into responses", "Deleting resources"
"""

from collections.abc import Sequence

from xds_server.protocol.channel import WHOLE_SETS, Channel
from xds_server.protocol.holdings import Flight
from xds_server.protocol.messages import Acked, Heard, Nacked, Response, SotwRequest, Stale
from xds_server.protocol.packing import batches
from xds_server.protocol.patience import DEFAULT_PATIENCE, Patience
from xds_server.protocol.stream import MAX_WORDS, Plan, Stream
from xds_server.protocol.subscription import WILDCARD
from xds_server.protocol.suspects import mentioned
from xds_server.protocol.variation import in_order
from xds_server.snapshot.diff import Diff, changed_names
from xds_server.snapshot.resource import Resource, ResourceType, Snapshot, make_set


class SotwChannel(Channel):
    """With what a client says of a whole set, which is its version and nothing else."""

    def __init__(self, type_: ResourceType) -> None:
        super().__init__(type_)
        self.claimed_version = ""
        """Of the set that the client says it has."""
        self.blind = False
        """The client came back with a set of which nothing is known, and took nothing since."""
        self.refused_whole: str | None = None
        """The version of the snapshot's set that the client refused while `blind`."""
        self.waits_since: float | None = None
        """Since when the first set waits for what it names (monotonic seconds)."""

    @property
    def known(self) -> bool:
        """As `Channel.known`."""
        return not self.blind and super().known

    @property
    def is_held_back(self) -> bool:
        """Whether the client refused just this set while nothing was known of what it has."""
        return self.blind and self.refused_whole == self.newest.version


class SotwStream(Stream[SotwChannel]):
    """One client's state-of-the-world stream, aggregated or of one type."""

    def __init__(self, *, patience: Patience = DEFAULT_PATIENCE, diff: Diff = changed_names) -> None:
        super().__init__(patience=patience, diff=diff)
        self._forgot = False

    def respond(self, snapshot: Snapshot, *, now: float) -> Sequence[Response]:
        """See `Stream.respond`. What is forgotten without a word, and so without an answer, frees what it named."""
        responses: list[Response] = []
        self._forgot = True
        while self._forgot:
            self._forgot = False
            responses += super().respond(snapshot, now=now)
        return responses

    def receive(self, request: SotwRequest) -> Heard:
        """Take a request in; return what it says about an earlier response.

        A request that answers any response but the newest is out of date: it brings no new names, the client sends
        them again when it answers the newest. What it says about the response that it does answer still holds, and so
        does what it dropped: it would not be sent again if the next list had it back, and nobody saw it gone.

        Raises `ProtocolError` when the stream is about too many names.

        Spec: xDS protocol, "ACK/NACK and resource type instance version", "Resource updates"
        """
        channel = self._channels.get(request.type)
        if channel is None or channel.last_nonce == "":
            # Nothing was ever sent: whatever the nonce is, it comes from another stream and starts a conversation here.
            self._begin(request)
            return None
        heard = self._answer(channel, request) if request.nonce else None
        if request.nonce in ("", channel.last_nonce):  # without a nonce: said before our first response was there
            self._replace(channel, request)
        else:
            channel.drop(channel.subscription.remove(set(channel.subscription.names).difference(request.names)))
        return heard

    def _begin(self, request: SotwRequest) -> None:
        channel = self._channels.setdefault(request.type, SotwChannel(request.type))
        channel.subscription.replace(request.names)
        self._count_names()
        channel.drop_uncovered()
        channel.must_answer = channel.type in WHOLE_SETS
        channel.claimed_version = request.version
        channel.blind = channel.type in WHOLE_SETS and request.version != ""
        channel.ask(channel.subscription.names)
        if channel.subscription.wildcard:
            channel.ask((WILDCARD,))

    def _replace(self, channel: SotwChannel, request: SotwRequest) -> None:
        before, was_everything = set(channel.subscription.names), channel.subscription.wildcard
        channel.subscription.replace(request.names)
        self._count_names()
        channel.drop_uncovered()
        if not was_everything:
            channel.ask(set(channel.subscription.names) - before)
        if channel.subscription.wildcard and not was_everything:
            channel.ask((WILDCARD,))

    def _answer(self, channel: SotwChannel, request: SotwRequest) -> Heard:
        """A client that answers a response has taken the ones before it, or has said so already."""
        *earlier, nonce = channel.holdings.flights_until(request.nonce) or [request.nonce]
        landed = [self._landed(channel, n) for n in earlier]
        if request.error is not None:
            return self._refuse_whole(channel, nonce, request.error) or self._refused(channel, nonce, request.error)
        landed.append(self._landed(channel, nonce))
        taken = [heard for heard in landed if isinstance(heard, Acked)]
        channel.blind = channel.blind and not taken
        if not taken:
            return Stale(type=channel.type, nonce=nonce)
        return Acked(
            type=channel.type,
            resources=tuple(r for heard in taken for r in heard.resources),
            removed=tuple(name for heard in taken for name in heard.removed),
        )

    def _refuse_whole(self, channel: SotwChannel, nonce: str, message: str) -> Nacked | None:
        """A client of which nothing is known refused its first set: it keeps what it has, until the set changes.

        Any part of the set would take away what it has of the other parts.
        """
        if not channel.blind or (flight := channel.holdings.turn_away(nonce)) is None:
            return None
        channel.refused_whole = channel.newest.version
        channel.must_answer = True
        channel.dirty.update(channel.newest.by_name)
        resources = {resource.name: resource for resource in flight.resources}
        named = mentioned(message, tuple(resources))
        suspects = [resources[name] for name in named or resources]
        return Nacked(
            type=channel.type,
            names=tuple(resource.name for resource in suspects),
            culprit=suspects[0] if len(suspects) == 1 else None,
            message=message[:MAX_WORDS],
        )

    def _plan(self, channel: SotwChannel, now: float) -> Plan:
        if channel.type not in WHOLE_SETS:
            return super()._plan(channel, now)
        if channel.is_held_back:
            return Plan([], [])
        if channel.apart:
            return self._next_suspects(channel, now)
        plan = super()._plan(channel, now)
        if not channel.gated or not (channel.blind or channel.last_nonce == ""):
            channel.waits_since = None
            return plan
        # The first set is whole or waits: a client that came back may have what would be absent from it. It waits no
        # longer than for the first thing that it lacks.
        since = channel.waits_since = now if channel.waits_since is None else channel.waits_since
        channel.dirty.update((resource.name for resource in plan.updates), plan.removals)
        if now < since + self._gates.patience.make:
            return Plan([], [])
        return self._decide(channel, channel.dirty | channel.gated.keys(), now, unhindered=True)

    def _next_suspects(self, channel: SotwChannel, now: float) -> Plan:
        """Suspects of a whole set go one group after the other: each set carries all that went before."""
        if not channel.holdings.calm:
            return Plan([], [])
        while channel.apart:
            plan = self._decide(channel, channel.dirty & channel.apart.pop(0), now)
            if any(plan):
                return plan
        return super()._plan(channel, now)

    def _pack(self, channel: SotwChannel, updates: Sequence[Resource], removals: Sequence[str]) -> list[Response]:
        if channel.type in WHOLE_SETS:
            return self._pack_whole(channel, updates, removals)
        for name in removals:
            channel.holdings.forget(name)
        self._forgot = self._forgot or bool(removals)
        return [
            self._send(channel, Flight(batch), version=batch[0].version if len(batch) == 1 else make_set(batch).version)
            for batch in batches(channel, updates)
        ]

    def _pack_whole(self, channel: SotwChannel, updates: Sequence[Resource], removals: Sequence[str]) -> list[Response]:
        due = updates or removals or (channel.must_answer and not channel.gated)
        if not due or channel.is_held_back:
            return []
        held = channel.holdings.latest_all()
        held.update((resource.name, resource) for resource in updates)
        for name in removals:
            held.pop(name, None)
        version = self._version(channel, held)
        claimed, channel.claimed_version = channel.claimed_version, ""
        if claimed and claimed == version and channel.subscription.wildcard:
            # The client came back with just this set.
            channel.holdings.adopt(held.values())
            channel.must_answer = channel.blind = False
            return []
        whole = tuple(held[name] for name in sorted(held))
        # A set repeats what is under way: whoever refuses it may mean that as well as what is new.
        unsure = tuple(resource for resource in whole if not channel.holdings.rests_on(resource))
        flight = Flight(unsure, tuple(sorted(channel.holdings.names() - held.keys())))
        if channel.type is ResourceType.SCOPED_ROUTE:
            whole = tuple(in_order(whole))
        return [self._send(channel, flight, version=version, resources=whole)]

    def _version(self, channel: SotwChannel, held: dict[str, Resource]) -> str:
        """The set's own version where the client gets just that set; else the one that the content deserves."""
        newest = channel.newest.by_name
        if len(held) == len(newest) and all(newest.get(name) is resource for name, resource in held.items()):
            return channel.newest.version
        return make_set(held.values()).version
