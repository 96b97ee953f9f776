"""Make before break, where a hostname passes from one route table to another of the same port.

With TLS a connection's server name chooses the table. A hostname that gets a listener of its own has been in the table
of a wildcard's, which gives it up and names its heir, the table that has it from now on. Three things must come in
order, of which a proxy takes each by itself:

    the heir, and the listener that leads to it     before the table gives up the hostname
    the table that has the hostname again           before the listener that leads to its heir no more
    a table that the client still has from before   before the listener that leads to it again and would begin with it

Where one table gives up a hostname and gets another back, the listener waits for none: each would wait for the other.
"""

from collections.abc import Iterator, Mapping

from xds_server.protocol.channel import Channel
from xds_server.snapshot.diff import named_apart
from xds_server.snapshot.resource import Reference, Resource, ResourceType
from xds_server.snapshot.scope_names import WHOLE, is_whole, scope_name, table_of

_, _, SECRET, SCOPED_ROUTE, LISTENER, ROUTE = ResourceType


class HandingOver:
    """The rule, over all channels of one stream."""

    def __init__(self, channels: Mapping[ResourceType, Channel]) -> None:
        self._channels = channels

    def missing(self, channel: Channel, wanted: Resource) -> Reference | None:
        """What must come before it; None when nothing must. Cost: follows what it names otherwise than before, and
        what is in motion.
        """
        accepted = channel.holdings.accepted.get(wanted.name)
        if accepted is None:
            return None
        if channel.type is LISTENER:
            return next(self._before_listener(channel, accepted, wanted), None)
        may_have_heirs = wanted.depends_on and wanted.depends_on[-1][0] is ROUTE  # sorted, and that is the last type
        return next(self._heirs_not_in_place(channel, accepted, wanted), None) if may_have_heirs else None

    def _heirs_not_in_place(self, channel: Channel, accepted: Resource, wanted: Resource) -> Iterator[Reference]:
        named = named_apart(accepted, wanted).after
        return (reference for reference in named if reference[0] is ROUTE and self._is_awaited(channel, reference))

    def _is_awaited(self, channel: Channel, table: Reference) -> bool:
        """Whether a listener is to lead to it, and does not yet, or begins with something that is still to come. A
        client that came back may still have to tell which listeners it has.
        """
        listeners = self._channels.get(LISTENER)
        if listeners is None:
            return channel.resumed
        leads = {table, (SCOPED_ROUTE, scope_name(table[1], WHOLE))}
        for name, newest in listeners.newest.by_name.items():
            if not leads.isdisjoint(newest.depends_on):
                in_use = [of for of in listeners.holdings.in_use((name,)) if of.name == name]
                lead = in_use and not any(leads.isdisjoint(of.depends_on) for of in in_use)
                return not lead or not all(map(self._has_begun, in_use))
        return False

    def _has_begun(self, listener: Resource) -> bool:
        """Whether the client has an answer about all that a listener begins with."""
        found = ((self._channels.get(type_), name) for type_, name in listener.depends_on if type_ in (SECRET, ROUTE))
        return all(c and (name in c.holdings.accepted or name in c.holdings.refused) for c, name in found)

    def _before_listener(self, channel: Channel, accepted: Resource, wanted: Resource) -> Iterator[Reference]:
        if wanted.name in channel.holdings.foreign:
            if not self._has_told_of_tables():
                yield from (reference for reference in wanted.depends_on if reference[0] is ROUTE)
            yield from self._changes_of_who_came_back()
            return
        apart = named_apart(accepted, wanted)
        yield from (reference for reference in apart.after if reference[0] is ROUTE and self._is_outdated(reference[1]))
        dropped = {table for table in map(_table, apart.before) if table}
        if dropped:
            yield from self._still_given_up(dropped)

    def _is_outdated(self, table: str) -> bool:
        """Whether the client has another version of it, and is to get this one."""
        routes = self._channels.get(ROUTE)
        if routes is None or not routes.subscription.covers(table):
            return False
        held, wanted = routes.holdings.accepted.get(table), routes.newest.by_name.get(table)
        refused = wanted is not None and routes.holdings.refused.get(table) == wanted.version
        return held is not None and wanted is not None and held.version != wanted.version and not refused

    def _has_told_of_tables(self) -> bool:
        """Whether the client has; one that has scopes may have no table to tell of."""
        scopes = self._channels.get(SCOPED_ROUTE)
        return ROUTE in self._channels or (scopes is not None and bool(scopes.holdings.accepted))

    def _changes_of_who_came_back(self) -> Iterator[Reference]:
        """What the client came back with, nobody knows what it had given up, and will have anew."""
        for type_ in (SCOPED_ROUTE, ROUTE):
            if (channel := self._channels.get(type_)) is None:
                continue
            for name in channel.holdings.foreign:
                wanted = channel.newest.by_name.get(name)
                if (
                    wanted
                    and channel.holdings.refused.get(name) != wanted.version
                    and not self.missing(channel, wanted)
                ):
                    yield type_, name

    def _still_given_up(self, tables: set[str]) -> Iterator[Reference]:
        """What the client has, and names one of these as its heir, and will not when it comes anew."""
        heirs = {(ROUTE, table) for table in tables}
        for type_ in (SCOPED_ROUTE, ROUTE):
            if (channel := self._channels.get(type_)) is None:
                continue
            for name in channel.in_motion():
                wanted = channel.newest.by_name.get(name)
                if wanted is None or channel.holdings.refused.get(name) == wanted.version:
                    continue
                in_use = (of for of in channel.holdings.in_use((name,)) if of.name == name)
                gave_up = any(not heirs.isdisjoint(of.depends_on) for of in in_use)
                if gave_up and heirs.isdisjoint(wanted.depends_on) and self.missing(channel, wanted) is None:
                    yield type_, name


def _table(reference: Reference) -> str:
    """The table to which a listener leads that names this; "" for none."""
    type_, name = reference
    if type_ is ROUTE:
        return name
    return table_of(name) if type_ is SCOPED_ROUTE and is_whole(name) else ""
