"""A proxy in memory: takes whatever a delta stream brings, asks for what that names, and acknowledges at once."""

from collections.abc import Iterable

from xds_server.protocol.delta import DeltaStream
from xds_server.protocol.messages import DeltaRequest, Response
from xds_server.snapshot.diff import DiffMemo
from xds_server.snapshot.resource import ResourceType, Snapshot

BY_NAME = (ResourceType.ENDPOINT, ResourceType.SECRET, ResourceType.ROUTE)
"""Types that an Envoy asks for by name, and only when something that it got names them."""


class Proxy:
    """The server's end of one stream, with a client that costs next to nothing."""

    def __init__(self) -> None:
        self._stream = DeltaStream(diff=DiffMemo())
        self._now = 0.0
        self._asked: dict[ResourceType, set[str]] = {type_: set() for type_ in BY_NAME}
        for type_ in (ResourceType.CLUSTER, ResourceType.SCOPED_ROUTE, ResourceType.LISTENER):
            self._stream.receive(DeltaRequest(type=type_))

    def push(self, snapshot: Snapshot) -> int:
        """Bring the client to `snapshot`, until nothing is left to say; return how many responses it took."""
        count = 0
        while responses := self._stream.respond(snapshot, now=self._now):
            self._now += 0.001
            count += len(responses)
            for response in responses:
                self._answer(response)
        if not self._stream.in_sync:
            raise RuntimeError("the proxy is not in sync")
        return count

    def _answer(self, response: Response) -> None:
        self._stream.receive(DeltaRequest(type=response.type, nonce=response.nonce))
        scoped = response.type is ResourceType.SCOPED_ROUTE  # whose tables are fetched on demand: nobody demands here
        for resource in () if scoped else response.resources:
            for type_ in BY_NAME:
                self._subscribe(type_, (name for named, name in resource.depends_on if named is type_))
        if response.type is ResourceType.CLUSTER and response.removed:
            self._asked[ResourceType.ENDPOINT].difference_update(response.removed)
            self._stream.receive(DeltaRequest(type=ResourceType.ENDPOINT, unsubscribe=response.removed))

    def _subscribe(self, type_: ResourceType, names: Iterable[str]) -> None:
        new = tuple(name for name in names if name not in self._asked[type_])
        if new:
            self._asked[type_].update(new)
            self._stream.receive(DeltaRequest(type=type_, subscribe=new))
