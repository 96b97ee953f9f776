"""`KubeWriter` calls → HTTP requests, error Statuses → typed errors. Never retries."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from k8s_apply.api import Conflict, Json, KubeWriter, NotFound
from k8s_watch.api import ApiError
from k8s_watch.connection import JSON, Connection
from k8s_watch.decode import read_head
from k8s_watch.keys import AnyKind, ObjectKey
from k8s_watch.paths import collection_path, object_path

APPLY = "application/apply-patch+yaml"
"""JSON is YAML: the body is sent as JSON. Spec: Kubernetes API concepts, "Server-Side Apply"."""

MERGE = "application/merge-patch+json"

READ_TIMEOUT = 10.0
"""Seconds for a request that reads one object, connecting included."""
LIST_TIMEOUT = 60.0
"""Seconds for one that lists: to find what is ours the server may look at every Secret that there is, and without its
answer nothing of ours is written."""
WRITE_TIMEOUT = 65.0
"""Seconds for one that writes. The API server ends it after a minute at most; till then it may wait for webhooks. To
leave before the server has is to have it refused, also by a webhook that may be ignored: again and again, for ever.

Spec: Kubernetes admissionregistration/v1 `timeoutSeconds`, `failurePolicy`; kube-apiserver `--request-timeout`
"""

type Served = Callable[[AnyKind], Awaitable[str]]
"""Which of a kind's versions this API server serves; raises `NotServed`."""


async def preferred_version(kind: AnyKind) -> str:
    """The kind's first version, without asking: right for all that is built into Kubernetes."""
    return kind.versions[0]


class HttpWriter(KubeWriter):
    """The adapter. `served` is asked once about each kind with more than one version, and again after any 404: a CRD
    may have been replaced by one with other versions."""

    def __init__(self, connection: Connection, *, served: Served = preferred_version) -> None:
        self._connection = connection
        self._served = served
        self._versions: dict[str, str] = {}
        """Kind name → the version that is served, as far as is known."""

    async def get(self, kind: AnyKind, key: ObjectKey, /) -> Json:
        """As the port says; not found means that the object is not, never that its version is served no more."""
        version = await self._version(kind)
        try:
            return await self._send("GET", object_path(kind, version, key))
        except NotFound:
            if await self._version(kind) == version:
                raise
        return await self._send("GET", await self._object(kind, key))

    async def list(self, kind: AnyKind, /, *, namespace: str, selector: str) -> list[Json]:
        """One request for all of them; `namespace` "" means every namespace. Items lack apiVersion and kind."""
        path = await self._collection(kind, namespace)
        answer = await self._send("GET", path, params={"labelSelector": selector})
        items: list[Json] = answer.get("items") or []
        return items

    async def create(self, kind: AnyKind, key: ObjectKey, body: Json, /) -> Json:
        return await self._send("POST", await self._collection(kind, key.namespace), body)

    async def replace(self, kind: AnyKind, key: ObjectKey, body: Json, /) -> Json:
        return await self._send("PUT", await self._object(kind, key), body)

    async def replace_status(self, kind: AnyKind, key: ObjectKey, body: Json, /) -> str:
        version = await self._version(kind)
        path = object_path(kind, version, key)
        # The body may have been read as another version; the request's wins.
        body = {**body, "apiVersion": api_version(kind, version), "kind": kind.name}
        return read_head(await self._exchange("PUT", path + "/status", body)).resource_version

    async def apply(self, kind: AnyKind, manifest: Json, /, *, field_manager: str) -> Json:
        meta = manifest["metadata"]
        path = await self._object(kind, ObjectKey(meta.get("namespace", ""), meta["name"]))
        params = {"fieldManager": field_manager, "force": "true"}
        return await self._send("PATCH", path, manifest, params=params, content_type=APPLY)

    async def overwrite(self, kind: AnyKind, manifest: Json, /) -> Json:
        meta = manifest["metadata"]
        path = await self._object(kind, ObjectKey(meta.get("namespace", ""), meta["name"]))
        return await self._send("PATCH", path, manifest, content_type=MERGE)

    async def delete(self, kind: AnyKind, key: ObjectKey, /, *, uid: str) -> None:
        options = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        try:
            await self._send("DELETE", await self._object(kind, key), options)
        except (NotFound, Conflict):
            return  # gone, or another object bears the name now: the one that we mean exists no more

    async def _send(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        params: dict[str, str] | None = None,
        content_type: str = JSON,
    ) -> Json:
        answer = await self._exchange(method, path, body, params=params, content_type=content_type)
        try:
            found = msgspec.json.decode(answer, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ApiError(500, f"{method} {path}: the answer is no object of Kubernetes: {error}") from error
        if not isinstance(found.get("metadata"), dict):  # an object, a list and a Status have it alike
            raise ApiError(500, f"{method} {path}: the answer is no object of Kubernetes: it has no metadata")
        return found

    async def _exchange(
        self,
        method: str,
        path: str,
        body: Json | None,
        *,
        params: dict[str, str] | None = None,
        content_type: str = JSON,
    ) -> bytes:
        data = None if body is None else msgspec.json.encode(body)
        reading = LIST_TIMEOUT if params else READ_TIMEOUT  # a selector makes a list
        timeout = reading if method == "GET" else WRITE_TIMEOUT
        try:
            return await self._connection.request(
                method, path, params=params, body=data, content_type=content_type, timeout=timeout
            )
        except ApiError as error:
            if error.code == 404:
                self._versions.clear()
            raise _typed(error) from error

    async def _version(self, kind: AnyKind) -> str:
        if len(kind.versions) == 1:
            return kind.versions[0]
        if kind.name not in self._versions:
            self._versions[kind.name] = await self._served(kind)
        return self._versions[kind.name]

    async def _collection(self, kind: AnyKind, namespace: str) -> str:
        return collection_path(kind, await self._version(kind), namespace=namespace)

    async def _object(self, kind: AnyKind, key: ObjectKey) -> str:
        return object_path(kind, await self._version(kind), key)


def api_version(kind: AnyKind, version: str) -> str:
    """As in `apiVersion:`, for example gateway.networking.k8s.io/v1."""
    return f"{kind.group}/{version}" if kind.group else version


def _typed(error: ApiError) -> ApiError:
    match error.code:
        case 404:
            kind: type[ApiError] = NotFound
        case 409:
            kind = Conflict
        case _:
            return error
    return kind(error.code, error.message, reason=error.reason, retry_after=error.retry_after)
