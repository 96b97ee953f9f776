"""What is counted of what is served."""

from typing import Protocol

from xds_server.snapshot.resource import ResourceType


class Meter(Protocol):
    """Where counts go. Called on the hot path: must be cheap."""

    def sent(self, type_: ResourceType, resources: int, size: int, /) -> None:
        """A response went out, with so many resources, in so many bytes."""
        ...

    def acked(self, type_: ResourceType, /) -> None:
        """A response was taken."""
        ...

    def nacked(self, type_: ResourceType, /) -> None:
        """A response was refused."""
        ...

    def turned_away(self, code: str, /) -> None:
        """A stream was not let in, or ended by us. `code` is the name of a gRPC status code."""
        ...

    def caught_up(self, seconds: float, /) -> None:
        """A stream's proxy, which had everything before, has everything again: so long after it first lacked some."""
        ...


class NoMeter:
    """Counts nothing."""

    def sent(self, type_: ResourceType, resources: int, size: int, /) -> None: ...
    def acked(self, type_: ResourceType, /) -> None: ...
    def nacked(self, type_: ResourceType, /) -> None: ...
    def turned_away(self, code: str, /) -> None: ...
    def caught_up(self, seconds: float, /) -> None: ...
