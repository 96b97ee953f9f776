"""A snapshot from records: complete, and closed."""

import msgspec
import pytest

from gateway_api.ir import xds as ir
from k8s_watch.keys import ObjectKey
from protos import endpoint
from xds_server.snapshot.resource import ResourceType
from xds_server.translate.assemble import assemble
from xds_server.translate.route_table import route_table

KEY = ObjectKey("default", "eg")


def cluster_name(n: int) -> ir.ClusterName:
    return ir.ClusterName(f"service/default/s{n}/80")


def virtual_host(n: int, path: str) -> ir.VirtualHost:
    match = ir.Match(path=ir.PathMatch(kind="prefix", value=path))
    action = ir.Forward(destinations=(ir.Destination(cluster=cluster_name(n), weight=1),))
    route = ir.Route(name=f"httproute/default/r{n}/rule/0/match/0", match=match, action=action)
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


@pytest.mark.parametrize("to", [[], [(1, 0)], [(1, 0), (2, 0)], [(1, 1), (2, 0)], [(1, 1), (2, 1)]])
@pytest.mark.parametrize("remembers", [None, ir.Session(kind="cookie", name="s")])
def test_a_table_depends_on_what_its_bytes_name_and_on_nothing_else(
    to: list[tuple[int, int]], remembers: ir.Session | None
) -> None:
    """Else what it depends on may change though its bytes, and with them its version, do not."""
    there = tuple(ir.Destination(cluster=cluster_name(n), weight=weight, session=remembers) for n, weight in to)
    action = ir.Forward(destinations=there, mirrors=(ir.Mirror(cluster=cluster_name(3), numerator=1, denominator=1),))
    everything = ir.Match(path=ir.PathMatch(kind="prefix", value="/"))
    host = ir.VirtualHost(hostname="*", routes=(ir.Route(name="r", match=everything, action=action),))
    table = route_table(ir.RouteTable(name="t", virtual_hosts=(host,)))
    named = {(ResourceType.CLUSTER, cluster_name(n)) for n in (1, 2, 3) if cluster_name(n).encode() in table.body}
    assert set(table.depends_on) == named
