"""The write half of the Kubernetes API, as a port. `http.py` is the adapter, tests bring a scripted one."""

from typing import Any, Protocol

from k8s_watch.api import ApiError
from k8s_watch.keys import AnyKind, ObjectKey

type Json = dict[str, Any]


class Conflict(ApiError):
    """409: the object moved on; read it again and decide again."""


class NotFound(ApiError):
    """404: no such object."""


class KubeWriter(Protocol):
    """Single-object calls. Raises `ApiError` and its kinds, and `OSError`, with words, when the server cannot be
    reached.
    """

    async def get(self, kind: AnyKind, key: ObjectKey, /) -> Json: ...

    async def list(self, kind: AnyKind, /, *, namespace: str, selector: str) -> list[Json]: ...

    async def create(self, kind: AnyKind, key: ObjectKey, body: Json, /) -> Json: ...

    async def replace(self, kind: AnyKind, key: ObjectKey, body: Json, /) -> Json:
        """PUT with the body's resourceVersion; raises `Conflict` when it is old."""
        ...

    async def replace_status(self, kind: AnyKind, key: ObjectKey, body: Json, /) -> str:
        """PUT of the status subresource → the new resourceVersion; raises `Conflict` when the body's is old."""
        ...

    async def apply(self, kind: AnyKind, manifest: Json, /, *, field_manager: str) -> Json:
        """Server-side apply, forced: what we own of the object becomes what the manifest says."""
        ...

    async def overwrite(self, kind: AnyKind, manifest: Json, /) -> Json:
        """JSON merge patch of an object that is there: what the manifest mentions becomes what it says, lists as a
        whole. An apply merges some lists by their items' keys, and leaves items that are others'.
        """
        ...

    async def delete(self, kind: AnyKind, key: ObjectKey, /, *, uid: str) -> None:
        """Delete exactly the object with this uid; an absent one is no error."""
        ...
