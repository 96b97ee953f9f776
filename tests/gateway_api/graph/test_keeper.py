"""What keeping a graph costs, and what a change of it says; that it is right is in `test_keepers.py`."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

import gateway_api
from gateway_api.graph.build import build_graph
from gateway_api.graph.change import GraphChange
from gateway_api.graph.incremental.keeper import GraphKeeper
from gateway_api.graph.incremental.news import moved_reads
from gateway_api.graph.incremental.readers import Readers
from gateway_api.graph.lookup import Judged
from gateway_api.graph.types import GraphSettings
from k8s_watch.keys import ObjectKey
from k8s_watch.objects.meta import Object
from k8s_watch.objects.routes import ParentReference, RouteParentStatus, RouteStatus
from k8s_watch.snapshot import FIELDS, ClusterSnapshot
from tests.gateway_api.conftest import GATEWAY, WORLD, snapshot_of
from tests.gateway_api.worlds import Edit, changed
from tests.lines import bytes_made, lines_run

ROUTES = """
kind: HTTPRoute
metadata: {{name: r{n}, creationTimestamp: "2026-01-01T00:00:{n:02}Z"}}
spec: {{parentRefs: [{{name: eg}}], rules: [{{backendRefs: [{{name: s{n}, port: 80}}]}}]}}
---
kind: Service
metadata: {{name: s{n}}}
spec: {{ports: [{{port: 80}}]}}
"""


def world(routes: int, *more: str) -> ClusterSnapshot:
    return snapshot_of(WORLD, GATEWAY, *more, *(ROUTES.format(n=n) for n in range(routes)))


def rewritten(cluster: ClusterSnapshot, kind: str, name: str, **fields: Any) -> Edit:
    """An object of the cluster with other fields; `metadata` gives those of its metadata."""
    found: Object = next(o for key, o in getattr(cluster, FIELDS[kind]).items() if key.name == name)
    metadata = msgspec.structs.replace(found.metadata, **fields.pop("metadata", {}))
    return kind, found.key, msgspec.structs.replace(found, metadata=metadata, **fields)


def of_text(text: str) -> Callable[[ClusterSnapshot], Edit]:
    """An object as YAML."""
    read = snapshot_of(text)
    return lambda _: next((kind, *item) for kind, field in FIELDS.items() for item in getattr(read, field).items())


CHANGES: dict[str, Callable[[ClusterSnapshot], Edit]] = {
    "a route edited": lambda at: rewritten(at, "HTTPRoute", "r5", metadata={"generation": 2}),
    "a route added": of_text(ROUTES.format(n=99).split("---")[0]),
    "a route deleted": lambda _: ("HTTPRoute", ObjectKey("default", "r5"), None),
    "a route's age": lambda at: rewritten(at, "HTTPRoute", "r5", metadata={"creation_timestamp": "2027"}),
    "a Service's ports": of_text("{kind: Service, metadata: {name: s5}, spec: {ports: [{port: 81}]}}"),
    "a Service deleted": lambda _: ("Service", ObjectKey("default", "s5"), None),
    "a grant": of_text("{kind: ReferenceGrant, metadata: {name: any}, spec: {}}"),
    "labels of a Namespace": of_text("{kind: Namespace, metadata: {name: default, labels: {a: b}}}"),
    "the Gateway's status": lambda at: rewritten(at, "Gateway", "eg", metadata={"resource_version": "9"}),
    "the class's status": lambda at: rewritten(at, "GatewayClass", "eg", metadata={"resource_version": "9"}),
    "the class's finalizer": lambda at: rewritten(at, "GatewayClass", "eg", metadata={"finalizers": ("a/b",)}),
    "the class's label": lambda at: rewritten(
        at, "GatewayClass", "eg", metadata={"labels": {"a": "b"}, "generation": 2}
    ),
}


BY_TEAM = """
kind: Gateway
metadata: {name: eg, generation: 3}
spec:
  gatewayClassName: eg
  listeners:
    - name: http
      port: 80
      protocol: HTTP
      allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {team: blue}}}}
---
kind: Namespace
metadata: {name: default, labels: {team: blue}}
"""


def cost(routes: int, change: Callable[[ClusterSnapshot], Edit], *more: str) -> int:
    keeper, cluster = GraphKeeper(GraphSettings()), world(routes, *more)
    keeper.update(cluster)
    after = changed(cluster, [change(cluster)])
    return lines_run(lambda: keeper.update(after), gateway_api)


@pytest.mark.parametrize("change", CHANGES)
def test_the_cost_of_a_change_does_not_depend_on_the_size_of_the_world(change: str) -> None:
    assert cost(40, CHANGES[change]) == cost(80, CHANGES[change])


def test_a_label_that_no_selector_names_judges_no_route() -> None:
    named = of_text("{kind: Namespace, metadata: {name: default, labels: {team: red}}}")
    other = of_text("{kind: Namespace, metadata: {name: default, labels: {team: blue, tier: one}}}")
    assert cost(2, other, BY_TEAM) == cost(4, other, BY_TEAM)
    assert cost(2, named, BY_TEAM) < cost(4, named, BY_TEAM)


ONE, TWO, THREE = (
    "{name: one, port: 80, protocol: HTTP}",
    "{name: two, port: 81, protocol: HTTP}",
    "{name: three, port: 82, protocol: HTTP}",
)
EVERY = "port: 80"
"""A parentRef that every listener is looked at for."""


def listening(*listeners: str) -> str:
    spec = f"{{gatewayClassName: eg, listeners: [{', '.join(listeners)}]}}"
    return f"{{kind: Gateway, metadata: {{name: eg}}, spec: {spec}}}"


@pytest.mark.parametrize(
    ("listeners", "concerned"),
    [
        ([ONE, TWO, THREE], {EVERY}),
        ([ONE, TWO.replace("81", "82")], {"sectionName: two", EVERY}),
        ([ONE], {"sectionName: two", EVERY}),
        ([TWO, ONE], {EVERY}),
    ],
)
def test_a_route_that_names_a_listener_is_not_judged_for_others(listeners: list[str], concerned: set[str]) -> None:
    def cost_of(routes: int, ref: str) -> int:
        of = [ROUTES.format(n=n).replace("name: eg", f"name: eg, {ref}") for n in range(routes)]
        keeper, cluster = GraphKeeper(GraphSettings()), snapshot_of(WORLD, listening(ONE, TWO), *of)
        keeper.update(cluster)
        after = changed(cluster, [of_text(listening(*listeners))(cluster)])
        lines = lines_run(lambda: keeper.update(after), gateway_api)
        assert keeper.update(after)[0] == build_graph(after, GraphSettings())
        return lines

    refs = ["sectionName: one", "sectionName: two", "sectionName: none", EVERY]
    assert {ref for ref in refs if cost_of(4, ref) != cost_of(2, ref)} == concerned


@pytest.mark.parametrize("change", CHANGES)
def test_many_routes_stay_in_order(change: str) -> None:
    keeper, cluster = GraphKeeper(GraphSettings()), world(40)
    keeper.update(cluster)
    after = changed(cluster, [CHANGES[change](cluster)])
    assert keeper.update(after)[0] == build_graph(after, GraphSettings())


@pytest.mark.parametrize("kind", ["ConfigMap", "Deployment", "EndpointSlice"])
def test_what_the_graph_does_not_read_leaves_it_as_it_is(kind: str) -> None:
    keeper, cluster = GraphKeeper(GraphSettings()), world(2)
    before, _ = keeper.update(cluster)
    news = {kind: frozenset({ObjectKey("default", "s0")})}
    assert keeper.update(msgspec.structs.replace(cluster, revision=2, changed=news)) == (before, GraphChange(before))
    assert keeper.update(cluster)[0] is before


@pytest.mark.parametrize("change", ["the Gateway's status", "the class's status", "the class's finalizer"])
def test_what_is_reported_of_them_is_nothing_to_proxies(change: str) -> None:
    keeper, cluster = GraphKeeper(GraphSettings()), world(2)
    before, _ = keeper.update(cluster)
    _, said = keeper.update(changed(cluster, [CHANGES[change](cluster)]))
    assert said.gateways or said.gateway_classes
    assert not said.gateways_served
    assert said.before is before


@pytest.mark.parametrize("change", ["the class's status", "the class's finalizer", "the class's label"])
def test_what_is_reported_of_a_class_is_nothing_to_its_gateways(change: str) -> None:
    keeper, cluster = GraphKeeper(GraphSettings()), world(2)
    before, _ = keeper.update(cluster)
    after = changed(cluster, [CHANGES[change](cluster)])
    graph, said = keeper.update(after)
    assert (said.gateways, graph.gateways) == (frozenset(), before.gateways)
    assert graph == build_graph(after, GraphSettings())


def test_what_was_reported_of_a_route_is_no_news_to_the_graph() -> None:
    keeper, cluster = GraphKeeper(GraphSettings()), world(2)
    before, _ = keeper.update(cluster)
    status = RouteStatus(parents=(RouteParentStatus(parent_ref=ParentReference(name="eg"), controller_name="any"),))
    reported = rewritten(cluster, "HTTPRoute", "r1", metadata={"resource_version": "9"}, status=status)
    after = changed(cluster, [reported])
    assert keeper.update(after) == (before, GraphChange(before))
    assert build_graph(after, GraphSettings()) == before


def test_a_count_is_nothing_to_proxies() -> None:
    keeper, cluster = GraphKeeper(GraphSettings()), world(6)
    keeper.update(cluster)
    graph, said = keeper.update(changed(cluster, [CHANGES["a route deleted"](cluster)]))
    assert graph.gateways["default", "eg"].listeners[0].attached_routes == 5
    assert (len(said.gateways), len(said.gateways_served), len(said.routes["HTTPRoute"])) == (1, 0, 1)


def test_an_exception_leaves_no_half_done_state() -> None:
    keeper, cluster = GraphKeeper(GraphSettings()), world(2)
    keeper.update(cluster)
    broken = msgspec.structs.replace(cluster, revision=2, changed={"HTTPRoute": 1})
    with pytest.raises(TypeError):
        keeper.update(broken)
    graph, said = keeper.update(cluster)
    assert said.everything
    assert graph == build_graph(cluster, GraphSettings())


def test_what_was_judged_is_not_copied_for_each_change() -> None:
    """Of the certificates of thousands of listeners, for each Secret of the cluster that differs."""

    def made(count: int) -> int:
        judged = Judged({n: str(n) for n in range(count)}, len)
        assert [judged.get(n) for n in range(count)] == [len(str(n)) for n in range(count)]
        return bytes_made(lambda: judged.after({0: "new"}, changed=[0]).get(0))

    assert made(4000) < made(1000) + 1000


def test_what_is_read_takes_little_room() -> None:
    """A route reads its Gateway, a listener of it, its Service, and what two kinds of policies say of that."""
    shared = [("Gateway", n) for n in range(2)]
    of = [(ObjectKey("a", f"r{n}"), [*shared, *((kind, n) for kind in "STP")]) for n in range(1000)]
    readers = Readers()

    def put() -> None:
        for key, reads in of:
            readers.put(key, frozenset(reads))

    assert bytes_made(put) < 900 * len(of)


def test_of_several_readers_each_may_go() -> None:
    readers, keys = Readers(), [ObjectKey("a", name) for name in "rst"]
    for count in range(1, 4):
        readers.put(keys[count - 1], frozenset({("Service", 1)}))
        assert readers.of([("Service", 1)]) == {*keys[:count]}
    for count in range(1, 4):
        readers.put(keys[count - 1], frozenset())
        assert readers.of([("Service", 1)]) == {*keys[count:]}


def test_what_is_not_read_any_more_is_forgotten() -> None:
    readers, reader = Readers(), ObjectKey("a", "r")
    readers.put(reader, frozenset({("Service", 1), ("Service", 2)}))
    readers.put(reader, frozenset({("Service", 2)}))
    assert readers.of([("Service", 1)]) == set()
    readers.put(reader, frozenset())
    assert readers.of([("Service", 2)]) == set()


@pytest.mark.parametrize(
    ("spec", "moved"),
    [
        ("{ports: [{port: 80}], selector: {version: '2'}}", False),
        ("{ports: [{port: 80}], clusterIP: None}", False),
        ("{ports: [{port: 80, appProtocol: h2c}]}", True),
        ("{ports: [{port: 80}], type: ExternalName}", True),
    ],
)
def test_of_a_service_its_ports_and_its_type_are_news(spec: str, *, moved: bool) -> None:
    before, after = world(1), snapshot_of(WORLD, GATEWAY, f"{{kind: Service, metadata: {{name: s0}}, spec: {spec}}}")
    key = ObjectKey("default", "s0")
    assert bool(moved_reads(before, after, {"Service": frozenset({key})})) is moved


def test_an_object_without_what_is_read_is_not_one_that_is_absent() -> None:
    before, empty = world(0), snapshot_of(WORLD, GATEWAY, "{kind: ConfigMap, metadata: {name: ca}, data: {}}")
    key = ObjectKey("default", "ca")
    assert moved_reads(before, empty, {"ConfigMap": frozenset({key})}) == {("ConfigMap", key)}
