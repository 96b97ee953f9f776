"""Graph → GatewayIR, on graphs made by hand."""

from gateway_api.graph.types import BackendNode, HTTPRouteNode, HTTPRuleNode
from gateway_api.ir import xds as ir
from gateway_api.lowering import route_tables
from k8s_watch.objects.routes import HTTPPathMatch, HTTPRouteMatch, HTTPRouteRule
from tests.gateway_api.lowering.graphs import (
    CONFLICTED,
    REFUSED,
    WITHOUT_AUTHORITY,
    WITHOUT_CERTIFICATE,
    backend,
    listener,
    lower,
    object_of,
    route,
    rule,
    tcp_route,
    tls_secret,
)


def hosts(lowered: ir.GatewayIR) -> dict[str, list[str]]:
    """Hostname → the names of the route objects that serve it, in order."""
    return {v.hostname: [object_of(r) for r in v.routes] for t in lowered.route_tables for v in t.virtual_hosts}


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
    broken = BackendNode(weight=3, cluster=REFUSED)
    forward = action(lower((listener(),), route("r", ("*",), rule("/", backend("one"), broken))))
    assert isinstance(forward, ir.Forward)
    assert (forward.destinations[1].cluster, forward.destinations[1].weight) == (ir.INVALID_BACKEND, 3)


def test_rules_that_reach_no_backend_answer_500() -> None:
    broken = BackendNode(weight=3, cluster=REFUSED)
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
    lowered = lower((listener("bad", problems=(REFUSED,)), listener("good", 81)))
    assert [x.port for x in lowered.listeners] == [81]


def test_a_port_on_which_no_listener_serves_has_no_place() -> None:
    assert lower((listener("a", 443, "a.com", protocol="HTTPS", problems=(WITHOUT_CERTIFICATE,)),)).listeners == ()


def test_two_in_conflict_leave_their_hostname_to_nobody() -> None:
    twins = tuple(listener(name, 80, "a.com", problems=(CONFLICTED,)) for name in ("twin-1", "twin-2"))
    lowered = lower((listener("wide", 80), *twins), route("r", ("a.com", "b.com"), rule("/"), to="wide"))
    assert hosts(lowered) == {"a.com": [], "b.com": ["r"]}


def test_two_in_conflict_are_closed_once() -> None:
    twins = tuple(listener(name, 443, "a.com", protocol="HTTPS", problems=(CONFLICTED,)) for name in ("one", "two"))
    (port,) = lower((listener("wide", 443, "*.com", protocol="HTTPS"), *twins)).listeners
    assert [chain.server_names for chain in port.filter_chains] == [("*.com",), ("a.com",)]


def test_one_that_conflicts_with_a_listener_that_serves_does_not_close_it() -> None:
    late = listener("late", 443, "a.com", protocol="TLS", problems=(CONFLICTED,))
    (port,) = lower((listener("first", 443, "a.com", protocol="HTTPS"), late)).listeners
    assert [chain.name for chain in port.filter_chains] == ["https-443/a.com"]


def test_one_without_an_authority_to_trust_leaves_its_hostname_to_nobody() -> None:
    named = listener("a", 443, "a.com", protocol="HTTPS", problems=(WITHOUT_AUTHORITY,))
    (port,) = lower((listener("wide", 443, "*.com", protocol="TLS"), named)).listeners
    assert [chain.server_names for chain in port.filter_chains] == [("*.com",), ("a.com",)]


def test_one_that_is_refused_or_of_another_protocol_owns_nothing_of_a_port() -> None:
    refused = listener("refused", 80, "a.com", problems=(REFUSED,))
    late = listener("late", 80, "a.com", protocol="HTTPS", problems=(CONFLICTED,))
    lowered = lower((listener("wide", 80), refused, late), route("r", ("a.com",), rule("/"), to="wide"))
    assert hosts(lowered) == {"a.com": ["r"]}


def test_one_for_all_hostnames_that_does_not_serve_leaves_the_others_as_they_are() -> None:
    broken = listener("broken", 443, protocol="HTTPS", problems=(WITHOUT_CERTIFICATE,))
    named = listener("a", 443, "a.com", protocol="HTTPS")
    lowered = lower((named, broken), route("r", ("a.com",), rule("/"), to="a"))
    assert lowered.listeners == lower((named,)).listeners
    assert hosts(lowered)["a.com"] == ["r"]


def test_listeners_of_one_port_share_it() -> None:
    lowered = lower((listener("a", 80, "a.com"), listener("b", 80, "b.com")))
    assert [x.name for x in lowered.listeners] == ["tcp-80"]
    assert hosts(lowered) == {"a.com": [], "b.com": []}


def test_a_route_with_two_parents_on_one_listener_is_served_once() -> None:
    once = route("r", ("a.com",), rule("/", backend("one")))
    twice = HTTPRouteNode(source=once.source, parents=once.parents * 2, rules=once.rules)
    assert hosts(lower((listener(),), twice)) == {"a.com": ["r"]}


def test_each_https_listener_has_its_own_chain_and_table() -> None:
    one, other = tls_secret("one"), tls_secret("other")
    lowered = lower(
        (
            listener("any", 443, protocol="HTTPS", certificates=(one,)),
            listener("a", 443, "a.com", protocol="HTTPS", certificates=(other, one)),
        )
    )
    first, second = lowered.listeners[0].filter_chains
    assert (first.name, first.server_names, first.handler) == (
        "https-443/*",
        (),
        ir.HttpChain(route_table=first.name),
    )
    assert (second.name, second.server_names) == ("https-443/a.com", ("a.com",))
    assert second.tls == ir.DownstreamTls(secrets=("default/other", "default/one"))
    assert lowered.secrets == (one, other)
    assert [table.name for table in lowered.route_tables] == ["https-443/*", "https-443/a.com"]


def test_a_request_on_the_wrong_tls_connection_is_misdirected() -> None:
    lowered = lower(
        (listener("any", 443, protocol="HTTPS"), listener("a", 443, "a.com", protocol="HTTPS")),
        route("r", ("*",), rule("/", backend("one")), to="any"),
    )
    tables = {table.name: table.virtual_hosts for table in lowered.route_tables}
    served, elsewhere = sorted(tables["https-443/*"], key=lambda host: host.hostname)
    assert (served.hostname, object_of(served.routes[0])) == ("*", "r")
    assert (elsewhere.hostname, elsewhere.routes[0].action) == ("a.com", ir.Respond(status=421, closes=True))
    assert elsewhere.heir == "https-443/a.com"


def test_what_passes_to_a_listener_without_a_table_has_no_heir() -> None:
    listeners = (listener("any", 443, protocol="HTTPS"), listener("a", 443, "a.com", protocol="TLS"))
    (table,) = lower(listeners).route_tables
    assert [(host.hostname, host.heir) for host in table.virtual_hosts] == [("a.com", "")]


def test_a_listener_of_another_name_is_the_same_to_proxies() -> None:
    """No connection is closed for it, and nothing is sent."""

    def named(name: str) -> ir.GatewayIR:
        return lower(
            (listener(name, 443, "a.com", protocol="HTTPS"),),
            route("r", ("a.com",), rule("/", backend("one")), to=name),
        )

    assert named("one") == named("other")


def test_a_connection_may_have_been_made_for_a_hostname_below_the_listeners_own(monkeypatch) -> None:
    listeners = [
        listener(name, 443, hostname, protocol="HTTPS") for name, hostname in (("a", "*.a.com"), ("b", "b.com"))
    ]
    listeners.append(listener("below", 443, "x.a.com", protocol="HTTPS"))

    def closed() -> set[tuple[str, str]]:
        return {
            (table.name, host.hostname)
            for table in lower(tuple(listeners)).route_tables
            for host in table.virtual_hosts
            if any(route.action == ir.Respond(status=421, closes=True) for route in host.routes)
        }

    assert closed() == {("https-443/*.a.com", "x.a.com")}
    monkeypatch.setattr(route_tables, "FEW_HOSTNAMES", 2)
    assert closed() == set()


def test_the_oldest_tcp_route_takes_the_port() -> None:
    lowered = lower(
        (listener("tcp", 9000, protocol="TCP"),),
        tcp_routes=(tcp_route("old", backend("one", 3), backend("two")), tcp_route("new", backend("three"))),
    )
    handler = lowered.listeners[0].filter_chains[0].handler
    assert isinstance(handler, ir.TcpChain)
    assert [(d.cluster, d.weight) for d in handler.destinations] == [
        ("service/default/one/80", 3),
        ("service/default/two/80", 1),
    ]


def test_a_tcp_port_without_a_usable_backend_has_no_destination() -> None:
    broken = tcp_route("r", BackendNode(weight=1, cluster=REFUSED))
    for routes in ((), (broken,), (tcp_route("r", backend("one", 0)),)):
        lowered = lower((listener("tcp", 9000, protocol="TCP"),), tcp_routes=routes)
        assert lowered.listeners[0].filter_chains[0].handler == ir.TcpChain(destinations=())


def test_a_match_that_cannot_be_made_has_no_route() -> None:
    paths = (HTTPPathMatch(type="RegularExpression", value="("), HTTPPathMatch(value="/good"))
    spec = HTTPRouteRule(matches=tuple(HTTPRouteMatch(path=path) for path in paths))
    node = HTTPRuleNode(index=0, spec=spec, backends=(), problems=(REFUSED,), unusable=frozenset({0}))
    lowered = lower((listener(),), route("r", ("*",), node))
    (kept,) = lowered.route_tables[0].virtual_hosts[0].routes
    assert (kept.match.path.value, kept.action) == ("/good", ir.Respond(status=500))


def test_no_matches_are_one_match_of_everything() -> None:
    node = HTTPRuleNode(index=0, spec=HTTPRouteRule(matches=()), backends=())
    (only,) = lower((listener(),), route("r", ("*",), node)).route_tables[0].virtual_hosts[0].routes
    assert only.match == ir.Match(path=ir.PathMatch(kind="prefix", value="/"))
