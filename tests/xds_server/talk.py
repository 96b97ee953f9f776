"""Transcripts: what a client says to a stream, and what it hears, one line a response."""

from collections.abc import Mapping, Sequence

from xds_server.protocol.delta import DeltaStream
from xds_server.protocol.messages import DeltaRequest, Heard, Response, SotwRequest
from xds_server.protocol.patience import Patience
from xds_server.protocol.sotw import SotwStream
from xds_server.snapshot.resource import ResourceType, Snapshot


class Talk:
    """What both dialects share. Every method returns what the server says next, as `shown`."""

    stream: DeltaStream | SotwStream

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.now = 100.0
        self.heard: Heard = None
        """What the server made of the last request."""
        self.said: list[Response] = []
        """All responses so far."""
        self.unanswered: list[Response] = []
        """Those of them that the client has not answered, oldest first."""

    def push(self, snapshot: Snapshot) -> list[str]:
        """The server has a new snapshot."""
        self.snapshot = snapshot
        return self.listen()

    def wait(self, seconds: float) -> list[str]:
        """Time passes."""
        self.now += seconds
        return self.listen()

    def listen(self) -> list[str]:
        """Nothing was said; what does the server say?"""
        responses = self.stream.respond(self.snapshot, now=self.now)
        self.said += responses
        self.unanswered += responses
        return [shown(response) for response in responses]

    def nonce(self, type_: ResourceType) -> str:
        """The nonce of the oldest response of the type that was not answered; from now on it is."""
        response = next(r for r in self.unanswered if r.type is type_)
        self.unanswered.remove(response)
        return response.nonce

    def ack_all(self) -> list[str]:
        """Acknowledge everything, also what that brings, until it is quiet; return what it brought."""
        lines = []
        while self.unanswered:
            lines += self.ack(self.unanswered[0].type)
        return lines

    def ack(self, type_: ResourceType) -> list[str]:
        raise NotImplementedError


class DeltaTalk(Talk):
    """A delta client."""

    def __init__(self, snapshot: Snapshot, patience: Patience | None = None) -> None:
        super().__init__(snapshot)
        self.stream: DeltaStream = DeltaStream(patience=patience or Patience())

    def say(
        self,
        type_: ResourceType,
        *,
        subscribe: str = "",
        unsubscribe: str = "",
        holding: Mapping[str, str] | None = None,
        nonce: str = "",
        error: str | None = None,
    ) -> list[str]:
        """Send a request. Names are separated by spaces."""
        self.heard = self.stream.receive(
            DeltaRequest(
                type=type_,
                subscribe=tuple(subscribe.split()),
                unsubscribe=tuple(unsubscribe.split()),
                initial_versions=holding or {},
                nonce=nonce,
                error=error,
            )
        )
        return self.listen()

    def ack(self, type_: ResourceType) -> list[str]:
        """Acknowledge the oldest response of the type."""
        return self.say(type_, nonce=self.nonce(type_))

    def nack(self, type_: ResourceType, message: str = "no") -> list[str]:
        """Refuse the oldest response of the type."""
        return self.say(type_, nonce=self.nonce(type_), error=message)


class SotwTalk(Talk):
    """A state-of-the-world client."""

    def __init__(self, snapshot: Snapshot, patience: Patience | None = None) -> None:
        super().__init__(snapshot)
        self.stream: SotwStream = SotwStream(patience=patience or Patience())
        self._names: dict[ResourceType, str] = {}

    def say(
        self, type_: ResourceType, names: str = "", *, version: str = "", nonce: str = "", error: str | None = None
    ) -> list[str]:
        """Send a request. Names are separated by spaces."""
        self._names[type_] = names
        self.heard = self.stream.receive(
            SotwRequest(type=type_, names=tuple(names.split()), version=version, nonce=nonce, error=error)
        )
        return self.listen()

    def ack(self, type_: ResourceType, names: str | None = None) -> list[str]:
        """Acknowledge the oldest response of the type; `names` is what is wanted from now on, if that changes."""
        return self.say(type_, self._names[type_] if names is None else names, nonce=self.nonce(type_))

    def want(self, type_: ResourceType, names: str) -> list[str]:
        """Ask for something else, with the nonce of the newest response."""
        newest = [r for r in self.said if r.type is type_][-1]
        if newest in self.unanswered:
            self.unanswered.remove(newest)
        return self.say(type_, names, nonce=newest.nonce)

    def nack(self, type_: ResourceType, message: str = "no") -> list[str]:
        """Refuse the oldest response of the type."""
        return self.say(type_, self._names[type_], nonce=self.nonce(type_), error=message)


type AnyTalk = DeltaTalk | SotwTalk


def shown(response: Response) -> str:
    """`cluster a b -c`: type, what it brings, what it takes away."""
    return " ".join(
        [response.type.name.lower(), *(r.name for r in response.resources), *(f"-{n}" for n in response.removed)]
    )


def versions(snapshot: Snapshot, type_: ResourceType) -> Mapping[str, str]:
    """What a client holds that has all of the type."""
    return {name: resource.version for name, resource in snapshot.of(type_).by_name.items()}


def connected(talk: Talk, requests: Sequence[tuple[ResourceType, str]]) -> None:
    """Ask for all of it and acknowledge all that comes."""
    for type_, names in requests:
        if isinstance(talk, DeltaTalk):
            talk.say(type_, subscribe=names)
        elif isinstance(talk, SotwTalk):
            talk.say(type_, names)
        talk.ack_all()
