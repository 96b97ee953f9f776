"""backendRef → a cluster, or why there is none."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

import msgspec
import xxhash

from gateway_api.graph import problems
from gateway_api.graph.mentions import some
from gateway_api.graph.problems import Problem
from gateway_api.graph.references import Referrer, kind_of, target_of
from gateway_api.graph.resolver import Resolver
from gateway_api.graph.types import BackendNode, ExternalBackend
from gateway_api.ir.xds import Cluster, ClusterName, ClusterProtocol, RetryBudget, Transport, UpstreamTls
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.core import Service, ServicePort
from k8s_watch.objects.gateway import EXPERIMENTAL_GROUP
from k8s_watch.objects.routes import BackendObjectReference, BackendRef

_MAX_WEIGHT = 1_000_000

_STANDARD = "kubernetes.io/"
"""What such an appProtocol says is meant. All others are IANA's names, or somebody's own, and set for whom they may be:
what we do not know of them says nothing. Spec: GEP-1911"""

_HTTP2 = frozenset({f"{_STANDARD}h2c", "gateway.envoyproxy.io/h2c", "h2c", "http2", "grpc"})
_WEBSOCKET = frozenset({f"{_STANDARD}ws", f"{_STANDARD}wss"})

type _Protocols = Mapping[str | None, ClusterProtocol | None]
"""An XBackend's protocol → what we speak; None: what is negotiated. Spec: Gateway API v1.6 BackendProtocol"""

_EXTERNAL_HTTP: _Protocols = {
    None: None,
    "HTTP": None,
    "HTTP11": "http1",
    "HTTP2": "http2",
    "H2C": "http2",
    "GRPC": "http2",
}
_EXTERNAL_GRPC: _Protocols = dict.fromkeys((None, "HTTP", "HTTP2", "H2C", "GRPC"), "http2")
_EXTERNAL_TCP: _Protocols = {None: "tcp", "TCP": "tcp"}

_NEAR = frozenset({"PreferClose", "PreferSameZone", "PreferSameNode"})
"""To a client outside the node, and that is most of them, the same node is no nearer than the same zone.
Spec: Kubernetes v1.36 ServiceSpec.trafficDistribution"""

_ENCRYPTED = frozenset({"https", "kubernetes.io/wss"})
"""Those that say that there is TLS under it."""


def http_backend(ref: BackendRef, referrer: Referrer, resolver: Resolver) -> BackendNode:
    """Resolve a backendRef of a route that speaks HTTP.

    Spec: Gateway API v1.6 HTTPBackendRef, "a reference is considered invalid when"
    """
    found = http_cluster(ref, referrer, resolver)
    if isinstance(found, Problem) or found.hostname:
        return _backend_node(ref, found)
    return msgspec.structs.replace(_backend_node(ref, found), session=resolver.backend_traffic(found.backend).session)


def http_cluster(
    ref: BackendObjectReference, referrer: Referrer, resolver: Resolver, *, grpc: bool = False
) -> Cluster | Problem:
    """Resolve a reference to something that speaks HTTP; the port's appProtocol chooses HTTP/1.1 or HTTP/2; where
    it does not, and there is TLS, the backend does.

    What speaks gRPC, as the backends of a GRPCRoute do, speaks HTTP/2, whether or not its port says so.

    Spec: Gateway API v1.6 BackendObjectReference; GEP-1911
    """
    is_grpc = grpc or referrer.kind == "GRPCRoute"
    if _is_external(ref):
        return _external(ref, referrer, resolver, _EXTERNAL_GRPC if is_grpc else _EXTERNAL_HTTP)
    target = _target_port(ref, referrer, resolver)
    if isinstance(target, Problem):
        return target
    service, port = target.service.key, target.port
    tls = resolver.backend_tls(service, port.name)
    if isinstance(tls, Problem):
        return tls
    app_protocol = (port.app_protocol or "").lower()
    protocol: ClusterProtocol | None = (
        "http2" if is_grpc or app_protocol in _HTTP2 else "http1" if app_protocol in _WEBSOCKET else None
    )
    if app_protocol.startswith(_STANDARD) and app_protocol not in (_HTTP2 if is_grpc else _HTTP2 | _WEBSOCKET):
        remedy = (
            "use kubernetes.io/h2c, or leave it out"
            if is_grpc
            else "use kubernetes.io/h2c or kubernetes.io/ws, or leave it out for HTTP/1.1"
        )
        return problems.unsupported_backend_protocol(
            f"Service {service} port {port.port} has appProtocol {port.app_protocol!r}, which is not "
            f"supported for {'gRPC' if is_grpc else 'HTTP'}; {remedy}."
        )
    if tls is None and app_protocol in _ENCRYPTED:
        return problems.unsupported_backend_protocol(
            f"Service {service} port {port.port} has appProtocol {port.app_protocol!r} and no BackendTLSPolicy, which "
            f"says whom to trust; make one that targets the Service."
        )
    budget = resolver.backend_traffic(service).retry_budget
    return _service_cluster(target, protocol or _negotiated(tls), tls, retry_budget=budget)


def l4_backend(
    ref: BackendRef,
    referrer: Referrer,
    resolver: Resolver,
    protocol: Literal["tcp", "udp"],
    *,
    encrypted: bool = False,
) -> BackendNode:
    """Resolve a backendRef of a route of bytes; the port's appProtocol does not matter, they are not ours to read.

    A BackendTLSPolicy is followed here too, but for datagrams, and for what clients have `encrypted`: the bytes are
    sent encrypted.

    Spec: Gateway API v1.6 TCPRouteRule.backendRefs, TLSRouteRule.backendRefs, UDPRouteRule.backendRefs
    Spec: Gateway API v1.6 BackendTLSPolicySpec.targetRefs, "consistent"
    """
    if _is_external(ref):
        external = _external(ref, referrer, resolver, _EXTERNAL_TCP if protocol == "tcp" else {})
        return msgspec.structs.replace(_backend_node(ref, external), unencrypted=_unencrypted(external))
    target = _target_port(ref, referrer, resolver, transport="UDP" if protocol == "udp" else "TCP")
    if isinstance(target, Problem):
        return _backend_node(ref, target)
    unencrypted = _service_cluster(target, protocol)
    tls = None if protocol == "udp" or encrypted else resolver.backend_tls(target.service.key, target.port.name)
    if tls is None:
        return _backend_node(ref, unencrypted)
    found = tls if isinstance(tls, Problem) else _service_cluster(target, protocol, tls)
    return msgspec.structs.replace(_backend_node(ref, found), unencrypted=unencrypted)


class _TargetPort(NamedTuple):
    service: Service
    port: ServicePort


def _service_cluster(
    target: _TargetPort,
    protocol: ClusterProtocol,
    tls: UpstreamTls | None = None,
    *,
    retry_budget: RetryBudget | None = None,
) -> Cluster:
    """Return the cluster of one port of a Service. Its name says its settings; plain `http1` is unmarked.

    It says neither the budget nor whether it is near, of which a Service has one: a new one is news of the cluster, and
    of no route.
    """
    service, number = target.service.key, target.port.port
    return Cluster(
        name=ClusterName(f"service/{service.namespace}/{service.name}/{number}{_suffix(protocol, tls)}"),
        backend=service,
        port=number,
        protocol=protocol,
        tls=tls,
        retry_budget=retry_budget,
        near=target.service.spec.traffic_distribution in _NEAR,
    )


def external_cluster(backend: ObjectKey, of: ExternalBackend, protocol: ClusterProtocol) -> Cluster:
    """Return the cluster of an XBackend, named in the same way."""
    name = f"xbackend/{backend.namespace}/{backend.name}/{of.hostname}/{of.port}{_suffix(protocol, of.tls)}"
    return Cluster(
        name=ClusterName(name), backend=backend, port=of.port, protocol=protocol, tls=of.tls, hostname=of.hostname
    )


def _suffix(protocol: ClusterProtocol, tls: UpstreamTls | None) -> str:
    suffix = "" if protocol == "http1" else f"/{protocol}"
    return suffix if tls is None else f"{suffix}/tls-{_digest(tls)}"


def weight_problems(refs: Iterable[BackendRef], where: str) -> Iterator[Problem]:
    """Yield what is wrong with the weights of a rule's backendRefs; `where` names the rule, for example `rules[0]`.

    Spec: Gateway API v1.6 BackendRef.weight
    """
    for i, ref in enumerate(refs):
        if not 0 <= ref.weight <= _MAX_WEIGHT:
            yield problems.unsupported_value(
                f"{where}.backendRefs[{i}].weight is {ref.weight}: use 0 to {_MAX_WEIGHT}."
            )


def _digest(tls: UpstreamTls) -> str:
    """Stands for all but the content of the secrets: a rotation is no other cluster."""
    names = [(name.kind, name.value) for name in tls.names]
    shown = [tls.client_certificate.name] if tls.client_certificate else []
    return xxhash.xxh3_64_hexdigest(msgspec.json.encode((tls.server_name, names, tls.authorities.name, *shown)))


def _backend_node(ref: BackendRef, found: Cluster | Problem) -> BackendNode:
    return BackendNode(weight=min(max(ref.weight, 0), _MAX_WEIGHT), cluster=found)


def _is_external(ref: BackendObjectReference) -> bool:
    return (ref.group, ref.kind) == (EXPERIMENTAL_GROUP, "XBackend")


def _external(
    ref: BackendObjectReference, referrer: Referrer, resolver: Resolver, protocols: _Protocols
) -> Cluster | Problem:
    target = target_of(ref, referrer.namespace)
    found = resolver.external_backend(referrer, target)
    if isinstance(found, Problem):
        return found
    if ref.port not in (None, found.port):
        return problems.backend_not_found(f"XBackend {target} has no port {ref.port}; its port: {found.port}.")
    if found.protocol not in protocols:
        return problems.unsupported_backend_protocol(
            f"XBackend {target}{f' with protocol {found.protocol}' if found.protocol else ''} is not supported for "
            f"{referrer.kind}s."
        )
    return external_cluster(target, found, protocols[found.protocol] or _negotiated(found.tls))


def _negotiated(tls: UpstreamTls | None) -> ClusterProtocol:
    return "auto" if tls else "http1"


def _unencrypted(found: Cluster | Problem) -> Cluster | None:
    """An XBackend's cluster as it is for what clients have encrypted; None: as it is."""
    if isinstance(found, Problem) or found.tls is None or found.hostname is None:
        return None
    return external_cluster(found.backend, ExternalBackend(hostname=found.hostname, port=found.port), found.protocol)


def _target_port(
    ref: BackendObjectReference, referrer: Referrer, resolver: Resolver, transport: Transport = "TCP"
) -> _TargetPort | Problem:
    if (ref.group, ref.kind) != ("", "Service"):
        return problems.invalid_kind(
            f"backendRef {ref.name} is of kind {kind_of(ref)}; Service and XBackend are supported."
        )
    target = target_of(ref, referrer.namespace)
    service = resolver.service(referrer, target)
    if isinstance(service, Problem):
        return service
    if service.spec.type == "ExternalName":
        # The Service's owner could point us at anything, inside the cluster too: CVE-2021-25740.
        return problems.invalid_kind(
            f"Service {target} is of type ExternalName, which is not supported, for security reasons."
        )
    if ref.port is None:
        return problems.backend_not_found(f"backendRef {ref.name} needs a port: Service {target} may have several.")
    ports = [port for port in service.spec.ports if port.port == ref.port]
    if not ports:
        known = some(str(port.port) for port in service.spec.ports)
        return problems.backend_not_found(f"Service {target} has no port {ref.port}; its ports: {known}.")
    for port in ports:
        if port.protocol == transport:
            return _TargetPort(service, port)
    return problems.unsupported_backend_protocol(f"Service {target} port {ref.port} is not a {transport} port.")
