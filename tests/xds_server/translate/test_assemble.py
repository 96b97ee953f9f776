"""A snapshot from records: complete, deterministic, and as cheap as what changed."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gateway_api.ir import xds as ir
from k8s_watch.keys import ObjectKey
from protos import endpoint
from xds_server.snapshot.resource import ResourceType, Snapshot
from xds_server.translate.assemble import assemble

KEY = ObjectKey("default", "eg")


def cluster_name(n: int) -> ir.ClusterName:
    return ir.ClusterName(f"service/default/s{n}/80")


def virtual_host(n: int, path: str) -> ir.VirtualHost:
    match = ir.Match(path=ir.PathMatch(kind="prefix", value=path))
    action = ir.Forward(destinations=(ir.Destination(cluster=cluster_name(n), weight=1),))
    route = ir.Route(name=f"httproute/default/r{n}/rule/0/match/0", source=KEY, match=match, action=action)
    return ir.VirtualHost(hostname=f"h{n}.example.com", routes=(route,))


def gateway(hosts: dict[int, str]) -> ir.GatewayIR:
    chain = ir.FilterChain(name="http-80", handler=ir.HttpChain(route_table="http-80"))
    table = ir.RouteTable(name="http-80", virtual_hosts=tuple(virtual_host(n, path) for n, path in hosts.items()))
    return ir.GatewayIR(
        gateway=KEY,
        listeners=(ir.Listener(name="tcp-80", port=80, bind_port=10080, filter_chains=(chain,)),),
        route_tables=(table,),
        clusters=tuple(ir.Cluster(name=cluster_name(n), backend=KEY, port=80) for n in hosts),
    )


def endpoints(places: dict[int, str]) -> list[ir.Endpoints]:
    return [
        ir.Endpoints(cluster=cluster_name(n), endpoints=(ir.Endpoint(address=address, port=8080),))
        for n, address in places.items()
    ]


def bodies(snapshot: Snapshot) -> dict[ResourceType, dict[str, bytes]]:
    return {type_: {n: r.body for n, r in of.by_name.items()} for type_, of in snapshot.by_type.items()}


worlds = st.tuples(
    st.dictionaries(st.integers(0, 4), st.sampled_from(["/", "/a", "/b"])),
    st.dictionaries(st.integers(0, 4), st.sampled_from(["10.0.0.1", "10.0.0.2"])),
)


@given(st.lists(worlds, min_size=2, max_size=5))
def test_what_was_before_changes_the_cost_and_never_the_content(history: list) -> None:
    snapshot = None
    for hosts, places in history:
        snapshot = assemble(gateway(hosts), endpoints(places), snapshot)
        whole = assemble(gateway(hosts), endpoints(places))
        assert bodies(snapshot) == bodies(whole)
        assert snapshot.by_type == whole.by_type


def test_equal_records_give_the_previous_snapshot_itself() -> None:
    first = assemble(gateway({1: "/a"}), endpoints({1: "10.0.0.1"}))
    assert assemble(gateway({1: "/a"}), endpoints({1: "10.0.0.1"}), first) is first


def test_a_change_of_endpoints_leaves_everything_else_as_it_is() -> None:
    first = assemble(gateway({1: "/a", 2: "/a"}), endpoints({1: "10.0.0.1", 2: "10.0.0.1"}))
    second = assemble(gateway({1: "/a", 2: "/a"}), endpoints({1: "10.0.0.1", 2: "10.0.0.2"}), first)
    changed = [type_ for type_ in ResourceType if second.of(type_) is not first.of(type_)]
    assert changed == [ResourceType.ENDPOINT]
    name = cluster_name(1)
    assert second.of(ResourceType.ENDPOINT).by_name[name] is first.of(ResourceType.ENDPOINT).by_name[name]


def test_a_change_of_one_route_encodes_its_host_alone() -> None:
    first = assemble(gateway({1: "/a", 2: "/a"}), [])
    second = assemble(gateway({1: "/a", 2: "/b"}), [], first)
    before, after = (s.route_tables["http-80"].encoded.hosts for s in (first, second))
    assert after["h1.example.com"] is before["h1.example.com"]
    assert after["h2.example.com"] is not before["h2.example.com"]


def test_a_cluster_without_endpoints_gets_an_empty_assignment() -> None:
    snapshot = assemble(gateway({1: "/"}), endpoints({2: "10.0.0.1"}))
    [assignment] = snapshot.of(ResourceType.ENDPOINT).by_name.values()
    message = endpoint.ClusterLoadAssignment.FromString(assignment.body)
    assert (message.cluster_name, list(message.endpoints)) == (cluster_name(1), [])


def test_everything_that_is_named_is_there() -> None:
    snapshot = assemble(gateway({1: "/a", 2: "/b"}), [])
    resources = [r for type_ in ResourceType for r in snapshot.of(type_).by_name.values()]
    named = {dependency for r in resources for dependency in r.depends_on}
    assert named == {
        (ResourceType.ROUTE, "http-80"),
        *((type_, cluster_name(n)) for type_ in (ResourceType.CLUSTER, ResourceType.ENDPOINT) for n in (1, 2)),
    }
    assert all(name in snapshot.of(type_).by_name for type_, name in named)


def test_a_secret_is_named_by_its_listener_and_carried_whole() -> None:
    tls = ir.DownstreamTls(secrets=("default/cert",))
    secret = ir.TlsSecret(name="default/cert", certificate_chain=b"CHAIN", private_key=ir.PrivateBytes(b"KEY"))
    plain = gateway({1: "/"})
    chain = msgspec.structs.replace(plain.listeners[0].filter_chains[0], tls=tls)
    listener = msgspec.structs.replace(plain.listeners[0], filter_chains=(chain,))
    snapshot = assemble(msgspec.structs.replace(plain, listeners=(listener,), secrets=(secret,)), [])
    [encoded] = snapshot.of(ResourceType.LISTENER).by_name.values()
    assert (ResourceType.SECRET, "default/cert") in encoded.depends_on
    assert b"KEY" in snapshot.of(ResourceType.SECRET).by_name["default/cert"].body
