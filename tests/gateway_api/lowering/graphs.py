"""Graphs made by hand: the shortest way to say a listener, a backend, a rule, a route."""

from immutables import Map

from gateway_api.graph.problems import Problem
from gateway_api.graph.types import (
    BackendNode,
    Binding,
    GatewayNode,
    Graph,
    GraphSettings,
    HTTPRouteNode,
    HTTPRuleNode,
    L4RouteNode,
    L4RuleNode,
    ListenerNode,
    Parent,
    RouteNode,
    Routes,
)
from gateway_api.ir import xds as ir
from gateway_api.lowering.gateway import lower_gateway
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.gateway import Gateway, GatewaySpec, Listener
from k8s_watch.objects.meta import Meta
from k8s_watch.objects.routes import (
    HTTPBackendRef,
    HTTPPathMatch,
    HTTPRoute,
    HTTPRouteMatch,
    HTTPRouteRule,
    ParentReference,
    TCPRoute,
)

EG = ObjectKey("default", "eg")
REFUSED = Problem(condition="Accepted", reason="Invalid", message="because")
CONFLICTED = Problem(condition="Conflicted", reason="HostnameConflict", message="because")
WITHOUT_AUTHORITY = Problem(condition="Accepted", reason="NoValidCACertificate", message="because")
WITHOUT_CERTIFICATE = Problem(condition="Programmed", reason="Invalid", message="because")


def listener(
    name: str = "http",
    port: int = 80,
    hostname: str | None = None,
    *,
    protocol: str = "HTTP",
    certificates: tuple[ir.TlsSecret, ...] = (),
    problems: tuple[Problem, ...] = (),
) -> ListenerNode:
    return ListenerNode(
        gateway=EG,
        spec=Listener(name=name, port=port, protocol=protocol, hostname=hostname),
        bind_port=port + 10000 if port < 1024 else port,
        kinds=(),
        certificates=certificates,
        problems=problems,
    )


def tls_secret(name: str) -> ir.TlsSecret:
    return ir.TlsSecret(name=f"default/{name}", certificate_chain=b"chain", private_key=ir.PrivateBytes(b"key"))


def backend(name: str, weight: int = 1) -> BackendNode:
    cluster = ir.Cluster(name=ir.ClusterName(f"service/default/{name}/80"), backend=ObjectKey("default", name), port=80)
    return BackendNode(weight=weight, cluster=cluster)


def rule(path: str, *backends: BackendNode, problems: tuple[Problem, ...] = ()) -> HTTPRuleNode:
    spec = HTTPRouteRule(
        matches=(HTTPRouteMatch(path=HTTPPathMatch(value=path)),),
        backend_refs=tuple(HTTPBackendRef(name="any", port=80) for _ in backends),
    )
    return HTTPRuleNode(index=0, spec=spec, backends=backends, problems=problems)


def route(name: str, hostnames: tuple[str, ...], *rules: HTTPRuleNode, to: str = "http") -> HTTPRouteNode:
    parent = Parent(ref=ParentReference(name="eg"), gateway=EG, bindings=(Binding(listener=to, hostnames=hostnames),))
    return HTTPRouteNode(
        source=HTTPRoute(metadata=Meta(name=name, namespace="default")), parents=(parent,), rules=rules
    )


def object_of(lowered: ir.Route) -> str:
    """The name of the route object that this is of; its own where it is of none."""
    return lowered.name.split("/")[2] if "/" in lowered.name else lowered.name


def tcp_route(name: str, *backends: BackendNode, to: str = "tcp") -> L4RouteNode:
    parent = Parent(ref=ParentReference(name="eg"), gateway=EG, bindings=(Binding(listener=to, hostnames=("*",)),))
    return L4RouteNode(
        source=TCPRoute(metadata=Meta(name=name, namespace="default")),
        parents=(parent,),
        rules=(L4RuleNode(backends=backends),),
    )


def graph(
    listeners: tuple[ListenerNode, ...],
    *routes: HTTPRouteNode,
    tcp_routes: tuple[L4RouteNode, ...] = (),
    spec: GatewaySpec | None = None,
    problems: tuple[Problem, ...] = (),
) -> Graph:
    """One Gateway, default/eg; `routes` and `tcp_routes` in order of precedence."""
    source = Gateway(
        metadata=Meta(name="eg", namespace="default", uid="1"), spec=spec or GatewaySpec(gateway_class_name="eg")
    )
    return Graph(
        settings=GraphSettings(),
        gateways=Map({EG: GatewayNode(source=source, listeners=listeners, problems=problems)}),
        http={"HTTPRoute": _routes(routes)},
        l4={"TCPRoute": _routes(tcp_routes)},
    )


def _routes[N: RouteNode](nodes: tuple[N, ...]) -> Routes[N]:
    keys = tuple(node.source.key for node in nodes)
    return Routes(nodes=Map(zip(keys, nodes, strict=True)), of=Map({EG: keys}))


def lower(
    listeners: tuple[ListenerNode, ...], *routes: HTTPRouteNode, tcp_routes: tuple[L4RouteNode, ...] = ()
) -> ir.GatewayIR:
    return lower_gateway(graph(listeners, *routes, tcp_routes=tcp_routes), EG)
