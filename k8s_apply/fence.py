"""A `KubeWriter` that writes only while it may: the last line before the wire."""

from collections.abc import Callable

from k8s_apply.api import Json, KubeWriter
from k8s_watch.keys import AnyKind, ObjectKey


class NotLeadingError(OSError):
    """Nothing was sent: somebody else may be the leader by now."""


class FencedWriter(KubeWriter):
    """Passes reads on; before each write, asks `may_write` and raises `NotLeadingError` when it says no.

    Cancelling the writers when leadership is lost is not enough: a process that was stopped for a while wakes up with
    its tasks ready to write, before the task that would tell them that time is up.
    """

    def __init__(self, api: KubeWriter, may_write: Callable[[], bool]) -> None:
        self._api = api
        self._may_write = may_write

    async def get(self, kind: AnyKind, key: ObjectKey, /) -> Json:
        return await self._api.get(kind, key)

    async def list(self, kind: AnyKind, /, *, namespace: str, selector: str) -> list[Json]:
        return await self._api.list(kind, namespace=namespace, selector=selector)

    async def create(self, kind: AnyKind, key: ObjectKey, body: Json, /) -> Json:
        self._check()
        return await self._api.create(kind, key, body)

    async def replace(self, kind: AnyKind, key: ObjectKey, body: Json, /) -> Json:
        self._check()
        return await self._api.replace(kind, key, body)

    async def replace_status(self, kind: AnyKind, key: ObjectKey, body: Json, /) -> str:
        self._check()
        return await self._api.replace_status(kind, key, body)

    async def apply(self, kind: AnyKind, manifest: Json, /, *, field_manager: str) -> Json:
        self._check()
        return await self._api.apply(kind, manifest, field_manager=field_manager)

    async def overwrite(self, kind: AnyKind, manifest: Json, /) -> Json:
        self._check()
        return await self._api.overwrite(kind, manifest)

    async def delete(self, kind: AnyKind, key: ObjectKey, /, *, uid: str) -> None:
        self._check()
        await self._api.delete(kind, key, uid=uid)

    def _check(self) -> None:
        if not self._may_write():
            raise NotLeadingError("not the leader any more")
