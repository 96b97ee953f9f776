"""What may be sent, and what may be taken away, given what a client holds: make before break, break last.

Spec: xDS protocol, "Eventual consistency considerations"
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import chain

import msgspec

from gateway_api.ir.infra import LISTENER_DRAIN
from xds_server.protocol.channel import Channel, Staged, Stay
from xds_server.snapshot.diff import named_apart
from xds_server.snapshot.resource import Reference, Resource, ResourceType

CLUSTER, ENDPOINT, SECRET, SCOPED_ROUTE, LISTENER, ROUTE = ResourceType

REFERRERS: Mapping[ResourceType, tuple[ResourceType, ...]] = {
    CLUSTER: (LISTENER, ROUTE, SCOPED_ROUTE),
    ENDPOINT: (CLUSTER,),
    SECRET: (CLUSTER, LISTENER),
    SCOPED_ROUTE: (LISTENER,),
    LISTENER: (),
    ROUTE: (LISTENER, SCOPED_ROUTE),
}
"""Types whose resources name resources of the type: while one that is in use does, the named one stays."""

UNSUBSCRIBED = frozenset({ENDPOINT, SECRET, ROUTE})
"""Types that a client drops by itself when nothing names them: a listener's routes when its last connection has
drained, not before. An Envoy ignores the removal of one; it is for clients that never unsubscribe."""


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait for a client. In seconds."""

    make: float = 5.0
    """A resource is sent at the latest so long after it could have been, whatever it names that is not there."""
    linger: float = LISTENER_DRAIN
    """Routes, secrets and endpoints stay so long after nothing names them that the client may be using, for connections
    that still drain; so do the scopes of a table that is not scoped any more."""
    rest: float = 5.0
    """From one version to the next of a whole table whose hosts travel in scopes."""


DEFAULT_PATIENCE = Patience()


class Gates:
    """The rules, over all channels of one stream."""

    def __init__(self, channels: Mapping[ResourceType, Channel], patience: Patience) -> None:
        self._channels = channels
        self._patience = patience
        self._introduction_ends = math.inf

    @property
    def patience(self) -> Patience:
        """How long the client is waited for."""
        return self._patience

    def begin(self, now: float) -> None:
        """The stream begins now, if it has not yet."""
        self._introduction_ends = min(self._introduction_ends, now + self._patience.make)

    def release(self, channel: Channel, wanted: Resource, now: float, *, unhindered: bool) -> Resource | None:
        """What to send so that the client gets `wanted`: itself, an older version that was ready first, or nothing yet.

        Under constant change the newest version may always name something that is just on its way. So a version that
        began to wait keeps its chance, and goes out when it can, although it is not the newest any more. `unhindered`
        says that there is nothing to wait for: see `all_below_settled`.
        """
        name = wanted.name
        staged = channel.gated.get(name)
        waited = channel.passed.pop(name, None) == wanted.version or (
            staged is not None and now >= staged.since + self._patience.make
        )
        asked_first = staged.missing if staged and staged.missing in wanted.depends_on else None
        if unhindered or waited or (missing := self._missing(channel, wanted, asked_first)) is None:
            channel.gated.pop(name, None)
            return wanted
        if staged is None:
            channel.gated[name] = Staged(wanted, now, missing)
            return None
        if staged.resource.version == wanted.version:
            channel.gated[name] = Staged(wanted, staged.since, missing)
            return None
        if self._missing(channel, staged.resource, staged.missing) is None:
            channel.gated[name] = Staged(wanted, now, missing)
            return staged.resource
        if not self._all_exist(channel, staged.resource):
            channel.gated[name] = Staged(wanted, staged.since, missing)
        return None

    def is_spare(self, channel: Channel, name: str) -> bool:
        """Whether it is a whole table whose hosts the client has in scopes. It holds it for requests with an odd
        spelling of a host, of which one is enough, and for connections from before there were scopes. Each version is
        as large as the table, and keeps an Envoy's main thread busy for as long: what scopes are there to avoid.
        """
        listeners = self._channels.get(LISTENER)
        if channel.type is not ROUTE or SCOPED_ROUTE not in self._channels or listeners is None:
            return False
        named = ((ROUTE, name) in listener.depends_on for listener in listeners.newest.by_name.values())
        return listeners.settled and not any(named)

    def rests_until(self, channel: Channel, name: str) -> float:
        """When the next version of it may go out. What the client asks for goes at once, whatever it was sent."""
        since = channel.rested_from.get(name)
        rests = since is not None and name not in channel.asked and self.is_spare(channel, name)
        return since + self._patience.rest if since is not None and rests else -math.inf

    def worth_a_look(self, channel: Channel, now: float) -> Set[str]:
        """The gated names for which something has changed, as far as one glance at each tells.

        To a client that is slow with its clusters, hundreds of routes may wait, at every turn.
        """
        if not channel.gated or self.all_below_settled(channel):
            return channel.gated.keys()
        return {name for name, staged in channel.gated.items() if not self._still_waits(channel, name, staged, now)}

    def gate_together(self, channel: Channel, now: float) -> bool:
        """Have all that is to be sent wait if one of it must; return whether it does. Cost while that is so: a glance.

        The one that is waited for is gated, in the name of all. None waits longer than for the first.
        """
        if self.all_below_settled(channel):
            return False
        waited_for = next(iter(channel.gated.items()), None)
        if waited_for and self._still_waits(channel, *waited_for, now):
            return True
        since = waited_for[1].since if waited_for else now
        channel.dirty |= channel.gated.keys()
        channel.gated.clear()
        if now < since + self._patience.make:
            for name in channel.dirty:
                wanted = channel.wanted(name)
                if wanted and (missing := self._missing(channel, wanted, None)):
                    channel.gated[name] = Staged(wanted, since, missing)
                    return True
        return False

    def removable(self, channel: Channel, now: float) -> "Removable":
        """The rule for taking resources of this type away, as things are now."""
        return Removable(self, channel, now)

    def deadline(self, now: float) -> float | None:
        """When a wait that is limited ends, if one is under way: time to respond again though nothing happened."""
        ends = [
            staged.since + self._patience.make
            for channel in self._channels.values()
            for staged in channel.gated.values()
        ]
        for channel in self._channels.values():
            ends.extend(channel.put_off.values())
            if channel.leaving:
                ends.append(self.introduction_ends(channel))
                if channel.leaving_rests_until > now:
                    ends.append(channel.leaving_rests_until)
                elif self._unsubscribes(channel) or channel.type is SCOPED_ROUTE:
                    ends.extend(since + self._patience.linger for since in channel.leaving.values())
        return min((end for end in ends if now < end < math.inf), default=None)

    def lingers(self, channel: Channel, name: str) -> bool:
        """Whether connections that still drain may use it when nothing names it any more."""
        return self._unsubscribes(channel) or (channel.type is SCOPED_ROUTE and _is_left_behind(channel, name))

    def introduction_ends(self, channel: Channel) -> float:
        """Until when a client that came back may still tell what it uses; minus infinity when it has told."""
        told = not channel.resumed or all(t in self._channels for t in self._expected(REFERRERS[channel.type]))
        return -math.inf if told else self._introduction_ends

    def referrers(self, type_: ResourceType) -> Iterator[Channel]:
        """The channels whose resources may name resources of this type."""
        return (self._channels[t] for t in REFERRERS[type_] if t in self._channels)

    def _unsubscribes(self, channel: Channel) -> bool:
        """Whether the client will unsubscribe from what nothing names; without a referrer in sight it cannot."""
        return channel.type in UNSUBSCRIBED and any(t in self._channels for t in REFERRERS[channel.type])

    def _expected(self, types: Iterable[ResourceType]) -> Iterator[ResourceType]:
        """Those that a client is sure to ask about: scopes only when a listener of its own names some."""
        listeners = self._channels.get(LISTENER)
        held = listeners.holdings.accepted.values() if listeners else ()
        scoped = any(type_ is SCOPED_ROUTE for resource in held for type_, _ in resource.depends_on)
        return (type_ for type_ in types if type_ is not SCOPED_ROUTE or scoped)

    def all_below_settled(self, channel: Channel) -> bool:
        """Whether the client has acknowledged all that goes before this type."""
        return all(other.settled for type_, other in self._channels.items() if type_ < channel.type)

    def _still_waits(self, channel: Channel, name: str, staged: Staged, now: float) -> bool:
        """Whether it is still the version wanted, what was missing then is missing now, and its time is not up."""
        return (
            now < staged.since + self._patience.make
            and channel.newest.by_name.get(name) is staged.resource
            and self._lacks(channel, name, staged.missing)
        )

    def _lacks(self, channel: Channel, name: str, reference: Reference) -> bool:
        """Whether this reference keeps back a resource that has it: as `_missing`, of one."""
        accepted = channel.holdings.accepted.get(name)
        return not (
            self._is_in_place(*reference, below=channel.type)
            or (accepted is not None and reference in accepted.depends_on)
        )

    def _missing(self, channel: Channel, resource: Resource, asked_first: Reference | None) -> Reference | None:
        """One of the things that it names, of types that go before its own, which the client has not acknowledged
        and which is a concern; None when there is none. Cost: next to nothing while the one `asked_first` is missing.

        What a client never asked for is no concern: it asks for endpoints, secrets and routes only once something that
        it got names them, so nothing can wait for those.
        """
        if asked_first and self._lacks(channel, resource.name, asked_first):
            return asked_first
        return next(
            (
                (target, name)
                for target, name in _newly_named(channel, resource)
                if target < channel.type and not self._is_in_place(target, name, below=channel.type)
            ),
            None,
        )

    def _is_in_place(self, type_: ResourceType, name: str, *, below: ResourceType) -> bool:
        channel = self._channels.get(type_)
        if channel is None or not channel.subscription.covers(name):
            return True
        if type_ is SCOPED_ROUTE and not channel.steady:
            return False
        accepted = channel.holdings.sure(name)
        return accepted is not None and all(
            self._is_in_place(target, other, below=below)
            for target, other in accepted.depends_on
            if target < below and target != type_
        )

    def _all_exist(self, channel: Channel, resource: Resource) -> bool:
        return all(
            target >= channel.type or (other := self._channels.get(target)) is None or name in other.newest.by_name
            for target, name in _newly_named(channel, resource)
        )


def _newly_named(channel: Channel, resource: Resource) -> Set[Reference]:
    """What it names and the version that the client has does not: of thousands of clusters in a table, those that
    came. The others stay in place as long as that version is in use, or were waited for long enough."""
    return named_apart(channel.holdings.accepted.get(resource.name), resource).after


def _is_left_behind(channel: Channel, name: str) -> bool:
    """Whether a scope goes because nothing chooses by it any more, and not because its hostname does.

    A scope of one hostname names the scope of its whole table, which is there as long as a listener chooses among them.
    """
    return not any(of in channel.newest.by_name for _, of in _table_scopes(channel, name))


def _table_scopes(channel: Channel, name: str) -> Iterable[Reference]:
    held = channel.holdings.latest(name)
    return [target for target in held.depends_on if target[0] is SCOPED_ROUTE] if held else ()


class Removable:
    """Which of one type's resources may go, and for how long the others stay. Looks at what is in use at most once, and
    only when it must.

    The snapshot must be closed.
    """

    def __init__(self, gates: Gates, channel: Channel, now: float) -> None:
        self._gates = gates
        self._channel = channel
        self._now = now
        self._introduced = now >= gates.introduction_ends(channel)
        self._named: frozenset[Reference] | None = None
        self._unknown = any(referrer.holdings.foreign or referrer.blind for referrer in gates.referrers(channel.type))

    def stay_of(self, name: str) -> Stay | None:
        """None when it may go: nothing that the client may be using names it. The wait for connections that drain
        begins with the look that finds it named no more: they have as long from then on, however late the client was.
        """
        leaving, linger = self._channel.leaving, self._gates.patience.linger
        if not self._gates.lingers(self._channel, name):
            return Stay(leaving.get(name, self._now), -math.inf) if self._may_be_in_use(name) else None
        since = leaving.get(name, math.inf)
        if since == math.inf or self._now >= since + linger:
            if self._may_be_in_use(name):
                return Stay(math.inf, -math.inf)
            since = min(since, self._now)
        return Stay(since, since + linger) if self._now < since + linger else None

    def _may_be_in_use(self, name: str) -> bool:
        return self._unknown or not self._introduced or self._is_named(name)

    def _is_named(self, name: str) -> bool:
        if self._named is None:
            self._named = frozenset(chain.from_iterable(resource.depends_on for resource in self._in_use()))
        return not self._named.isdisjoint([(self._channel.type, name), *self._chosen_with(name)])

    def _chosen_with(self, name: str) -> Iterable[Reference]:
        """The scope that says whether a left behind one is in use, for none names it: a listener names its table's."""
        left = self._channel.type is SCOPED_ROUTE and _is_left_behind(self._channel, name)
        return _table_scopes(self._channel, name) if left else ()

    def _in_use(self) -> Iterator[Resource]:
        """What the newest snapshot names is in it, and so not to be removed: only other versions need a look."""
        for referrer in self._gates.referrers(self._channel.type):
            yield from referrer.holdings.in_use(referrer.in_motion())
            yield from (staged.resource for staged in referrer.gated.values())
