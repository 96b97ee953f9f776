"""ListenerSets beside their Gateway and beside each other; single claims are in `tests/cases/listenerset`."""

import json
from collections.abc import Callable

import msgspec
import pytest

import gateway_api
from gateway_api.graph.change import GraphChange
from gateway_api.graph.hostnames import wider
from gateway_api.graph.incremental.keeper import GraphKeeper
from gateway_api.graph.types import Graph, GraphSettings, ListenerNode
from gateway_api.ir.fleet import GatewayFleet
from gateway_api.ir.infra import GatewayInfra
from gateway_api.status.gateway import gateway_status
from k8s_watch.keys import ObjectKey
from tests.gateway_api.conftest import WORLD, snapshot_of
from tests.gateway_api.worlds import changed
from tests.lines import lines_run

type Build = Callable[..., Graph]

EG = ObjectKey("default", "eg")


def gateway(listeners: str, allowed: str = "{namespaces: {from: All}}") -> str:
    spec = f"{{gatewayClassName: eg, allowedListeners: {allowed}, listeners: [{listeners}]}}"
    return f"{{kind: Gateway, metadata: {{name: eg}}, spec: {spec}}}"


def listener_set(name: str, listeners: str, created: int = 1) -> str:
    meta = f"{{name: {name}, creationTimestamp: '2026-01-0{created}T00:00:00Z'}}"
    return f"{{kind: ListenerSet, metadata: {meta}, spec: {{parentRef: {{name: eg}}, listeners: [{listeners}]}}}}"


def http(name: str, hostname: str, port: int = 80) -> str:
    return f"{{name: {name}, port: {port}, protocol: HTTP, hostname: {hostname}}}"


def https(name: str, hostname: str) -> str:
    tls = "{certificateRefs: [{name: none}]}"
    return f"{{name: {name}, port: 443, protocol: HTTPS, hostname: {hostname}, tls: {tls}}}"


def route(name: str, parent: str) -> str:
    spec = (
        f"{{parentRefs: [{{kind: ListenerSet, name: {parent}}}], rules: [{{backendRefs: [{{name: web, port: 80}}]}}]}}"
    )
    return f"{{kind: HTTPRoute, metadata: {{name: {name}}}, spec: {spec}}}"


def reasons(listener: ListenerNode) -> list[str]:
    return [problem.reason for problem in listener.problems]


def verdicts(graph: Graph) -> dict[str, list[str]]:
    return {
        f"{key.name}/{one.spec.name}": reasons(one) for key, s in graph.listener_sets.items() for one in s.listeners
    }


OWN = http("own", "own.com")


def test_what_covers_a_hostname_is_listed_from_near_to_far() -> None:
    assert list(wider("a.b.c")) == ["*.b.c", "*.c", "*"]
    assert list(wider("*.b.c")) == ["*.c", "*"]
    assert list(wider("*")) == []


def test_hostnames_overlap_where_there_is_tls_and_not_on_the_udp_port_of_that_number(graph: Build) -> None:
    def tls(name: str, **hostname: str) -> str:
        return json.dumps({"name": name, "port": 443, "protocol": "TLS", "tls": {"mode": "Passthrough"}, **hostname})

    added = f"{tls('one', hostname='a.com')}, {{name: udp, port: 443, protocol: UDP}}"
    built = graph(gateway(tls("any")), listener_set("a", added))
    assert verdicts(built) == {"a/one": ["OverlappingHostnames"], "a/udp": []}


def test_the_oldest_wins_and_among_twins_the_first_by_name(graph: Build) -> None:
    sets = [listener_set(*one) for one in (("b", http("l", "x.com"), 1), ("a", http("l", "x.com"), 1))]
    assert verdicts(graph(gateway(OWN), *sets)) == {"a/l": [], "b/l": ["HostnameConflict"]}
    older = listener_set("b", http("l", "x.com"), 1), listener_set("a", http("l", "x.com"), 2)
    assert verdicts(graph(gateway(OWN), *older)) == {"a/l": ["HostnameConflict"], "b/l": []}


def test_own_listeners_that_exclude_each_other_are_in_the_way_all_the_same(graph: Build) -> None:
    built = graph(
        gateway(f"{http('one', 'x.com')}, {http('two', 'x.com')}, {OWN}"), listener_set("a", http("l", "x.com"))
    )
    assert verdicts(built) == {"a/l": ["HostnameConflict"]}


def test_no_listener_set_ever_costs_the_gateway_a_listener(graph: Build) -> None:
    tcp = "{name: t, port: 80, protocol: TCP}"
    built = graph(gateway(OWN), listener_set("a", f"{tcp}, {http('l', 'own.com')}"))
    assert [reasons(one) for one in built.gateways[EG].listeners] == [[]]
    assert verdicts(built) == {"a/t": ["ProtocolConflict"], "a/l": ["HostnameConflict"]}


def test_a_listener_that_is_refused_alone_takes_nothing(graph: Build) -> None:
    broken = listener_set("a", "{name: l, port: 9000, protocol: SCTP}", 1)
    built = graph(gateway(OWN), broken, listener_set("b", http("l", "x.com", 9000), 2))
    assert verdicts(built) == {"a/l": ["UnsupportedProtocol"], "b/l": []}


def test_a_listener_whose_certificate_is_lost_keeps_its_hostname(graph: Build) -> None:
    built = graph(gateway(OWN), *(listener_set(name, https("l", "x.com"), age) for age, name in enumerate("ab", 1)))
    assert "HostnameConflict" not in verdicts(built)["a/l"]
    assert "HostnameConflict" in verdicts(built)["b/l"]


def test_a_listener_whose_authorities_are_lost_keeps_its_hostname(graph: Build) -> None:
    authorities = "{caCertificateRefs: [{group: '', kind: ConfigMap, name: none}]}"
    frontend = f", tls: {{frontend: {{default: {{validation: {authorities}}}}}}}"
    spec = (
        f"gatewayClassName: eg, allowedListeners: {{namespaces: {{from: All}}}}, listeners: [{https('own', 'x.com')}]"
    )
    own = f"{{kind: Gateway, metadata: {{name: eg}}, spec: {{{spec}{frontend}}}}}"
    passing = "{name: l, port: 443, protocol: TLS, hostname: x.com, tls: {mode: Passthrough}}"
    built = graph(own, listener_set("a", passing))
    assert "NoValidCACertificate" in reasons(built.gateways[EG].listeners[0])
    assert verdicts(built) == {"a/l": ["ProtocolConflict"]}


@pytest.mark.parametrize(
    "allowed", ["{}", "{namespaces: {}}", "{namespaces: {from: Selector}}", "{namespaces: {from: X}}"]
)
def test_without_a_word_nobody_is_allowed(allowed: str, graph: Build) -> None:
    node = graph(gateway(OWN, allowed), listener_set("a", http("l", "x.com"))).listener_sets["default", "a"]
    assert ([problem.reason for problem in node.problems], node.listeners) == (["NotAllowed"], ())


def test_only_listeners_of_a_listener_set_are_named_with_it(graph: Build) -> None:
    node = graph(gateway(OWN), listener_set("a", http("l", "x.com"))).gateways[EG]
    assert [listener.name for listener in node.all_listeners] == ["own", "default/a/l"]


def test_a_gateways_status_costs_the_same_however_many_listener_sets_it_has(graph: Build) -> None:
    """It is said anew for each route that comes, and whenever a proxy answers."""

    def lines(count: int) -> int:
        sets = [listener_set(f"s{n}", http("l", f"h{n}.com")) for n in range(count)]
        node = graph(gateway(OWN), *sets, listener_set("t", http("l", "h0.com"), 2)).gateways[EG]
        assert gateway_status(node, GatewayFleet(), GatewayInfra()).attached_listener_sets == count
        return lines_run(lambda: gateway_status(node, GatewayFleet(), GatewayInfra()), gateway_api)

    assert lines(8) == lines(2)


# --- kept -------------------------------------------------------------------------------------------------------------


class Kept:
    """A Gateway with two ListenerSets, kept."""

    def __init__(self) -> None:
        sets = [listener_set(name, http("l", f"{name}.com")) for name in "ab"]
        self.cluster = snapshot_of(WORLD, gateway(OWN), *sets, route("r", "a"))
        self.keeper = GraphKeeper(GraphSettings())
        self.before, _ = self.keeper.update(self.cluster)

    def put(self, *texts: str) -> tuple[Graph, GraphChange]:
        read = snapshot_of(*texts)
        sets = [("ListenerSet", key, found) for key, found in read.listener_sets.items()]
        routes = [("HTTPRoute", key, found) for key, found in read.http_routes.items()]
        gateways = [("Gateway", key, found) for key, found in read.gateways.items()]
        self.cluster = changed(self.cluster, [*gateways, *sets, *routes])
        return self.keeper.update(self.cluster)


def test_a_status_written_moves_its_listener_set_alone() -> None:
    kept, key = Kept(), ObjectKey("default", "a")
    metadata = msgspec.structs.replace(kept.cluster.listener_sets[key].metadata, resource_version="2")
    written = msgspec.structs.replace(kept.cluster.listener_sets[key], metadata=metadata)
    graph, change = kept.keeper.update(changed(kept.cluster, [("ListenerSet", key, written)]))
    assert (change.listener_sets, change.gateways) == ({key}, frozenset())
    assert graph.gateways is kept.before.gateways


def test_a_status_written_of_the_gateway_judges_no_listener_of_its_listener_sets_anew() -> None:
    kept = Kept()
    before = kept.cluster.gateways[EG]
    written = msgspec.structs.replace(before, metadata=msgspec.structs.replace(before.metadata, resource_version="2"))
    graph, change = kept.keeper.update(changed(kept.cluster, [("Gateway", EG, written)]))
    assert (change.gateways, change.listener_sets, change.gateways_served) == ({EG}, frozenset(), frozenset())
    assert graph.gateways[EG].source is written
    assert graph.gateways[EG].set_listeners is kept.before.gateways[EG].set_listeners


def test_a_route_is_counted_by_its_listener_set_alone() -> None:
    graph, change = Kept().put(route("s", "a"))
    assert (change.listener_sets, change.gateways) == ({("default", "a")}, frozenset())
    assert [one.attached_routes for one in graph.listener_sets["default", "a"].listeners] == [2]


def test_who_gives_way_gets_its_hostname_back_when_the_other_leaves() -> None:
    kept = Kept()
    graph, _ = kept.put(listener_set("b", http("l", "a.com"), 2))
    assert verdicts(graph) == {"a/l": [], "b/l": ["HostnameConflict"]}
    graph, change = kept.put(listener_set("a", http("l", "other.com")))
    assert verdicts(graph) == {"a/l": [], "b/l": []}
    assert (change.listener_sets, change.gateways_served) == ({("default", "a"), ("default", "b")}, {EG})


def test_a_gateway_that_closes_itself_loses_its_listener_sets_and_their_routes() -> None:
    graph, change = Kept().put(gateway(OWN, "{}"))
    assert verdicts(graph) == {}
    assert change.gateways_served == {EG}
    assert [parent.bindings for parent in graph.http["HTTPRoute"].nodes["default", "r"].parents] == [()]
