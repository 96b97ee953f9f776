"""Our encodings, read by a decoder that shares no code with our encoder: betterproto's `envoy-data-plane`."""

from typing import Any

from envoy_data_plane.envoy.config.cluster import v3 as cluster_v3
from envoy_data_plane.envoy.config.core import v3 as core_v3
from envoy_data_plane.envoy.config.endpoint import v3 as endpoint_v3
from envoy_data_plane.envoy.config.listener import v3 as listener_v3
from envoy_data_plane.envoy.config.route import v3 as route_v3
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager import v3 as manager_v3
from envoy_data_plane.envoy.extensions.transport_sockets.tls import v3 as tls_v3

from gateway_api.ir import xds as ir
from k8s_watch.keys import ObjectKey
from xds_server.translate.cluster import cluster
from xds_server.translate.endpoint import endpoints
from xds_server.translate.listener import listener
from xds_server.translate.route_table import route_table
from xds_server.translate.secret import secret

KEY = ObjectKey("default", "eg")
NAME = ir.ClusterName("service/default/svc/80")
PREFIX = ir.Match(path=ir.PathMatch(kind="prefix", value="/a"))


def routes(*actions: ir.Action) -> list[route_v3.Route]:
    made = tuple(ir.Route(name=str(n), match=PREFIX, action=a) for n, a in enumerate(actions))
    table = ir.RouteTable(name="http-80", virtual_hosts=(ir.VirtualHost(hostname="*.example.com", routes=made),))
    message = route_v3.RouteConfiguration().parse(route_table(table).body)
    [host] = message.virtual_hosts
    assert (message.name, host.name, host.domains) == ("http-80", "*_example_com", ["*.example.com"])
    return host.routes


def forward(*destinations: tuple[str, int], **fields: Any) -> ir.Forward:
    made = (ir.Destination(cluster=ir.ClusterName(name), weight=weight) for name, weight in destinations)
    return ir.Forward(destinations=tuple(made), **fields)


def test_a_lone_destination_is_a_cluster() -> None:
    [route] = routes(forward((NAME, 3), ("other", 0)))
    assert (route.match.path_separated_prefix, route.route.cluster) == ("/a", NAME)


def test_several_destinations_are_weighted() -> None:
    [route] = routes(forward((NAME, 90), (ir.INVALID_BACKEND, 10)))
    assert [(c.name, c.weight) for c in route.route.weighted_clusters.clusters] == [
        (NAME, 90),
        (ir.INVALID_BACKEND, 10),
    ]
    expected = route_v3.RouteActionClusterNotFoundResponseCode.INTERNAL_SERVER_ERROR
    assert route.route.cluster_not_found_response_code == expected


def test_without_a_limit_envoys_own_is_turned_off() -> None:
    [none, off, long] = routes(forward((NAME, 1)), forward((NAME, 1), timeout=0), forward((NAME, 1), timeout=900))
    assert [r.route.timeout.total_seconds() for r in (none, off, long)] == [0, 0, 900]
    assert none.route.idle_timeout is None
    assert [r.route.idle_timeout.total_seconds() for r in (off, long)] == [0, 900]


def test_the_idle_timeout_leaves_long_tries_alone() -> None:
    """A request's tries are one silence to Envoy, whose own limit is five minutes."""
    tries = ir.Retry(attempts=4)
    made = routes(
        *(forward((NAME, 1), try_timeout=seconds) for seconds in (0, 90, 200)),
        forward((NAME, 1), try_timeout=200, retry=tries),
        forward((NAME, 1), try_timeout=200, timeout=100),
        forward((NAME, 1), try_timeout=10, retry=ir.Retry(attempts=10**9)),
        forward((NAME, 1), try_timeout=400, retry=ir.Retry(attempts=0)),
    )
    idle = [one.route.idle_timeout for one in made]
    assert [None if one is None else one.total_seconds() for one in idle] == [0, None, 600, 1000, None, 0, 400]


def test_a_limited_try_keeps_the_hosts_retries() -> None:
    [route] = routes(forward((NAME, 1), try_timeout=1.5))
    assert route.route.retry_policy.per_try_timeout.total_seconds() == 1.5
    assert route.route.retry_policy.retry_on.startswith("connect-failure")


def test_a_rule_without_a_receiver_answers_500() -> None:
    [empty, weightless] = routes(forward(), forward((NAME, 0)))
    assert (empty.direct_response.status, weightless.direct_response.status) == (500, 500)


def test_a_cluster_gets_its_endpoints_over_the_same_stream() -> None:
    made = cluster(ir.Cluster(name=NAME, backend=KEY, port=80, protocol="http2"))
    message = cluster_v3.Cluster().parse(made.body)
    assert message.name == NAME
    assert message.eds_cluster_config.eds_config.ads == core_v3.AggregatedConfigSource()
    assert list(message.typed_extension_protocol_options) == ["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"]


def assignment(*of: ir.Endpoint) -> endpoint_v3.ClusterLoadAssignment:
    return endpoint_v3.ClusterLoadAssignment().parse(endpoints(ir.Endpoints(cluster=NAME, endpoints=of)).body)


def test_endpoints_are_grouped_by_zone() -> None:
    a, b, c = (ir.Endpoint(address=f"10.0.0.{n}", port=80, zone=zone) for n, zone in enumerate(("z2", "", "z2")))
    message = assignment(a, b, c)
    zones = [(of.locality.zone if of.locality else "", len(of.lb_endpoints)) for of in message.endpoints]
    assert zones == [("", 1), ("z2", 2)]


def statuses(*draining: bool) -> list[core_v3.HealthStatus]:
    message = assignment(*(ir.Endpoint(address=f"10.0.0.{n}", port=80, draining=d) for n, d in enumerate(draining)))
    return [e.health_status for of in message.endpoints for e in of.lb_endpoints]


def test_draining_gives_way_only_to_ready() -> None:
    ready, drains = core_v3.HealthStatus.UNKNOWN, core_v3.HealthStatus.DRAINING
    assert statuses(False, True) == [ready, drains]
    assert statuses(True, True) == [ready, ready]


def test_a_listener_serves_its_table_over_tls() -> None:
    chain = ir.FilterChain(
        name="https",
        handler=ir.HttpChain(route_table="https"),
        server_names=("www.example.com",),
        tls=ir.DownstreamTls(secrets=("default/a", "default/b")),
    )
    made = listener(ir.Listener(name="tcp-443", port=443, bind_port=10443, filter_chains=(chain,)))
    message = listener_v3.Listener().parse(made.body)
    [decoded] = message.filter_chains
    assert message.address.socket_address.port_value == 10443
    assert [f.name for f in message.listener_filters] == ["envoy.filters.listener.tls_inspector"]
    manager = manager_v3.HttpConnectionManager().parse(decoded.filters[0].typed_config.value)
    assert (manager.rds.route_config_name, manager.stat_prefix) == ("https", "https-443")
    context = tls_v3.DownstreamTlsContext().parse(decoded.transport_socket.typed_config.value)
    secrets = context.common_tls_context.tls_certificate_sds_secret_configs
    assert [config.name for config in secrets] == ["default/a", "default/b"]


def test_a_plain_listener_looks_for_no_tls() -> None:
    chain = ir.FilterChain(name="http", handler=ir.HttpChain(route_table="http"))
    made = listener(ir.Listener(name="tcp-80", port=80, bind_port=10080, filter_chains=(chain,)))
    assert listener_v3.Listener().parse(made.body).listener_filters == []


def test_a_bundle_of_authorities_holds_them_in_order() -> None:
    message = tls_v3.Secret().parse(secret(ir.CaBundle(name="ca/default/ca", certificates=(b"ONE", b"TWO"))).body)
    assert message.name == "ca/default/ca"
    assert message.validation_context.trusted_ca.inline_bytes == b"ONETWO"


def test_a_secret_holds_chain_and_key() -> None:
    of = ir.TlsSecret(name="default/cert", certificate_chain=b"CHAIN", private_key=ir.PrivateBytes(b"KEY"))
    message = tls_v3.Secret().parse(secret(of).body)
    assert message.tls_certificate.certificate_chain.inline_bytes == b"CHAIN"
    assert message.tls_certificate.private_key.inline_bytes == b"KEY"
