"""An object → the object as its user wrote it: what others report of it is no reason to judge it anew."""

import msgspec

from k8s_watch.objects.gateway import Gateway, GatewayStatus
from k8s_watch.objects.routes import Route, RouteStatus

_NO_GATEWAY_STATUS = GatewayStatus()
_NO_ROUTE_STATUS = RouteStatus()


def as_written[O: (Gateway, Route)](source: O) -> O:
    """Return the object without its status and finalizers, and without the version that each write changes."""
    metadata = msgspec.structs.replace(source.metadata, resource_version="", finalizers=())
    status = _NO_GATEWAY_STATUS if isinstance(source, Gateway) else _NO_ROUTE_STATUS
    return msgspec.structs.replace(source, metadata=metadata, status=status)
