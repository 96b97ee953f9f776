"""The read half of the Kubernetes API, as a port. `http.py` is the adapter, tests bring a scripted one."""

from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol

from k8s_watch.keys import AnyKind


class ApiError(Exception):
    """The API server answered with an error Status. Retried with backoff, in one place: the watcher."""

    def __init__(self, code: int, message: str, *, reason: str = "", retry_after: float | None = None) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.reason = reason
        """The Status' reason, for example AlreadyExists; "" when the answer was no Status."""
        self.retry_after = retry_after
        """Seconds, when the server said how long to wait."""


class Gone(ApiError):
    """410: the resourceVersion or continue token is too old; only a relist helps."""


class NotServed(ApiError):
    """404 on the collection: no CRD serves this kind (now)."""


class Page(NamedTuple):
    """One page of a list. `items` are the objects' JSON, undecoded."""

    items: tuple[bytes, ...]
    resource_version: str
    continue_token: str
    """"" on the last page."""


class KubeReader(Protocol):
    """Reads collections. Raises `ApiError` and its kinds, and `OSError` when the server cannot be reached."""

    async def served_version(self, kind: AnyKind, /) -> str:
        """Which of the kind's versions to read; raises `NotServed` when none is."""
        ...

    async def list_page(self, kind: AnyKind, version: str, /, *, limit: int, continue_token: str) -> Page: ...

    def watch(self, kind: AnyKind, version: str, /, *, resource_version: str, timeout: float) -> AsyncIterator[bytes]:
        """Yield raw watch lines until the server closes. `timeout`: seconds, asked of the server and enforced by us."""
        ...
