"""EndpointSlices of small worlds: addresses that come, get ready, drain and go, in several slices of a Service."""

from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import strategies as st

from k8s_watch.keys import ObjectKey
from k8s_watch.objects.core import EndpointSlice

type Slices = tuple[ObjectKey, tuple[EndpointSlice, ...]]
"""A Service, and all its slices."""

CONDITIONS: list[dict[str, Any]] = [
    {},
    {"ready": True, "serving": True, "terminating": False},
    {"ready": False},
    {"ready": False, "serving": True, "terminating": True},
    {"ready": False, "serving": False, "terminating": True},
]
PORTS = [{"name": ""}, {"name": ""}, {"name": "http"}, {"name": "udp", "protocol": "UDP"}]


def first_slices(service: ObjectKey) -> Slices:
    """One address that is ready."""
    return _built(service, [{"ports": [{"name": "", "port": 3000}], "endpoints": [{"addresses": ["10.0.0.1"]}]}])


def slices(services: Sequence[ObjectKey]) -> st.SearchStrategy[Slices]:
    """What becomes of all slices of one of these Services."""
    endpoint = st.fixed_dictionaries(
        {
            "addresses": st.sampled_from([["10.0.0.1"], ["10.0.0.2"]]),
            "conditions": st.sampled_from(CONDITIONS),
            "zone": st.sampled_from([None, "z1"]),
            "hints": st.sampled_from([None, {"forZones": [{"name": "z1"}]}, {"forZones": [{"name": "z2"}]}]),
        }
    )
    piece = st.fixed_dictionaries(
        {
            "addressType": st.sampled_from(["IPv4", "IPv4", "IPv4", "FQDN"]),
            "ports": st.builds(
                lambda port, number: [{**port, "port": number}], st.sampled_from(PORTS), st.sampled_from([3000, 3001])
            ),
            "endpoints": st.lists(endpoint, max_size=2),
        }
    )
    return st.builds(_built, st.sampled_from(services), st.lists(piece, max_size=2))


def _built(service: ObjectKey, pieces: list[dict[str, Any]]) -> Slices:
    metadata = [{"name": f"{service.name}-{i}", "namespace": service.namespace} for i in range(len(pieces))]
    documents = [{"metadata": meta, **piece} for meta, piece in zip(metadata, pieces, strict=True)]
    return service, msgspec.convert(documents, tuple[EndpointSlice, ...])
