"""Resolved backendRefs → weighted destinations."""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from gateway_api.graph.types import BackendNode
from gateway_api.ir import xds as ir
from gateway_api.lowering import filters
from k8s_watch.objects.routes import HTTPBackendRef


def http_destinations(
    refs: Sequence[HTTPBackendRef],
    backends: Sequence[BackendNode],
    session: Callable[[BackendNode], ir.Session | None],
) -> tuple[ir.Destination, ...]:
    """Return one destination a backend, in the same order. `refs` and `backends` belong together by position.

    `session` says how clients return to a backend.

    An unusable backend keeps its share of the traffic, which fails.

    Spec: Gateway API v1.6 HTTPRouteRule.backendRefs, "80% of requests must receive a 500"
    """
    return tuple(
        ir.Destination(
            cluster=_cluster(backend),
            weight=backend.weight,
            request_headers=filters.request_headers(ref.filters),
            response_headers=filters.response_headers(ref.filters),
            session=session(backend),
        )
        for ref, backend in zip(refs, backends, strict=True)
    )


def l4_destinations(backends: Iterable[BackendNode]) -> tuple[ir.Destination, ...]:
    """Return one destination a backend, in the same order; none when nothing can reach any.

    An unusable backend keeps its share of the connections, which are closed, or of the datagrams, which are dropped.

    Spec: Gateway API v1.6 TCPRouteRule.backendRefs, TLSRouteRule.backendRefs, UDPRouteRule.backendRefs
    """
    destinations = tuple(ir.Destination(cluster=_cluster(backend), weight=backend.weight) for backend in backends)
    return destinations if reachable(destinations) else ()


def with_certificate(cluster: ir.Cluster, shown: ir.TlsSecret | None) -> ir.Cluster:
    """Return the cluster as a Gateway has it that shows this certificate to its backends. An XBackend has its own.

    Spec: Gateway API v1.6 GatewayBackendTLS.clientCertificateRef
    """
    if cluster.tls is None or cluster.hostname or cluster.tls.client_certificate == shown:
        return cluster
    return msgspec.structs.replace(cluster, tls=msgspec.structs.replace(cluster.tls, client_certificate=shown))


def reachable(destinations: Iterable[ir.Destination]) -> bool:
    """Whether any request can reach a backend that exists."""
    return any(d.weight > 0 and d.cluster != ir.INVALID_BACKEND for d in destinations)


def _cluster(backend: BackendNode) -> ir.ClusterName:
    return backend.cluster.name if isinstance(backend.cluster, ir.Cluster) else ir.INVALID_BACKEND
