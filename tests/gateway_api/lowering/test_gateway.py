"""Graph → GatewayIR, on graphs made by hand."""

from gateway_api.graph.types import (
    BackendNode,
    Binding,
    GatewayNode,
    Graph,
    HTTPRouteNode,
    HTTPRuleNode,
    ListenerNode,
    Parent,
    Problem,
    Settings,
)
from gateway_api.ir import xds as ir
from gateway_api.lowering.gateway import lower_gateway
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.gateway import Gateway, GatewayClass, GatewayClassSpec, GatewaySpec, Listener
from k8s_watch.objects.meta import Meta
from k8s_watch.objects.routes import (
    HTTPBackendRef,
    HTTPPathMatch,
    HTTPRoute,
    HTTPRouteMatch,
    HTTPRouteRule,
    ParentReference,
)

EG = ObjectKey("default", "eg")
CLASS = GatewayClass(metadata=Meta(name="eg"), spec=GatewayClassSpec(controller_name="ours"))
REFUSED = Problem(condition="Accepted", reason="Invalid", message="because")


def listener(name: str = "http", port: int = 80, hostname: str | None = None, *problems: Problem) -> ListenerNode:
    spec = Listener(name=name, port=port, protocol="HTTP", hostname=hostname)
    return ListenerNode(gateway=EG, spec=spec, bind_port=port + 10000, kinds=(), problems=problems)


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


def lower(listeners: tuple[ListenerNode, ...], *routes: HTTPRouteNode) -> ir.GatewayIR:
    spec = GatewaySpec(gateway_class_name="eg", listeners=tuple(node.spec for node in listeners))
    source = Gateway(metadata=Meta(name="eg", namespace="default"), spec=spec)
    graph = Graph(
        settings=Settings(),
        gateways={EG: GatewayNode(source=source, gateway_class=CLASS, listeners=listeners)},
        http_routes={node.source.key: node for node in routes},
        http_routes_of={EG: tuple(node.source.key for node in routes)},
    )
    return lower_gateway(graph, EG)


def hosts(lowered: ir.GatewayIR) -> dict[str, list[str]]:
    """Hostname → the names of the route objects that serve it, in order."""
    return {v.hostname: [r.source.name for r in v.routes] for t in lowered.route_tables for v in t.virtual_hosts}


def action(lowered: ir.GatewayIR) -> ir.Action:
    return lowered.route_tables[0].virtual_hosts[0].routes[0].action


def test_a_route_is_served_on_the_port_of_its_listener() -> None:
    lowered = lower((listener(),), route("r", ("a.com",), rule("/x", backend("one"))))
    assert [(x.name, x.port, x.bind_port) for x in lowered.listeners] == [("tcp-80", 80, 10080)]
    assert lowered.listeners[0].filter_chains[0].handler == ir.HttpChain(route_table="http-80")
    assert hosts(lowered) == {"a.com": ["r"]}


def test_backends_keep_their_weights() -> None:
    lowered = lower((listener(),), route("r", ("*",), rule("/", backend("one", 9), backend("two", 0))))
    forward = action(lowered)
    assert isinstance(forward, ir.Forward)
    assert [(d.cluster, d.weight) for d in forward.destinations] == [
        ("service/default/one/80", 9),
        ("service/default/two/80", 0),
    ]
    assert [c.backend.name for c in lowered.clusters] == ["one", "two"]


def test_an_unusable_backend_keeps_its_share() -> None:
    broken = BackendNode(weight=3, problem=REFUSED)
    forward = action(lower((listener(),), route("r", ("*",), rule("/", backend("one"), broken))))
    assert isinstance(forward, ir.Forward)
    assert (forward.destinations[1].cluster, forward.destinations[1].weight) == (ir.INVALID_BACKEND, 3)


def test_rules_that_reach_no_backend_answer_500() -> None:
    broken = BackendNode(weight=3, problem=REFUSED)
    for dead in (
        rule("/"),
        rule("/", broken),
        rule("/", backend("one", 0)),
        rule("/", backend("one", 0), broken),
        rule("/", backend("one"), problems=(REFUSED,)),
    ):
        assert action(lower((listener(),), route("r", ("*",), dead))) == ir.Respond(status=500)


def test_a_listener_without_routes_has_an_empty_table() -> None:
    assert lower((listener(),)).route_tables == (ir.RouteTable(name="http-80", virtual_hosts=()),)


def test_a_refused_listener_has_no_place() -> None:
    lowered = lower((listener("bad", 80, None, REFUSED), listener("good", 81)))
    assert [x.port for x in lowered.listeners] == [81]


def test_listeners_of_one_port_share_it() -> None:
    lowered = lower((listener("a", 80, "a.com"), listener("b", 80, "b.com")))
    assert [x.name for x in lowered.listeners] == ["tcp-80"]
    assert hosts(lowered) == {"a.com": [], "b.com": []}


def test_a_route_with_two_parents_on_one_listener_is_served_once() -> None:
    once = route("r", ("a.com",), rule("/", backend("one")))
    twice = HTTPRouteNode(source=once.source, parents=once.parents * 2, rules=once.rules)
    assert hosts(lower((listener(),), twice)) == {"a.com": ["r"]}
