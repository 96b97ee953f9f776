"""RequestMirror filters → the clusters that get copies of requests, or why not."""

from collections.abc import Iterable

import msgspec

from gateway_api.graph.problems import Problem
from gateway_api.graph.references import Referrer
from gateway_api.graph.resolver import Resolver
from gateway_api.graph.routes.backend import http_cluster
from gateway_api.graph.types import HTTPRuleNode, MirrorNode
from gateway_api.ir.xds import Cluster, ClusterName
from k8s_watch.objects.routes import HTTPRequestMirror


def resolve_mirrors(
    mirrors: Iterable[HTTPRequestMirror | None], referrer: Referrer, resolver: Resolver
) -> tuple[MirrorNode, ...]:
    """Resolve what the filters of one list mirror to, in their order; filters of another type have None.

    Spec: Gateway API v1.6 HTTPRequestMirrorFilter.backendRef
    """
    return tuple(_mirror(mirror, referrer, resolver) for mirror in mirrors if mirror is not None)


def mirrors_of(rule: HTTPRuleNode) -> tuple[MirrorNode, ...]:
    """Return the mirrors of a rule and of its backends."""
    return (*rule.mirrors, *(mirror for backend in rule.backends for mirror in backend.mirrors))


def share_error(mirror: HTTPRequestMirror) -> str | None:
    """Return why the mirror's share of the requests is none, in words that go after the filter's place.

    Spec: Gateway API v1.6 HTTPRequestMirrorFilter.percent, Fraction
    """
    if mirror.percent is not None and mirror.fraction is not None:
        return "requestMirror has both percent and fraction; keep one"
    numerator, denominator = _share(mirror)
    if 0 <= numerator <= denominator and denominator > 0:
        return None
    field = "percent" if mirror.fraction is None else "fraction"
    return f"requestMirror.{field} is {numerator} of {denominator}; use 0 to {max(denominator, 1)}"


def _mirror(mirror: HTTPRequestMirror, referrer: Referrer, resolver: Resolver) -> MirrorNode:
    numerator, denominator = _share(mirror)
    found = http_cluster(mirror.backend_ref, referrer, resolver)
    cluster = found if isinstance(found, Problem) else _for_copies(found)
    return MirrorNode(numerator=numerator, denominator=denominator, cluster=cluster)


def _for_copies(cluster: Cluster) -> Cluster:
    """A cluster of their own: what limits copies must not limit the requests that the same backend gets."""
    return msgspec.structs.replace(cluster, name=ClusterName(f"{cluster.name}/mirror"), mirror=True)


def _share(mirror: HTTPRequestMirror) -> tuple[int, int]:
    if mirror.fraction is not None:
        return mirror.fraction.numerator, mirror.fraction.denominator
    return (1, 1) if mirror.percent is None else (mirror.percent, 100)
