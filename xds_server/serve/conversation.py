"""A dialect's bytes and its protocol machine as one: bytes in, verdicts and bytes out."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Protocol

from xds_server.protocol.delta import DeltaStream
from xds_server.protocol.gates import Patience
from xds_server.protocol.messages import Heard, Response
from xds_server.protocol.sotw import SotwStream
from xds_server.serve.wire import DeltaDialect, Dialect, Node, SotwDialect
from xds_server.snapshot.diff import Diff
from xds_server.snapshot.resource import ResourceType, Snapshot


class Machine[Request](Protocol):
    """A stream of either dialect, see `xds_server.protocol`."""

    @property
    def deadline(self) -> float | None: ...
    @property
    def in_sync(self) -> bool: ...
    def receive(self, request: Request, /) -> Heard: ...
    def respond(self, snapshot: Snapshot, /, *, now: float) -> Sequence[Response]: ...


class Conversation(Protocol):
    """What is said on one stream, whatever the dialect."""

    @property
    def deadline(self) -> float | None:
        """When to speak again though nothing was heard (monotonic seconds)."""
        ...

    @property
    def in_sync(self) -> bool:
        """Whether the client has acknowledged all it should have."""
        ...

    def node(self, data: bytes, /) -> Node:
        """Who a request says it is from. Raises `Malformed` or `ProtocolError`."""
        ...

    def hear(self, data: bytes, /) -> tuple[Node, Heard]:
        """Take a request in. Raises `Malformed` or `ProtocolError`."""
        ...

    def speak(self, snapshot: Snapshot, /, *, now: float) -> Iterator[tuple[Response, Callable[[], bytes]]]:
        """What to send now, in order, each with what encodes it. Raises `ProtocolError`."""
        ...


class Spoken[Request]:
    """A conversation in one dialect. `only` is the type of a stream that carries one type."""

    def __init__(self, dialect: Dialect[Request], machine: Machine[Request], only: ResourceType | None) -> None:
        self._dialect = dialect
        self._machine = machine
        self._only = only

    @property
    def deadline(self) -> float | None:
        """As `Conversation.deadline`."""
        return self._machine.deadline

    @property
    def in_sync(self) -> bool:
        """As `Conversation.in_sync`."""
        return self._machine.in_sync

    def node(self, data: bytes, /) -> Node:
        """As `Conversation.node`."""
        return self._dialect.read(data, self._only)[0]

    def hear(self, data: bytes, /) -> tuple[Node, Heard]:
        """A type that is not served is met with silence: the client may want others too."""
        node, request = self._dialect.read(data, self._only)
        return node, None if request is None else self._machine.receive(request)

    def speak(self, snapshot: Snapshot, /, *, now: float) -> Iterator[tuple[Response, Callable[[], bytes]]]:
        """As `Conversation.speak`."""
        for response in self._machine.respond(snapshot, now=now):
            yield response, partial(self._dialect.write, response)


def delta(only: ResourceType | None, patience: Patience, diff: Diff) -> Conversation:
    """A new incremental stream."""
    return Spoken(DeltaDialect(), DeltaStream(patience=patience, diff=diff), only)


def sotw(only: ResourceType | None, patience: Patience, diff: Diff) -> Conversation:
    """A new state-of-the-world stream."""
    return Spoken(SotwDialect(), SotwStream(patience=patience, diff=diff), only)
