"""The bootstrap of a proxy pod: mTLS to the control plane; metrics, readiness and the drain on ports of their own."""

from collections.abc import Mapping
from typing import NamedTuple

from gateway_api.ir.pod import (
    ADMIN_PORT,
    BOOTSTRAP_FILE,
    METRICS_PATH,
    METRICS_PORT,
    READY_PATH,
    READY_PORT,
    drain_path,
)
from k8s_watch.keys import ObjectKey
from protos import cluster, core, discovery, http, listener, matcher, route, secret, tls
from protos.encode import pack
from protos.values import TRUE, seconds, socket_address
from protos.wrap import manager_filter, router_filter, tls_socket
from xds_server.bootstrap.common import assignment, bootstrap, text, xds_cluster
from xds_server.bootstrap.overload import overload_manager

OWN_ZONE = "own_zone"
"""The cluster that says in which zone a proxy is."""

METRICS_CLUSTER = "prometheus_stats"
CERTIFICATE_FILE = "xds-certificate.json"
TRUSTED_CA_FILE = "xds-trusted-ca.json"
CERTIFICATE_SECRET = "xds_certificate"  # noqa: S105  a name
TRUSTED_CA_SECRET = "xds_trusted_ca"  # noqa: S105  a name


class Drain(NamedTuple):
    """How a proxy that has to go says goodbye."""

    seconds: int
    """From the request to its answer, in which all clients are told to go elsewhere with their next answer."""
    secret: str
    """See `drain_path`."""


def pod_bootstrap(  # noqa: PLR0913 (what the settings say of it, each by its name)
    *,
    gateway: ObjectKey,
    xds_host: str,
    xds_port: int = 18000,
    bootstrap_dir: str = "/etc/envoy",
    certs_dir: str = "/certs",
    bind_address: str = "0.0.0.0",
    drain: Drain | None = None,
    max_heap_bytes: int | None = None,
    more_stats: str = "",
    zone: str = "",
) -> Mapping[str, str]:
    """What Envoy starts with, `bootstrap.yaml`, and the files of its `bootstrap_dir`, by name.

    `xds_host` is the control plane's DNS name, such as `envoy-gateway.envoy-gateway-system.svc.cluster.local`: also
    what its certificate must name. `certs_dir` holds ca.crt, tls.crt and tls.key; Envoy takes new ones up as they are
    written, without a restart. The node id is the pod's name: give it by `--service-node`.

    `max_heap_bytes` is what Envoy may allocate before it refuses requests; None is without limit, and a container's
    memory limit times 0.8 is a good value.

    `more_stats` are kept beside ours: see `bootstrap`. `bind_address` is what metrics and readiness listen on; `::`
    takes IPv4 too. `zone` is where the proxy is, or what will be replaced by that; "" is unknown.

    The admin interface is on loopback. GET /stats/prometheus on port 19001, and nothing else of it, is reachable. GET
    /ready on port 19003 answers 200 from when the first listeners are there until the proxy drains. `drain` is started
    by GET of its `drain_path` there, for example by a preStop hook.
    """
    admin = socket_address("127.0.0.1", ADMIN_PORT)
    full_name = f"{xds_host}."  # the dot: it needs no search through the pod's domains
    control_plane = xds_cluster(
        socket_address(full_name, xds_port),
        kind=cluster.Cluster.STRICT_DNS,
        tls=_mutual_tls(xds_host, bootstrap_dir),
    )
    message = bootstrap(gateway=gateway, node_id="", admin=admin, xds=control_plane, more_stats=more_stats)
    message.node.locality.zone = zone
    message.cluster_manager.local_cluster_name = OWN_ZONE
    message.static_resources.clusters.extend(
        [
            cluster.Cluster(
                name=METRICS_CLUSTER, type=cluster.Cluster.STATIC, load_assignment=assignment(METRICS_CLUSTER, admin)
            ),
            _own_zone(zone),
        ]
    )
    message.static_resources.listeners.extend([_metrics_listener(bind_address), _ready_listener(bind_address, drain)])
    message.overload_manager.CopyFrom(overload_manager(max_heap_bytes))
    return {
        BOOTSTRAP_FILE: text(message),
        CERTIFICATE_FILE: _sds_file(_certificate(certs_dir)),
        TRUSTED_CA_FILE: _sds_file(_trusted_ca(certs_dir, xds_host)),
    }


def _own_zone(zone: str) -> cluster.Cluster:
    """Envoy prefers its own zone only if it is told of a proxy that is in it, where it would find how many there are in
    each; how many does not matter to us, and nobody connects to this one. Spec: Envoy v1.40 local_cluster_name"""
    proxies = assignment(OWN_ZONE, socket_address("127.0.0.1", READY_PORT))
    proxies.endpoints[0].locality.zone = zone
    return cluster.Cluster(name=OWN_ZONE, type=cluster.Cluster.STATIC, load_assignment=proxies)


def _mutual_tls(server_name: str, bootstrap_dir: str) -> core.TransportSocket:
    def from_file(name: str, file: str) -> tls.SdsSecretConfig:
        source = core.PathConfigSource(path=f"{bootstrap_dir}/{file}")
        config = core.ConfigSource(path_config_source=source, resource_api_version=core.ApiVersion.V3)
        return tls.SdsSecretConfig(name=name, sds_config=config)

    common = tls.CommonTlsContext(
        tls_params=tls.TlsParameters(
            tls_minimum_protocol_version=tls.TlsParameters.TLSv1_3,
            tls_maximum_protocol_version=tls.TlsParameters.TLSv1_3,
        ),
        alpn_protocols=["h2"],
        tls_certificate_sds_secret_configs=[from_file(CERTIFICATE_SECRET, CERTIFICATE_FILE)],
        validation_context_sds_secret_config=from_file(TRUSTED_CA_SECRET, TRUSTED_CA_FILE),
    )
    context = tls.UpstreamTlsContext(common_tls_context=common, sni=server_name)
    return tls_socket(context)


def _certificate(certs_dir: str) -> secret.Secret:
    return secret.Secret(
        name=CERTIFICATE_SECRET,
        tls_certificate=secret.TlsCertificate(
            certificate_chain=core.DataSource(filename=f"{certs_dir}/tls.crt"),
            private_key=core.DataSource(filename=f"{certs_dir}/tls.key"),
            watched_directory=core.WatchedDirectory(path=certs_dir),
        ),
    )


def _trusted_ca(certs_dir: str, server_name: str) -> secret.Secret:
    name = tls.SubjectAltNameMatcher(
        san_type=tls.SubjectAltNameMatcher.DNS, matcher=matcher.StringMatcher(exact=server_name)
    )
    return secret.Secret(
        name=TRUSTED_CA_SECRET,
        validation_context=tls.CertificateValidationContext(
            trusted_ca=core.DataSource(filename=f"{certs_dir}/ca.crt"),
            watched_directory=core.WatchedDirectory(path=certs_dir),
            match_typed_subject_alt_names=[name],
        ),
    )


def _sds_file(of: secret.Secret) -> str:
    return text(discovery.DiscoveryResponse(resources=[pack(of)]))


def _metrics_listener(host: str) -> listener.Listener:
    """One path, one method: a path that normalises to another must not reach the rest of the admin interface."""
    get = route.HeaderMatcher(name=":method", string_match=matcher.StringMatcher(exact="GET"))
    metrics = route.Route(
        match=route.RouteMatch(path=METRICS_PATH, headers=[get]),
        route=route.RouteAction(cluster=METRICS_CLUSTER, timeout=seconds(30)),
    )
    return _listener("stats", host, METRICS_PORT, routes=[metrics])


def _ready_listener(host: str, drain: Drain | None) -> listener.Listener:
    """The health check filter answers by itself. Envoy accepts no connection at all before the first listeners came."""
    path = route.HeaderMatcher(name=":path", string_match=matcher.StringMatcher(exact=READY_PATH))
    check = http.HealthCheck(headers=[path])
    check.pass_through_mode.value = False
    return _listener(
        "ready",
        host,
        READY_PORT,
        routes=[_drain_route(drain)] if drain else [],
        patience=0.0 if drain else None,
        filters=[
            http.HttpFilter(name="envoy.filters.http.health_check", typed_config=pack(check)),
            *((http.HttpFilter(name=name, typed_config=pack(of)) for name, of in DRAIN_FILTERS) if drain else ()),
        ],
    )


DRAIN_FILTERS = (("envoy.filters.http.lua", http.Lua()), ("envoy.filters.http.fault", http.HTTPFault()))

DRAIN_BY_ADMIN = f"""
function envoy_on_request(handle)
  local asked = {{[":method"] = "POST", [":path"] = "/drain_listeners?graceful&skip_exit", [":authority"] = "admin"}}
  handle:httpCall("{METRICS_CLUSTER}", asked, "", 5000)
end
"""


def _drain_route(of: Drain) -> route.Route:
    """Have the admin interface, which takes no such request from outside and none by GET, drain every listener: clients
    are told to close with each answer, and new connections are served for as long as the drain lasts. Then answer.
    """
    get = route.HeaderMatcher(name=":method", string_match=matcher.StringMatcher(exact="GET"))
    result = route.Route(
        match=route.RouteMatch(path=drain_path(of.secret), headers=[get]),
        direct_response=route.DirectResponseAction(status=200),
    )
    asking = http.LuaPerRoute(source_code=core.DataSource(inline_string=DRAIN_BY_ADMIN))
    always = core.FractionalPercent(numerator=100)
    waiting = http.HTTPFault(delay=http.FaultDelay(fixed_delay=seconds(of.seconds), percentage=always))
    for (name, _), config in zip(DRAIN_FILTERS, (asking, waiting), strict=True):
        result.typed_per_filter_config[name].CopyFrom(pack(config))
    return result


def _listener(
    name: str,
    host: str,
    port: int,
    *,
    routes: list[route.Route],
    filters: list[http.HttpFilter] | None = None,
    patience: float | None = None,
) -> listener.Listener:
    """A listener that works under overload too: it is how one sees the overload. `patience` is for how many seconds an
    answer may take without a word: 0 is for ever, None as Envoy has it, five minutes."""
    hosts = [route.VirtualHost(name=name, domains=["*"], routes=routes)]
    manager = http.HttpConnectionManager(
        stat_prefix=name,
        route_config=route.RouteConfiguration(name=name, virtual_hosts=hosts),
        http_filters=[*(filters or []), router_filter(http.Router())],
        normalize_path=TRUE,
        merge_slashes=True,
        path_with_escaped_slashes_action=http.HttpConnectionManager.REJECT_REQUEST,
        stream_idle_timeout=None if patience is None else seconds(patience),
    )
    return listener.Listener(
        name=f"envoy-gateway-proxy-{name}-{host}-{port}",
        address=socket_address(host, port),
        filter_chains=[listener.FilterChain(filters=[manager_filter(manager)])],
        bypass_overload_manager=True,
        ignore_global_conn_limit=True,
    )
