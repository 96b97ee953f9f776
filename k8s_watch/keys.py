"""Names of Kubernetes things."""

from collections.abc import Callable
from typing import Any, NamedTuple


class ObjectKey(NamedTuple):
    """Namespace and name. `namespace` is "" for cluster-scoped kinds."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Kind[T](NamedTuple):
    """A watchable resource type and how to decode it."""

    name: str
    """As in `kind:`, for example HTTPRoute."""
    group: str
    """"" for the core group."""
    versions: tuple[str, ...]
    """Versions that decode into `type`, the preferred first; the first one served is watched."""
    plural: str
    type: type[T]
    namespaced: bool = True
    selector: str = ""
    """A label selector that bounds what is watched; "" watches all."""
    optional: bool = False
    """Served by a CRD that may be missing: the kind counts as empty then, after a while, and is picked up when it
    appears. Of any other kind a 404 is a server in trouble: what was read last stays."""
    field_selector: str = ""
    """A field selector that bounds what is watched; "" watches all."""
    urgent_status: bool = False
    """Something is waiting for what others report in its status; most statuses are what we report ourselves."""
    essential: bool = False
    """Serving without it would be serving an empty world, or a wrong or unsafe one: never taken for empty because we
    may not read it. A replica that may not is not ready, and the rollout of a version with a new such kind stops there.
    """
    metadata_alone: bool = False
    """Nobody here reads more of it: the rest is not even sent."""
    trim: Callable[[T], T] | None = None
    """Takes away what nobody here reads, before an object is held."""
    page: int = 500
    """Objects of one page of a list: fewer where each may be a megabyte large."""


type AnyKind = Kind[Any]
