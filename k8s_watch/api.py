"""The read half of the Kubernetes API, as a port. `http.py` is the adapter, tests bring a scripted one."""

from collections.abc import AsyncGenerator
from typing import NamedTuple, Protocol

import msgspec

from k8s_watch.keys import AnyKind

RETRY_AFTER_MOST = 60.0
"""Seconds for which we let a server, or who answers in its place, send us away."""


class ApiError(Exception):
    """The API server answered with an error Status. Retried by who asked, never by who sends."""

    def __init__(self, code: int, message: str, *, reason: str = "", retry_after: float | None = None) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.reason = reason
        """The Status' reason, for example AlreadyExists; "" when the answer was no Status."""
        self.retry_after = None if retry_after is None else min(retry_after, RETRY_AFTER_MOST)
        """Seconds, when the server said how long to wait: never more than `RETRY_AFTER_MOST`."""

    @property
    def is_forbidden(self) -> bool:
        """Whether we may not do what we asked for."""
        return self.code == 403


def asked_to_wait(error: Exception) -> float:
    """Seconds for which the server sent us away with this error; 0 where it did not."""
    return (error.retry_after or 0.0) if isinstance(error, ApiError) else 0.0


class Gone(ApiError):
    """410: the resourceVersion or continue token is too old; only a relist helps."""


class NotServed(ApiError):
    """404 on the collection: no CRD serves this kind (now)."""


class Page(NamedTuple):
    """One page of a list. `items` are the objects' JSON, undecoded; one that is kept keeps the whole page."""

    items: tuple[bytes | msgspec.Raw, ...]
    resource_version: str
    continue_token: str
    """"" on the last page."""


class KubeReader(Protocol):
    """Reads collections. Raises `ApiError` and its kinds, `OSError`, with words, when it cannot be reached."""

    async def served_version(self, kind: AnyKind, /) -> str:
        """Which of the kind's versions to read; raises `NotServed` when none is."""
        ...

    async def list_page(self, kind: AnyKind, version: str, /, *, limit: int, continue_token: str) -> Page:
        """Read one page of at most `limit` objects, of all when it is 0, as consistent as a quorum read."""
        ...

    def watch(
        self, kind: AnyKind, version: str, /, *, resource_version: str, timeout: float
    ) -> AsyncGenerator[bytes, None]:
        """Yield raw watch lines until the server closes, falls silent, or `timeout` seconds have passed.

        The time is asked of the server and enforced by the reader. An empty line says that the watch is open and
        means nothing else.
        """
        ...
