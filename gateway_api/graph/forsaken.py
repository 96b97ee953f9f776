"""Objects that Gateways of ours have nothing to do with any more → those whose status still has an entry of ours."""

from collections.abc import Container, Iterable, Mapping

from gateway_api.graph.types import GraphSettings
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.backends import XBackend
from k8s_watch.objects.policies import Policy
from k8s_watch.objects.routes import Route

type Source = Route | Policy | XBackend


def forsaken(
    keys: Iterable[ObjectKey],
    sources: Mapping[ObjectKey, Source],
    nodes: Container[ObjectKey],
    settings: GraphSettings,
) -> frozenset[ObjectKey]:
    """Return those of `keys` that are among the objects of a kind, not among its nodes, and have an entry of ours.

    Spec: Gateway API v1.6 RouteParentStatus.controllerName, "entries are cleaned up when no longer necessary"
    Spec: Gateway API v1.6 PolicyAncestorStatus.controllerName, the same
    """
    return frozenset(
        key
        for key in keys
        if key not in nodes and (source := sources.get(key)) is not None and _has_entry(source, settings)
    )


def _has_entry(source: Source, settings: GraphSettings) -> bool:
    entries = source.status.ancestors if isinstance(source, Policy) else source.status.parents
    return any(entry.controller_name == settings.controller_name for entry in entries)
