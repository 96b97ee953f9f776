"""A snapshot kept up to date equals one made from scratch, and what did not change is the same object."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gateway_api.ir import xds as ir
from gateway_api.ir.change import EndpointsChange, IRChange
from k8s_watch.keys import ObjectKey
from xds_server.snapshot.resource import ResourceType, Snapshot
from xds_server.translate.assemble import assemble
from xds_server.translate.keeper import SnapshotKeeper
from xds_server.translate.route_table import route_table
from xds_server.translate.route_table import virtual_host as encoded_host
from xds_server.translate.table_keeper import MANY_ROUTES, Encodings, HostKeeper, TableKeeper

KEY = ObjectKey("default", "eg")

type Names = dict[str, Any]


def cluster(name: str, protocol: Any = "http1") -> ir.Cluster:
    return ir.Cluster(name=ir.ClusterName(name), backend=KEY, port=80, protocol=protocol)


def endpoints(name: str, address: str = "10.0.0.1") -> ir.Endpoints:
    return ir.Endpoints(cluster=ir.ClusterName(name), endpoints=(ir.Endpoint(address=address, port=8080),))


def virtual_host(hostname: str, clusters: list[str], path: str = "/") -> ir.VirtualHost:
    destinations = tuple(ir.Destination(cluster=ir.ClusterName(name), weight=1) for name in clusters)
    match = ir.Match(path=ir.PathMatch(kind="prefix", value=path))
    route = ir.Route(name="route", match=match, action=ir.Forward(destinations=destinations))
    return ir.VirtualHost(hostname=hostname, routes=(route,))


def listener(name: str, bind_port: int) -> ir.Listener:
    return ir.Listener(name=name, port=80, bind_port=bind_port, filter_chains=())


def secret(name: str, chain: bytes) -> ir.Secret:
    if chain.startswith(b"ca"):
        return ir.CaBundle(name=name, certificates=(chain,))
    return ir.TlsSecret(name=name, certificate_chain=chain, private_key=ir.PrivateBytes(b"key"))


def changes(names: str, *values: Any) -> st.SearchStrategy[Any]:
    """Name → one of the values, or None, which takes away."""
    return st.dictionaries(st.sampled_from(names.split()), st.none() | st.sampled_from(values), max_size=3)


HOSTS = st.dictionaries(
    st.sampled_from(["a.com", "b.com", "*.com", "a.org", "*"]),
    st.none() | st.tuples(st.lists(st.sampled_from("abc"), max_size=2, unique=True), st.sampled_from(["/", "/a"])),
    max_size=3,
)
STEPS = st.fixed_dictionaries(
    {
        "listeners": changes("l1 l2", 1080, 1081),
        "tables": st.dictionaries(st.sampled_from(["t1", "t2"]), st.none() | HOSTS, max_size=2),
        "scopings": changes("t1 t2", *(ir.Scoping(wildcards=each) for each in ((), ("*.com",), ("*.com", "*.org")))),
        "clusters": changes("a b c", "http1", "http2"),
        "secrets": changes("s1 s2", b"1", b"2", b"ca1", b"ca2"),
        "endpoints": changes("a b c d", "10.0.0.1", "10.0.0.2"),
    }
)


class World:
    """What there is; each step is taken here and by the keeper."""

    def __init__(self) -> None:
        self.keeper = SnapshotKeeper()
        self.content: dict[str, Names] = {
            kind: {} for kind in ("listeners", "tables", "scopings", "clusters", "secrets")
        }
        self.endpoints: Names = {}

    def step(self, step: dict[str, Names]) -> Snapshot:
        self.endpoints = self.endpoints | step["endpoints"]
        known: EndpointsChange = {
            ir.ClusterName(name): endpoints(name, address) if address else None
            for name, address in {**dict.fromkeys(step["clusters"]), **step["endpoints"]}.items()
            for address in (self.endpoints.get(name),)
        }
        tables: Names = {
            name: hosts and {hostname: host and virtual_host(hostname, *host) for hostname, host in hosts.items()}
            for name, hosts in step["tables"].items()
        }
        change = IRChange(
            listeners={n: port and listener(n, port) for n, port in step["listeners"].items()},
            route_tables={
                name: hosts if hosts or step["tables"][name] is None else {} for name, hosts in tables.items()
            },
            scopings={n: s for n, s in step["scopings"].items() if self._is_there(n, step["tables"])},
            clusters={ir.ClusterName(n): kind and cluster(n, kind) for n, kind in step["clusters"].items()},
            secrets={n: chain and secret(n, chain) for n, chain in step["secrets"].items()},
        )
        self._take(change)
        return self.keeper.update(change, known)

    def _is_there(self, table: str, changed: Names) -> bool:
        return changed[table] is not None if table in changed else table in self.content["tables"]

    def _take(self, change: IRChange) -> None:
        for kind in ("listeners", "scopings", "clusters", "secrets"):
            merged = self.content[kind] | dict(getattr(change, kind))
            self.content[kind] = {name: record for name, record in merged.items() if record}
        for name, hosts in change.route_tables.items():
            if hosts is None:
                self.content["tables"].pop(name, None)
                self.content["scopings"].pop(name, None)
            else:
                merged = self.content["tables"].get(name, {}) | dict(hosts)
                self.content["tables"][name] = {hostname: host for hostname, host in merged.items() if host}

    def whole(self) -> Snapshot:
        gateway = ir.GatewayIR(
            gateway=KEY,
            listeners=tuple(self.content["listeners"].values()),
            route_tables=tuple(
                ir.RouteTable(
                    name=name, virtual_hosts=tuple(hosts.values()), scoping=self.content["scopings"].get(name)
                )
                for name, hosts in self.content["tables"].items()
            ),
            clusters=tuple(self.content["clusters"].values()),
            secrets=tuple(self.content["secrets"].values()),
        )
        return assemble(gateway, [endpoints(name, a) for name, a in self.endpoints.items() if a])


@given(st.lists(STEPS, min_size=1, max_size=8))
def test_every_step_equals_the_whole(steps: list[dict[str, Names]]) -> None:
    world = World()
    for step in steps:
        kept, whole = world.step(step), world.whole()
        for type_ in ResourceType:
            assert kept.of(type_) == whole.of(type_)


def snapshots(*changes: tuple[IRChange, EndpointsChange]) -> list[Snapshot]:
    keeper = SnapshotKeeper()
    return [keeper.update(*change) for change in changes]


A, B = ir.ClusterName("a"), ir.ClusterName("b")
START = (
    IRChange(
        route_tables={"t": {"a.com": virtual_host("a.com", ["a"]), "b.com": virtual_host("b.com", ["b"])}},
        clusters={A: cluster("a"), B: cluster("b")},
    ),
    {A: endpoints("a"), B: endpoints("b")},
)


def test_no_change_is_the_same_snapshot() -> None:
    first, second, third = snapshots(START, (IRChange(), {}), START)
    assert first is second is third


def test_a_change_of_endpoints_leaves_everything_else_as_it_is() -> None:
    first, second = snapshots(START, (IRChange(), {B: endpoints("b", "10.0.0.2")}))
    assert [t for t in ResourceType if second.of(t) is not first.of(t)] == [ResourceType.ENDPOINT]
    before, after = (s.of(ResourceType.ENDPOINT).by_name for s in (first, second))
    assert after["a"] is before["a"]


def test_a_table_names_the_clusters_of_the_hosts_that_are_left() -> None:
    gone = IRChange(route_tables={"t": {"b.com": None}}, clusters={B: None})
    assert snapshots(START, (gone, {B: None}))[1].of(ResourceType.ROUTE).by_name["t"].depends_on == (
        (ResourceType.CLUSTER, "a"),
    )


ROUTES = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["a", "b"])), max_size=6)


@given(st.lists(ROUTES, min_size=1, max_size=6))
def test_a_host_kept_route_by_route_is_the_host(history: list[list[tuple[int, str]]]) -> None:
    pool = {(n, c): virtual_host("a.com", [c], f"/{n}").routes[0] for n in range(6) for c in "ab"}
    keeper = HostKeeper()
    for routes in history:
        host = ir.VirtualHost(hostname="a.com", routes=tuple(pool[route] for route in routes))
        assert keeper.update(host, Encodings()) == encoded_host(host)


REDIRECTS = [ir.Redirect(status=301, **more) for more in ({}, {"implied_port": 443}, {"host": "b.com"})]
ACTIONS = st.sampled_from(
    [
        *REDIRECTS,
        *(
            ir.Split(shares=(ir.Share(action=of, weight=1), ir.Share(action=ir.Respond(status=500), weight=1)))
            for of in REDIRECTS
        ),
        ir.Respond(status=421),
        ir.Forward(destinations=tuple(ir.Destination(cluster=ir.ClusterName(name), weight=1) for name in "ab")),
    ]
)


@given(st.lists(ACTIONS, min_size=1, max_size=3), st.sampled_from([1, MANY_ROUTES]))
def test_a_route_of_several_hostnames_is_on_each_what_it_is_there_alone(actions: list[ir.Action], times: int) -> None:
    routes = tuple(msgspec.structs.replace(virtual_host("", []).routes[0], action=action) for action in actions * times)
    hosts = {name: ir.VirtualHost(hostname=name, routes=routes) for name in ("a.com", "b.com", "*.com", "*")}
    whole = route_table(ir.RouteTable(name="t", virtual_hosts=tuple(hosts.values())))
    assert TableKeeper("t").update(hosts) == whole


def test_a_large_host_comes_and_goes_like_a_small_one() -> None:
    def of(routes: int) -> ir.VirtualHost:
        found = (virtual_host("a.com", [f"{n}"], f"/{n}").routes[0] for n in range(routes))
        return ir.VirtualHost(hostname="a.com", routes=tuple(found))

    keeper = TableKeeper("t")
    for routes in (1, MANY_ROUTES, MANY_ROUTES + 1, 1, MANY_ROUTES):
        table = ir.RouteTable(name="t", virtual_hosts=(of(routes),))
        assert keeper.update({"a.com": of(routes)}) == route_table(table)
    assert keeper.update({"a.com": None}) == route_table(ir.RouteTable(name="t", virtual_hosts=()))
