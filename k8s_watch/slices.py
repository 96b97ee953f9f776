"""EndpointSlices by slice → by the Service that they belong to."""

from collections.abc import Iterable, Mapping

from immutables import Map

from k8s_watch.keys import ObjectKey
from k8s_watch.objects.core import EndpointSlice

SERVICE_LABEL = "kubernetes.io/service-name"
"""Spec: Kubernetes discovery/v1 EndpointSlice, LabelServiceName."""


def service_of(of: EndpointSlice) -> ObjectKey | None:
    """Return the Service that the slice belongs to, if to any."""
    name = of.metadata.labels.get(SERVICE_LABEL)
    return ObjectKey(of.metadata.namespace, name) if name else None


class SliceIndex:
    """Keeps slices grouped by Service. Work is in proportion to the change."""

    def __init__(self) -> None:
        self.by_service: Map[ObjectKey, tuple[EndpointSlice, ...]] = Map()
        """Slices of one Service sorted by name. A tuple is the same while its slices are."""
        self._service_of: dict[ObjectKey, ObjectKey] = {}
        self._slices_of: dict[ObjectKey, set[ObjectKey]] = {}

    def update(self, slices: Mapping[ObjectKey, EndpointSlice], changed: Iterable[ObjectKey]) -> frozenset[ObjectKey]:
        """Take in that the slices `changed` are now as in `slices`; return the Services that this touches."""
        touched: set[ObjectKey] = set()
        for key in changed:
            if (old := self._service_of.pop(key, None)) is not None:
                self._slices_of[old].discard(key)
                touched.add(old)
            held = slices.get(key)
            if held is not None and (service := service_of(held)) is not None:
                self._service_of[key] = service
                self._slices_of.setdefault(service, set()).add(key)
                touched.add(service)
        if touched:
            self.by_service = self._regrouped(slices, touched)
        return frozenset(touched)

    def _regrouped(
        self, slices: Mapping[ObjectKey, EndpointSlice], touched: Iterable[ObjectKey]
    ) -> Map[ObjectKey, tuple[EndpointSlice, ...]]:
        with self.by_service.mutate() as groups:
            for service in touched:
                if keys := self._slices_of[service]:
                    groups[service] = tuple(slices[key] for key in sorted(keys))
                else:
                    del self._slices_of[service]
                    groups.pop(service, None)
        return groups.finish()
