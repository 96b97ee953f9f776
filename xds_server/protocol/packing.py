"""Resources of one type → the groups that travel together."""

from collections.abc import Iterable, Iterator, Sequence

from xds_server.protocol.channel import Channel
from xds_server.protocol.variation import in_order
from xds_server.snapshot.resource import Resource, ResourceType

MAX_BYTES = 1024 * 1024
"""Of resources in one response. More goes into the next: one big message would hold up everything behind it."""


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
    together = {resource.name: resource for resource in updates}
    for group in channel.apart:
        if suspects := [resource for name, resource in together.items() if name in group]:
            for resource in suspects:
                del together[resource.name]
            yield tuple(suspects)
    # Those that wait at a gate are still to go apart.
    channel.apart = [waiting for group in channel.apart if (waiting := group & channel.gated.keys())]
    if channel.type is ResourceType.SCOPED_ROUTE and together:
        yield tuple(together.values())
    else:
        yield from _by_size(together.values())


def _by_size(resources: Iterable[Resource]) -> Iterator[tuple[Resource, ...]]:
    batch: list[Resource] = []
    size = 0
    for resource in resources:
        size += resource.size
        if batch and size > MAX_BYTES:
            yield tuple(batch)
            batch, size = [], resource.size
        batch.append(resource)
    if batch:
        yield tuple(batch)
