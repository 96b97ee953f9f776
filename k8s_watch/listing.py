"""The objects of a kind as a server has them now: listed once, for who need not watch them."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping
from typing import Any, NamedTuple

import msgspec

from k8s_watch.api import ApiError, KubeReader, NotServed
from k8s_watch.events import InitApply, Reject
from k8s_watch.keys import AnyKind, Kind, ObjectKey
from k8s_watch.lines import listed
from k8s_watch.objects.meta import Object
from k8s_watch.snapshot import FIELDS, ClusterSnapshot, Rejected


async def items_of(api: KubeReader, kind: AnyKind, version: str = "") -> AsyncGenerator[bytes | msgspec.Raw, None]:
    """Yield the JSON of all objects, in the server's order, of the kind's first version unless another is named.

    Raises what `list_page` raises.
    """
    token = ""
    while True:
        page = await api.list_page(kind, version or kind.versions[0], limit=kind.page, continue_token=token)
        for item in page.items:
            yield item
        token = page.continue_token
        if not token:
            return


async def readable[T: Object](api: KubeReader, kind: Kind[T]) -> AsyncGenerator[T, None]:
    """Yield the objects of the kind's first version, those left out that do not fit their shape. As `items_of`."""
    async for item in items_of(api, kind):
        found = listed(kind, kind.versions[0], item)
        if isinstance(found, InitApply):
            yield found.object


async def read_once(api: KubeReader, kinds: Collection[AnyKind]) -> tuple[ClusterSnapshot, Mapping[str, ApiError]]:
    """Return what there is of these kinds, which `FIELDS` names, and of which we may read none, by name, each with why.

    An optional kind without a CRD has no objects. Tries nothing twice: raises `ApiError` and `OSError`.
    """
    fields: dict[str, Any] = {}
    rejected: list[Rejected] = []
    forbidden: dict[str, ApiError] = {}
    try:
        async with asyncio.TaskGroup() as tasks:
            reading = [tasks.create_task(_collection(api, kind), name=f"list {kind.name}") for kind in kinds]
    except ExceptionGroup as failed:  # the first, with which the others ended
        raise failed.exceptions[0] from None
    for kind, task in zip(kinds, reading, strict=True):
        match found := task.result():
            case _Collection(objects, rejects):
                fields[FIELDS[kind.name]] = objects
                rejected += rejects
            case ApiError():
                forbidden[kind.name] = found
    return ClusterSnapshot(revision=1, rejected=tuple(rejected), **fields), forbidden


class _Collection(NamedTuple):
    objects: dict[ObjectKey, Any]
    rejected: list[Rejected]


async def _collection(api: KubeReader, kind: AnyKind) -> _Collection | ApiError:
    """Return all of a kind, or the answer that we may not read it."""
    found = _Collection({}, [])
    try:
        version = await api.served_version(kind)
        async for item in items_of(api, kind, version):
            match listed(kind, version, item):
                case InitApply(of):
                    found.objects[of.key] = of
                case Reject(rejected):
                    found.rejected.append(rejected)
    except NotServed:
        if not kind.optional:
            raise
    except ApiError as error:
        if not error.is_forbidden:
            raise
        return error
    return found
