"""The gRPC methods that are served, as a table: which dialect each speaks, and which type it is for.

Only streams. The unary Fetch methods are not there at all: there is no second door to guard.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from protos import type_urls
from xds_server.protocol.patience import Patience
from xds_server.serve.conversation import Conversation, delta, sotw
from xds_server.snapshot.diff import Diff
from xds_server.snapshot.resource import ResourceType

type Begin = Callable[[ResourceType | None, Patience, Diff], Conversation]


class Service(NamedTuple):
    """One gRPC service. Its methods are Stream<suffix> and Delta<suffix>."""

    name: str
    suffix: str
    only: ResourceType | None


SERVICES = (
    Service(type_urls.AGGREGATED_SERVICE, "AggregatedResources", None),
    Service(type_urls.CLUSTER_SERVICE, "Clusters", ResourceType.CLUSTER),
    Service(type_urls.ENDPOINT_SERVICE, "Endpoints", ResourceType.ENDPOINT),
    Service(type_urls.LISTENER_SERVICE, "Listeners", ResourceType.LISTENER),
    Service(type_urls.ROUTE_SERVICE, "Routes", ResourceType.ROUTE),
    Service(type_urls.SCOPED_ROUTE_SERVICE, "ScopedRoutes", ResourceType.SCOPED_ROUTE),
    Service(type_urls.SECRET_SERVICE, "Secrets", ResourceType.SECRET),
)

DIALECTS: Mapping[str, Begin] = {"Stream": sotw, "Delta": delta}
