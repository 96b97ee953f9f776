"""Paths of collections and objects on the API server. Spec: Kubernetes API concepts, "Resource URIs"."""

from k8s_watch.keys import AnyKind, ObjectKey


def group_path(kind: AnyKind, version: str) -> str:
    """Return the path of a kind's group version, where it says what it serves."""
    return f"/apis/{kind.group}/{version}" if kind.group else f"/api/{version}"


def collection_path(kind: AnyKind, version: str, *, namespace: str = "") -> str:
    """Return the path of a kind's collection, of all namespaces when `namespace` is ""."""
    root = group_path(kind, version)
    return f"{root}/namespaces/{namespace}/{kind.plural}" if namespace else f"{root}/{kind.plural}"


def object_path(kind: AnyKind, version: str, key: ObjectKey) -> str:
    """Return the path of one object."""
    return f"{collection_path(kind, version, namespace=key.namespace)}/{key.name}"
