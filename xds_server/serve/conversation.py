"""A dialect's bytes and its protocol machine as one: bytes in, verdicts and bytes out."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, Protocol

from xds_server.protocol.delta import DeltaStream
from xds_server.protocol.messages import Heard, Response
from xds_server.protocol.patience import Patience
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


class Said(NamedTuple):
    """A request."""

    node: Node
    """Who it says it is from."""
    take_in: Callable[[], Heard]
    """Has the stream's machine take it in, once. Raises `ProtocolError`."""


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

    def read(self, data: bytes, /) -> Said:
        """What a request says. Raises `Malformed` or `ProtocolError`."""
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

    def read(self, data: bytes, /) -> Said:
        """A type that is not served is met with silence: the client may want others too."""
        node, request = self._dialect.read(data, self._only)
        return Said(node, _nothing if request is None else partial(self._machine.receive, request))

    def speak(self, snapshot: Snapshot, /, *, now: float) -> Iterator[tuple[Response, Callable[[], bytes]]]:
        """As `Conversation.speak`."""
        for response in self._machine.respond(snapshot, now=now):
            yield response, partial(self._dialect.write, response)


def _nothing() -> None:
    """What is made of a request that is passed over."""


def delta(only: ResourceType | None, patience: Patience, diff: Diff) -> Conversation:
    """A new incremental stream."""
    return Spoken(DeltaDialect(), DeltaStream(patience=patience, diff=diff), only)


def sotw(only: ResourceType | None, patience: Patience, diff: Diff) -> Conversation:
    """A new state-of-the-world stream."""
    return Spoken(SotwDialect(), SotwStream(patience=patience, diff=diff), only)
