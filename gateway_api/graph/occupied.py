"""EndpointSlices → whether a Service has an address for requests: all that the graph asks of them, and seldom."""

from collections.abc import Iterable, Mapping

from k8s_watch.keys import ObjectKey
from k8s_watch.objects.core import EndpointConditions, EndpointSlice


def is_draining(conditions: EndpointConditions) -> bool | None:
    """False: ready for new requests; True: only finishing; None: neither.

    Spec: Kubernetes discovery/v1 EndpointConditions: unknown ready and serving count as true
    """
    if conditions.ready is not False:
        return False
    if conditions.terminating and conditions.serving is not False:
        return True
    return None


class Occupied:
    """A lookup of Services that are there to answer: one that has such an address is in it. Cost: follows the addresses
    that are not ready, up to the first one that is.
    """

    def __init__(self, slices: Mapping[ObjectKey, tuple[EndpointSlice, ...]]) -> None:
        """`slices` are by their Service."""
        self._slices = slices

    def get(self, key: ObjectKey, /) -> bool | None:
        return _has_address(self._slices.get(key, ())) or None

    def __contains__(self, key: object, /) -> bool:
        return isinstance(key, ObjectKey) and _has_address(self._slices.get(key, ()))


def _has_address(slices: Iterable[EndpointSlice]) -> bool:
    return any(is_draining(each.conditions) is not None for piece in slices for each in piece.endpoints)
