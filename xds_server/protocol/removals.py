"""What may be taken away, given what a client may be using: break last.

Spec: xDS protocol, "Eventual consistency considerations"
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from xds_server.protocol.channel import IN_USE, Channel, Stay
from xds_server.protocol.patience import Patience
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


class Removals:
    """The rule, over all channels of one stream."""

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

    def of(self, channel: Channel, now: float) -> "Removable":
        """The rule for this type, as things are now."""
        return Removable(self, channel, now)

    def ends(self, now: float) -> Iterator[float]:
        """When the waits end that are limited: for connections that drain, and for clients to say what they use."""
        for channel in self._channels.values():
            if not channel.leaving:
                continue
            yield self.introduction_ends(channel)
            if channel.leaving_rests_until > now:
                yield channel.leaving_rests_until
            else:
                yield from (since + self._patience.linger for since in channel.leaving.values())

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


class Removable:
    """Which of one type's resources may go, and for how long the others stay. Looks at what is in use at most once, and
    only when it must.

    The snapshot must be closed.
    """

    def __init__(self, removals: Removals, channel: Channel, now: float) -> None:
        self._removals = removals
        self._channel = channel
        self._now = now
        self._introduced = now >= removals.introduction_ends(channel)
        self._named: frozenset[Reference] | None = None
        self._unknown = not all(referrer.known for referrer in removals.referrers(channel.type))

    def stay_of(self, name: str) -> Stay | None:
        """None when it may go: nothing that the client may be using names it. The wait for connections that drain
        begins with the look that finds it named no more: they have as long from then on, however late the client was.
        """
        since, linger = self._channel.leaving.get(name, math.inf), self._removals.patience.linger
        lingers = self._removals.lingers(self._channel, name)
        if lingers and since <= self._now < since + linger:
            return Stay(since, since + linger)
        if self._may_be_in_use(name):
            return IN_USE
        return Stay(self._now, self._now + linger) if lingers and since == math.inf else None

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
        for referrer in self._removals.referrers(self._channel.type):
            yield from referrer.holdings.in_use(referrer.in_motion())
            yield from (staged.resource for staged in referrer.gated.values())


def _is_left_behind(channel: Channel, name: str) -> bool:
    """Whether a scope goes because nothing chooses by it any more, and not because its hostname does.

    A scope of one hostname names the scope of its whole table, which is there as long as a listener chooses among them.
    Then a wildcard may have taken the hostname over, for connections that come after it.
    """
    newest = channel.newest.by_name
    is_scoped = any(of in newest for _, of in _table_scopes(channel, name))
    return not is_scoped or any(wider in newest for wider in _wildcards_above(name))


def _wildcards_above(name: str) -> Iterator[str]:
    """`t/a.b.c` → `t/*.b.c`, `t/*.c`: the scopes that a listener may choose for that hostname instead of its own."""
    table, _, hostname = name.rpartition("/")
    while "." in hostname:
        hostname = hostname.partition(".")[2]
        yield f"{table}/*.{hostname}"


def _table_scopes(channel: Channel, name: str) -> Iterable[Reference]:
    held = channel.holdings.latest(name)
    return [target for target in held.depends_on if target[0] is SCOPED_ROUTE] if held else ()
