"""What may be sent, given what a client holds: make before break.

Spec: xDS protocol, "Eventual consistency considerations"
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import chain

from xds_server.protocol.channel import Channel, Staged
from xds_server.protocol.handing_over import HandingOver
from xds_server.protocol.patience import Patience
from xds_server.snapshot.diff import named_apart
from xds_server.snapshot.resource import Reference, Resource, ResourceType

*_, SCOPED_ROUTE, LISTENER, ROUTE = ResourceType


class Gates:
    """The rule, over all channels of one stream."""

    def __init__(self, channels: Mapping[ResourceType, Channel], patience: Patience) -> None:
        self._channels = channels
        self._patience = patience
        self._handing_over = HandingOver(channels)

    @property
    def patience(self) -> Patience:
        """How long the client is waited for."""
        return self._patience

    def release(self, channel: Channel, wanted: Resource, now: float, *, settled: bool) -> Resource | None:
        """What to send so that the client gets `wanted`: itself, an older version that was ready first, or nothing yet.

        Under constant change the newest version may always name something that is just on its way. So a version that
        began to wait keeps its chance, and goes out when it can, although it is not the newest any more. `settled`:
        see `all_below_settled`.
        """
        name = wanted.name
        staged = channel.gated.get(name)
        waited = channel.passed.pop(name, None) == wanted.version or (
            staged is not None and now >= staged.since + self._patience.make
        )
        asked_first = staged.missing if staged and staged.missing in wanted.depends_on else None
        missing = None if settled else self._missing(channel, wanted, asked_first)
        if waited or (missing := missing or self._handing_over.missing(channel, wanted)) is None:
            channel.gated.pop(name, None)
            return wanted
        if staged is None:
            channel.gated[name] = Staged(wanted, now, missing)
            return None
        if staged.resource.version == wanted.version:
            channel.gated[name] = Staged(wanted, staged.since, missing)
            return None
        older = staged.resource
        if (self._missing(channel, older, staged.missing) or self._handing_over.missing(channel, older)) is None:
            channel.gated[name] = Staged(wanted, now, missing)
            return older
        if not self._all_exist(channel, older):
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

    def ends(self) -> Iterator[float]:
        """When the waits end that are limited: of what is put off, and at the gates."""
        for channel in self._channels.values():
            if channel.put_off or channel.gated:
                yield from channel.put_off.values()
                yield from (staged.since + self._patience.make for staged in channel.gated.values())

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

        Only what the version that the client has does not name: of thousands of clusters in a table, those that came.
        The others stay in place as long as that version is in use, or were waited for long enough.

        What a client never asked for is no concern: it asks for endpoints, secrets and routes only once something that
        it got names them, so nothing can wait for those.
        """
        if asked_first and self._lacks(channel, resource.name, asked_first):
            return asked_first
        apart = named_apart(channel.holdings.accepted.get(resource.name), resource)
        return next(
            (
                (target, name)
                for target, name in chain(apart.after, _chosen_instead_of(apart.before))
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
            self._is_in_place(target, other, below=below) for target, other in accepted.depends_on if target < below
        )

    def _all_exist(self, channel: Channel, resource: Resource) -> bool:
        return all(
            target >= channel.type or (other := self._channels.get(target)) is None or name in other.newest.by_name
            for target, name in named_apart(channel.holdings.accepted.get(resource.name), resource).after
        )


def _chosen_instead_of(named_no_more: Iterable[Reference]) -> Iterator[Reference]:
    """The scopes among those: where one is not chosen any more, others are, which no listener names. These are in place
    when that one is, see `Gates._is_in_place`."""
    return (reference for reference in named_no_more if reference[0] is SCOPED_ROUTE)
