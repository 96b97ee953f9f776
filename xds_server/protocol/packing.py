"""Resources of one type → the groups that travel together. Changes nothing."""

from collections.abc import Iterator, Sequence

from xds_server.protocol.channel import Channel
from xds_server.protocol.variation import in_order
from xds_server.snapshot.resource import Resource, ResourceType, parcels


def batches(channel: Channel, updates: Sequence[Resource]) -> Iterator[tuple[Resource, ...]]:
    """Routes one by one, suspects group by group, all others together as far as the size allows.

    A RouteConfiguration travels alone because a bad one takes the good ones in its response with it. Scoped routes stay
    together, however many: a listener that waits for them begins to serve with the first response, whatever is in it.
    """
    if channel.type is ResourceType.ROUTE:
        yield from ((resource,) for resource in updates)
        return
    if channel.type is ResourceType.SCOPED_ROUTE:
        updates = in_order(updates)
    elif _is_everything(channel, updates) and not channel.apart:
        yield from channel.newest.parcels
        return
    together = {resource.name: resource for resource in updates}
    for group in channel.apart:
        if suspects := [resource for name, resource in together.items() if name in group]:
            for resource in suspects:
                del together[resource.name]
            yield tuple(suspects)
    if channel.type is ResourceType.SCOPED_ROUTE and together:
        yield tuple(together.values())
    else:
        yield from parcels(together.values())


def _is_everything(channel: Channel, updates: Sequence[Resource]) -> bool:
    """Whether it is the newest set itself, which all clients that begin get alike."""
    return len(updates) == len(channel.newest.by_name) and updates is channel.newest.in_order
