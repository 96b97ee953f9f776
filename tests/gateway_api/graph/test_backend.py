import pytest
import yaml

from gateway_api.graph.problems import Problem
from gateway_api.graph.reference_grant import Grants
from gateway_api.graph.references import Referrer
from gateway_api.graph.resolver import Resolver
from gateway_api.graph.routes.backend import http_backend, l4_backend
from gateway_api.ir.xds import Cluster
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.core import Service, ServicePort, ServiceSpec
from k8s_watch.objects.meta import Meta
from k8s_watch.objects.routes import BackendRef

PORTS = (
    ServicePort(port=80),
    ServicePort(port=81, app_protocol="kubernetes.io/h2c"),
    ServicePort(port=82, app_protocol="kubernetes.io/wss"),
    ServicePort(port=53, protocol="UDP"),
    ServicePort(port=443, protocol="UDP"),
    ServicePort(port=443),
    ServicePort(port=84, app_protocol="kubernetes.io/new"),
    ServicePort(port=85, app_protocol="kubernetes.io/ws"),
)


def service(name: str, namespace: str = "default", kind: str = "ClusterIP") -> Service:
    return Service(metadata=Meta(name=name, namespace=namespace), spec=ServiceSpec(ports=PORTS, type=kind))


SERVICES = [service("web"), service("web", "other"), service("out", kind="ExternalName")]
RESOLVER = Resolver(Grants(()), {one.key: one for one in SERVICES}, {}, {}, occupied={}, directives={})
HTTP = Referrer("HTTPRoute", "default")
TCP = Referrer("TCPRoute", "default")


def test_a_clusters_name_says_the_service_the_port_and_what_is_not_default() -> None:
    names = [http_backend(BackendRef(name="web", port=port), HTTP, RESOLVER).cluster for port in (80, 81)]
    names.append(l4_backend(BackendRef(name="web", port=82), TCP, RESOLVER, "tcp").cluster)
    assert [(cluster.name, cluster.protocol) for cluster in names if isinstance(cluster, Cluster)] == [
        ("service/default/web/80", "http1"),
        ("service/default/web/81/http2", "http2"),
        ("service/default/web/82/tcp", "tcp"),
    ]


def test_the_tcp_port_of_a_number_is_meant() -> None:
    cluster = http_backend(BackendRef(name="web", port=443), HTTP, RESOLVER).cluster
    assert isinstance(cluster, Cluster)
    assert (cluster.backend, cluster.port) == (ObjectKey("default", "web"), 443)


@pytest.mark.parametrize(
    ("app_protocol", "http", "grpc"),
    [
        ("http", "http1", "http2"),
        ("HTTP2", "http2", "http2"),
        ("tcp", "http1", "http2"),
        ("mysql", "http1", "http2"),
        ("example.com/ours", "http1", "http2"),
        ("gateway.envoyproxy.io/h2c", "http2", "http2"),
    ],
)
def test_what_is_not_kubernetes_own_counts_where_it_is_known(app_protocol: str, http: str, grpc: str) -> None:
    """The field is for every reader: a mesh, or somebody who looks, may be meant."""
    one = Service(
        metadata=Meta(name="web", namespace="default"),
        spec=ServiceSpec(ports=(ServicePort(port=80, app_protocol=app_protocol),)),
    )
    resolver = Resolver(Grants(()), {one.key: one}, {}, {}, occupied={}, directives={})
    ref = BackendRef(name="web", port=80)
    found = [http_backend(ref, Referrer(kind, "default"), resolver).cluster for kind in ("HTTPRoute", "GRPCRoute")]
    assert [cluster.protocol for cluster in found if isinstance(cluster, Cluster)] == [http, grpc]


def test_a_web_socket_is_no_backend_for_grpc() -> None:
    node = http_backend(BackendRef(name="web", port=85), Referrer("GRPCRoute", "default"), RESOLVER)
    assert isinstance(node.cluster, Problem)
    assert node.cluster.reason == "UnsupportedProtocol"


@pytest.mark.parametrize(
    ("ref", "reason"),
    [
        ("{name: web, port: 80, kind: Pod}", "InvalidKind"),
        ("{name: web, port: 80, group: x.io}", "InvalidKind"),
        ("{name: out, port: 80}", "InvalidKind"),
        ("{name: none, port: 80}", "BackendNotFound"),
        ("{name: web, port: 8080}", "BackendNotFound"),
        ("{name: web}", "BackendNotFound"),
        ("{name: web, port: 80, namespace: other}", "RefNotPermitted"),
        ("{name: none, port: 80, namespace: other}", "RefNotPermitted"),
        ("{name: web, port: 82}", "UnsupportedProtocol"),
        ("{name: web, port: 53}", "UnsupportedProtocol"),
        ("{name: web, port: 84}", "UnsupportedProtocol"),
    ],
)
def test_a_reference_that_leads_nowhere_says_why(ref: str, reason: str) -> None:
    node = http_backend(BackendRef(**yaml.safe_load(ref), weight=7), HTTP, RESOLVER)
    assert isinstance(node.cluster, Problem)
    assert (node.weight, node.cluster.condition, node.cluster.reason) == (7, "ResolvedRefs", reason)
