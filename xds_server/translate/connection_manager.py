"""ir.HttpChain → HttpConnectionManager: how HTTP is served, with the defaults of an edge proxy, and its filters.

The defaults are those that Envoy recommends for an edge: nothing that a client sends is trusted to be normalised.

Spec: Envoy v1.40, "Configuring Envoy as an edge proxy"
Spec: Envoy v1.40 extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
"""

from collections.abc import Mapping

from gateway_api.ir import xds as ir
from protos import accesslog, core, http, matcher
from protos.encode import pack
from protos.values import TRUE, seconds, uint32
from protos.wrap import router_filter
from xds_server.translate import cors
from xds_server.translate.access_log import STDOUT
from xds_server.translate.external_auth import EXTERNAL_AUTH
from xds_server.translate.grpc_web import GRPC_WEB
from xds_server.translate.route import STREAM_IDLE_TIMEOUT
from xds_server.translate.scope import FETCH_ON_DEMAND, FORGET_SCOPE, name_scope, scoped_routes
from xds_server.translate.session import SESSIONS
from xds_server.translate.sources import ADS_WITHOUT_LIMIT

IDLE_TIMEOUT = 3600.0
"""Seconds that a connection may be without a request."""

REQUEST_HEADERS_TIMEOUT = 10.0
"""Seconds from a request's first byte to the end of its headers."""

KEEPALIVE_INTERVAL = 60.0
KEEPALIVE_TIMEOUT = 20.0
"""Seconds between HTTP/2 pings, and to answer one: what ends the calls of a client that vanished without a word."""

CONCURRENT_STREAMS = 100
STREAM_WINDOW = 64 * 1024
CONNECTION_WINDOW = 1024 * 1024

ESCAPED_SLASHES: Mapping[ir.EscapedSlashes, http.HttpConnectionManager.PathWithEscapedSlashesAction] = {
    "UnescapeAndRedirect": http.HttpConnectionManager.UNESCAPE_AND_REDIRECT,
    "UnescapeAndForward": http.HttpConnectionManager.UNESCAPE_AND_FORWARD,
    "KeepUnchanged": http.HttpConnectionManager.KEEP_UNCHANGED,
    "RejectRequest": http.HttpConnectionManager.REJECT_REQUEST,
}

TO_TLS = matcher.StringMatcher(prefix="TLS/", ignore_case=True)
"""What Apache's HttpClient 5.4 and later offers with every plain request; a server that cannot goes on without.

Spec: RFC 9110 "7.8. Upgrade"
"""


def connection_manager(of: ir.HttpChain, *, stat_prefix: str) -> http.HttpConnectionManager:
    """Serve the named route table, which comes over the stream that brought the listener, as a whole or in scopes."""
    manager = http.HttpConnectionManager
    table, scoping = of.route_table, of.scoping
    return manager(
        stat_prefix=stat_prefix,
        rds=None if scoping else http.Rds(route_config_name=table, config_source=ADS_WITHOUT_LIMIT),
        scoped_routes=scoped_routes(table) if scoping else None,
        early_header_mutation_extensions=[name_scope(table, scoping)] if scoping else [],
        http_filters=[FETCH_ON_DEMAND, *OF_ROUTES, FORGET_SCOPE, ROUTER] if scoping else [*OF_ROUTES, ROUTER],
        access_log=[STDOUT],
        common_http_protocol_options=core.HttpProtocolOptions(
            idle_timeout=seconds(IDLE_TIMEOUT),
            headers_with_underscores_action=core.HttpProtocolOptions.REJECT_REQUEST,
        ),
        http_protocol_options=core.Http1ProtocolOptions(accept_http_10=True, ignore_http_11_upgrade=[TO_TLS]),
        http2_protocol_options=core.Http2ProtocolOptions(
            max_concurrent_streams=uint32(CONCURRENT_STREAMS),
            initial_stream_window_size=uint32(STREAM_WINDOW),
            initial_connection_window_size=uint32(CONNECTION_WINDOW),
            connection_keepalive=core.KeepaliveSettings(
                interval=seconds(KEEPALIVE_INTERVAL), timeout=seconds(KEEPALIVE_TIMEOUT)
            ),
        ),
        stream_idle_timeout=seconds(STREAM_IDLE_TIMEOUT),
        request_headers_timeout=seconds(REQUEST_HEADERS_TIMEOUT),
        use_remote_address=TRUE,
        normalize_path=TRUE,
        merge_slashes=of.paths.merge_slashes,
        path_with_escaped_slashes_action=ESCAPED_SLASHES[of.paths.escaped_slashes],
        server_header_transformation=manager.PASS_THROUGH,
        local_reply_config=WITHOUT_BODY,
        upgrade_configs=[manager.UpgradeConfig(upgrade_type="websocket")],
    )


def _without_body() -> http.LocalReplyConfig:
    """Who denies a request says with which status and body, and Envoy would send both: what comes after a status that
    has no body is to a client the answer to its next request. One that is none to end with is a failure.

    Spec: RFC 9112 section 6.3
    """
    nothing = core.DataSource(inline_string="")
    informs = _status(accesslog.ComparisonFilter.LE, 199)
    ends = accesslog.OrFilter(filters=[_status(accesslog.ComparisonFilter.EQ, code) for code in (204, 304)])
    failure = http.ResponseMapper(filter=informs, body=nothing)
    failure.status_code.value = 500
    bare = http.ResponseMapper(filter=accesslog.AccessLogFilter(or_filter=ends), body=nothing)
    return http.LocalReplyConfig(mappers=[failure, bare])


def _status(op: accesslog.ComparisonFilter.Op, code: int) -> accesslog.AccessLogFilter:
    value = core.RuntimeUInt32(default_value=code, runtime_key="no_such_key")
    comparison = accesslog.ComparisonFilter(op=op, value=value)
    return accesslog.AccessLogFilter(status_code_filter=accesslog.StatusCodeFilter(comparison=comparison))


WITHOUT_BODY = _without_body()


def _cors() -> http.HttpFilter:
    return http.HttpFilter(name=cors.FILTER, typed_config=pack(http.Cors()))


CORS = _cors()
"""Does nothing on routes without a policy, at a cost lost in the noise (median 2 % of a proxied request's CPU). Always
there: a listener that changed for the first policy would drain its connections."""

OF_ROUTES = (CORS, EXTERNAL_AUTH, GRPC_WEB, SESSIONS)
"""In every connection manager, for the routes that need them (ADR 13). A browser's preflight carries nothing that an
authorizer could go by, who sees a request as it came; a session begins with what reaches a backend."""


ROUTER = router_filter(http.Router(suppress_envoy_headers=True))
