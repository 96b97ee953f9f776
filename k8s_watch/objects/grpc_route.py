"""gateway.networking.k8s.io GRPCRoute. What it shares with HTTPRoute is in `routes`."""

from k8s_watch.objects.meta import Shape
from k8s_watch.objects.routes import (
    HTTPBackendRef,
    HTTPHeaderMatch,
    HTTPRouteFilter,
    ParentReference,
    Route,
    SessionPersistence,
)


class GRPCMethodMatch(Shape, frozen=True):
    """Without a service: any service; without a method: any method."""

    type: str = "Exact"
    """Exact or RegularExpression."""
    service: str | None = None
    method: str | None = None


class GRPCRouteMatch(Shape, frozen=True):
    method: GRPCMethodMatch | None = None
    headers: tuple[HTTPHeaderMatch, ...] = ()


class GRPCRouteRule(Shape, frozen=True):
    """No matches means one match of every request."""

    name: str | None = None
    matches: tuple[GRPCRouteMatch, ...] = (GRPCRouteMatch(),)
    filters: tuple[HTTPRouteFilter, ...] = ()
    backend_refs: tuple[HTTPBackendRef, ...] = ()
    session_persistence: SessionPersistence | None = None


class GRPCRouteSpec(Shape, frozen=True):
    """Unlike an HTTPRoute's, `rules` have no default: without any nothing is matched."""

    parent_refs: tuple[ParentReference, ...] = ()
    hostnames: tuple[str, ...] = ()
    rules: tuple[GRPCRouteRule, ...] = ()
    use_default_gateways: str | None = None


class GRPCRoute(Route, frozen=True):
    spec: GRPCRouteSpec = GRPCRouteSpec()
