"""A reference as its user wrote it → who refers, what to, and what to call it in messages."""

from typing import NamedTuple, Protocol

from k8s_watch.keys import ObjectKey
from k8s_watch.objects.gateway import GROUP


class Referrer(NamedTuple):
    """The end of a reference that points: what kind of object, in which namespace."""

    kind: str
    namespace: str
    group: str = GROUP


class KindReference(Protocol):
    """What names a kind."""

    @property
    def group(self) -> str: ...
    @property
    def kind(self) -> str: ...


class NamespacedReference(Protocol):
    """What names an object, its kind aside."""

    @property
    def namespace(self) -> str | None: ...
    @property
    def name(self) -> str: ...


def target_of(ref: NamespacedReference, home: str) -> ObjectKey:
    """Return the key of what an object in namespace `home` refers to: there, unless the reference names another one.

    Spec: Gateway API v1.6 ObjectReference.namespace, "When unspecified, the local namespace is inferred"
    """
    return ObjectKey(home if ref.namespace is None else ref.namespace, ref.name)


def kind_of(ref: KindReference) -> str:
    """Return the kind and its group in words: `HTTPRoute.gateway.networking.k8s.io`; Kubernetes' own have no group."""
    return f"{ref.kind}.{ref.group}" if ref.group else ref.kind
