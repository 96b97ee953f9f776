"""What the translated HTTP configuration does in a real Envoy, request by request."""

import ipaddress
import socket
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from gateway_api.ir import xds as ir
from tests.envoy.gateways import clusters, endpoints, host, http_gateway, prefix
from tests.envoy.validation import validation_bootstrap
from xds_server.snapshot.resource import Snapshot
from xds_server.translate.assemble import assemble

pytestmark = pytest.mark.envoy

A, B, NOWHERE, HALF_GONE, GRPC = (
    ir.ClusterName(f"service/default/{name}/80") for name in ("a", "b", "nowhere", "half-gone", "grpc")
)


def exact(value: str) -> ir.PathMatch:
    return ir.PathMatch(kind="exact", value=value)


def regex(value: str) -> ir.PathMatch:
    return ir.PathMatch(kind="regex", value=value)


def to(cluster: ir.ClusterName, weight: int = 1, **mods: Any) -> ir.Destination:
    return ir.Destination(cluster=cluster, weight=weight, **mods)


def forward(*destinations: ir.Destination, **fields: Any) -> ir.Forward:
    return ir.Forward(destinations=destinations or (to(A),), **fields)


def route(path: ir.PathMatch, action: ir.Action, *, headers=(), queries=(), method=None, **mods: Any) -> ir.Route:
    match = ir.Match(path=path, headers=headers, queries=queries, method=method)
    return ir.Route(name=f"test {path.value}", match=match, action=action, **mods)


def replaced(matched: str, value: str) -> ir.PathRewrite:
    return ir.PathRewrite(kind="prefix", value=value, matched=matched)


REWRITES = [("/foo", "/xyz"), ("/foo", "/xyz/"), ("/foo", ""), ("/foo", "/"), ("/", "/xyz"), ("/", "/"), ("/", "")]
"""(matched, replacement): one host each, `<number>.rewrite` and `<number>.redirect`."""

MATCHING = (
    route(exact("/exact"), forward(to(B))),
    route(prefix("/elements"), forward()),
    route(regex("/re[0-9]+/x"), forward()),
    route(prefix("/m"), forward(to(B)), method="PUT"),
    route(prefix("/m"), forward(to(B)), headers=(ir.ValueMatch(name="x-color", kind="exact", value="red"),)),
    route(prefix("/m"), forward(to(B)), headers=(ir.ValueMatch(name="x-color", kind="regex", value="gr.+"),)),
    route(prefix("/m"), forward(to(B)), headers=(ir.ValueMatch(name="x-color", kind="exact", value="red\tblue"),)),
    route(prefix("/m"), forward(to(B)), queries=(ir.ValueMatch(name="animal", kind="exact", value="cat"),)),
    route(prefix("/m"), forward()),
    route(prefix("/strange?#"), forward()),
)

ACTIONS = (
    route(prefix("/none"), forward(to(NOWHERE))),
    route(prefix("/half-gone"), forward(to(HALF_GONE))),
    route(prefix("/grpc"), forward(to(GRPC))),
    route(prefix("/invalid"), forward(to(ir.INVALID_BACKEND))),
    route(prefix("/half"), forward(to(A), to(ir.INVALID_BACKEND))),
    route(prefix("/weightless"), forward(to(A, 0))),
    route(prefix("/weights"), forward(to(A, 9), to(B, 1))),
    route(prefix("/respond"), ir.Respond(status=418, body="no coffee")),
    route(prefix("/hang/request"), forward(timeout=0.1)),
    route(prefix("/hang/try"), forward(try_timeout=0.1)),
    route(prefix("/host"), forward(host="other.example.org")),
    route(prefix("/full"), forward(path=ir.PathRewrite(kind="full", value=r"/new\1%path"))),
)

TO_HTTPS = ir.Redirect(status=301, scheme="https", implied_port=443)
REDIRECTS = (
    route(prefix("/to-host"), ir.Redirect(status=302, host="other.example.org", implied_port=80)),
    route(prefix("/to-https"), TO_HTTPS),
    route(prefix("/to-some-https"), ir.Split(shares=(ir.Share(weight=1, action=TO_HTTPS),))),
    route(prefix("/to-80"), ir.Redirect(status=301, implied_port=80)),
    route(prefix("/to-port"), ir.Redirect(status=307, port=8443)),
    route(prefix("/to-path"), ir.Redirect(status=308, path=ir.PathRewrite(kind="full", value="/new"))),
    route(prefix("/to-query"), ir.Redirect(status=308, path=ir.PathRewrite(kind="full", value="/new?a=b#c"))),
    route(prefix("/to-fragment"), ir.Redirect(status=308, path=ir.PathRewrite(kind="full", value="/#/new"))),
)

MODS = ir.HeaderMods(
    set=(("X-Set", "100%"), ("x-removed", "never"), ("Host", "evil.example.org")),
    add=(("X-Add", "%REQ(:path)%"), ("x-add", "two")),
    remove=("X-Removed", "Host"),
)

HEADERS = (
    route(prefix("/rule"), forward(), request_headers=MODS, response_headers=MODS),
    route(
        prefix("/both"),
        forward(to(A, request_headers=ir.HeaderMods(set=(("x-who", "backend"),)))),
        request_headers=ir.HeaderMods(set=(("x-who", "rule"),)),
    ),
    route(
        prefix("/answer"),
        ir.Respond(status=200),
        response_headers=ir.HeaderMods(set=(("x-set", "yes"),)),
    ),
)


def gateway(port: int) -> ir.GatewayIR:
    hosts = [
        host("www.example.com", *MATCHING, *ACTIONS, *REDIRECTS, *HEADERS),
        host("*.any.org", *REDIRECTS),
        host("*.example.com", route(prefix("/"), forward(to(B)))),
        host("exact.example.net", route(exact("/"), forward())),
    ]
    for n, (matched, value) in enumerate(REWRITES):
        path = replaced(matched, value)
        hosts.append(host(f"{n}.rewrite", route(prefix(matched), forward(path=path))))
        hosts.append(host(f"{n}.redirect", route(prefix(matched), ir.Redirect(status=302, path=path))))
    return http_gateway(port, *hosts, clusters=(*clusters(A, B, NOWHERE, HALF_GONE), *clusters(GRPC, protocol="http2")))


@pytest.fixture(scope="module")
def snapshot(backends, control_plane, running, free_port: Callable[[], int]) -> tuple[int, Snapshot]:
    port, a, b = free_port(), backends.http["a"], backends.http["b"]
    grpc_server = running.enter_context(control_plane(Snapshot({})))
    places = [
        endpoints(A, a),
        endpoints(B, b),
        endpoints(HALF_GONE, a, free_port()),
        endpoints(GRPC, grpc_server),
    ]
    return port, assemble(gateway(port), places)


def test_a_trial_accepts_it_all(envoy_verdict: Callable[[str], str], snapshot: tuple[int, Snapshot]) -> None:
    assert envoy_verdict(validation_bootstrap(snapshot[1])) == ""


@pytest.fixture(scope="module")
def get(snapshot: tuple[int, Snapshot], start_proxy):
    port, content = snapshot
    proxy = start_proxy(content)
    return lambda path, **fields: proxy.request(port, path, **fields)


@pytest.mark.parametrize(
    ("path", "fields", "backend"),
    [
        ("/exact", {}, "b"),
        ("/exact?q=1", {}, "b"),
        ("/%65xac%74", {}, "b"),
        ("/exact/", {}, None),
        ("/elements", {}, "a"),
        ("/elements/", {}, "a"),
        ("/elements/x?q", {}, "a"),
        ("/elementsx", {}, None),
        ("/re12/x", {}, "a"),
        ("/re12/xy", {}, None),
        ("/m", {}, "a"),
        ("/m", {"method": "PUT"}, "b"),
        ("/m", {"headers": [("X-Color", "red")]}, "b"),
        ("/m", {"headers": [("X-Color", "redder")]}, "a"),
        ("/m", {"headers": [("X-Color", "red\tblue")]}, "b"),
        ("/m", {"headers": [("X-Color", "green")]}, "b"),
        ("/m", {"headers": [("X-Color", "a green")]}, "a"),
        ("/m?animal=cat", {}, "b"),
        ("/m?animal=cats", {}, "a"),
        ("/exact", {"host": "WWW.example.com:8080"}, "b"),
        ("/any", {"host": "deep.down.example.com"}, "b"),
        ("/any", {"host": "example.com"}, None),
        ("/", {"host": "exact.example.net"}, "a"),
        ("/x", {"host": "exact.example.net"}, None),
        ("/x", {"host": "unknown.org"}, None),
        ("//elements//x", {}, "a"),
        ("/exact/../elements/x", {}, "a"),
    ],
)
def test_a_request_reaches_its_backend_or_404(get, path: str, fields: dict[str, Any], backend: str | None) -> None:
    answer = get(path, **fields)
    assert (answer.seen["backend"] if answer.status == 200 else answer.status) == (backend or 404)


@pytest.mark.parametrize(("path", "status"), [("/none", 503), ("/invalid", 500), ("/weightless", 500)])
def test_what_cannot_be_served_says_why(get, path: str, status: int) -> None:
    assert get(path).status == status


def test_a_direct_response_has_its_status_and_body(get) -> None:
    assert (get("/respond").status, get("/respond").body) == (418, b"no coffee")


def test_an_invalid_backend_answers_500_for_its_share(get) -> None:
    statuses = Counter(get("/half").status for _ in range(100))
    assert set(statuses) == {200, 500}
    assert 25 < statuses[500] < 75


def test_an_address_that_just_went_away_costs_no_request(get) -> None:
    assert {get("/half-gone").status for _ in range(50)} == {200}


def test_a_grpc_backend_is_spoken_to_in_http2(get) -> None:
    answer = get("/grpc/method", method="POST", headers=[("Content-Type", "application/grpc"), ("TE", "trailers")])
    assert (answer.status, answer.header("grpc-status")) == (200, "12")


def test_a_websocket_may_be_opened(get) -> None:
    answer = get("/elements", headers=[("Connection", "Upgrade"), ("Upgrade", "websocket")])
    assert (answer.status, answer.header("upgrade")) == (101, "websocket")


@pytest.mark.parametrize(("action", "status"), [("KeepUnchanged", 200), ("RejectRequest", 400)])
def test_slashes_are_left_as_they_are_where_that_is_wished(
    start_proxy, backends, free_port: Callable[[], int], action: ir.EscapedSlashes, status: int
) -> None:
    port = free_port()
    paths = ir.Paths(merge_slashes=False, escaped_slashes=action)
    chain = ir.FilterChain(name="http", handler=ir.HttpChain(route_table="http", paths=paths))
    everything = host("*", route(prefix("/"), forward()))
    gateway = http_gateway(port, everything, chains=[chain], clusters=clusters(A))
    answer = start_proxy(assemble(gateway, [endpoints(A, backends.http["a"])])).request(port, "/a%2Fb//c")
    assert answer.status == status
    if status == 200:
        assert answer.seen["path"] == "/a%2Fb//c"


def test_an_offer_of_tls_on_a_plain_connection_is_ignored(get) -> None:
    """Apache's HttpClient makes it with every request."""
    answer = get("/elements", headers=[("Connection", "Upgrade"), ("Upgrade", "TLS/1.2")])
    assert "upgrade" not in answer.seen["headers"]


def test_a_client_that_speaks_http_1_0_is_answered(get, snapshot: tuple[int, Snapshot]) -> None:
    with socket.create_connection(("127.0.0.1", snapshot[0]), timeout=10) as connection:
        connection.sendall(b"GET /elements HTTP/1.0\r\nHost: www.example.com\r\n\r\n")
        assert b" 200 OK\r\n" in connection.makefile("rb").read()


def test_weights_hold(get) -> None:
    counts = Counter(get("/weights").seen["backend"] for _ in range(300))
    assert 240 < counts["a"] < 295


@pytest.mark.parametrize("path", ["/hang/request", "/hang/try"])
def test_a_request_or_a_try_that_takes_too_long_is_answered_504(get, path: str) -> None:
    assert get(path).status == 504


def test_the_host_is_rewritten_and_the_old_one_kept_aside(get) -> None:
    headers = get("/host").seen["headers"]
    assert (headers["host"], headers["x-forwarded-host"]) == (["other.example.org"], ["www.example.com"])


def test_a_full_path_is_taken_literally_and_the_query_stays(get) -> None:
    assert get("/full/x?q=1").seen["path"] == r"/new\1%path?q=1"


MODIFIED = [
    # number of REWRITES, path, new path. Spec: Gateway API v1.6 HTTPPathModifier.replacePrefixMatch
    (0, "/foo/bar", "/xyz/bar"),
    (0, "/foo", "/xyz"),
    (0, "/foo/", "/xyz/"),
    (0, "/foo/bar?q=/foo", "/xyz/bar?q=/foo"),
    (1, "/foo/bar", "/xyz/bar"),
    (1, "/foo", "/xyz"),
    (2, "/foo/bar", "/bar"),
    (2, "/foo/", "/"),
    (2, "/foo", "/"),
    (2, "/foo?q=1", "/?q=1"),
    (3, "/foo/bar", "/bar"),
    (3, "/foo/", "/"),
    (3, "/foo", "/"),
    (4, "/bar", "/xyz/bar"),
    (4, "/", "/xyz/"),
    (5, "/bar", "/bar"),
    (6, "/bar", "/bar"),
]


@pytest.mark.parametrize(("n", "path", "new"), MODIFIED)
def test_a_prefix_is_rewritten_by_elements(get, n: int, path: str, new: str) -> None:
    assert get(path, host=f"{n}.rewrite").seen["path"] == new


@pytest.mark.parametrize(("n", "path", "new"), MODIFIED)
def test_a_redirect_replaces_a_prefix_by_elements(get, n: int, path: str, new: str) -> None:
    assert get(path, host=f"{n}.redirect").header("location") == f"http://{n}.redirect{new}"


@pytest.mark.parametrize(
    ("path", "host", "status", "location"),
    [
        ("/to-host/x?q=1", "www.example.com", 302, "http://other.example.org/to-host/x?q=1"),
        ("/to-https", "www.example.com", 301, "https://www.example.com/to-https"),
        ("/to-https", "www.example.com:8080", 301, "https://www.example.com/to-https"),
        ("/to-https", "a.any.org", 301, "https://a.any.org/to-https"),
        ("/to-https", "a.any.org:8080", 301, "https://a.any.org:443/to-https"),
        ("/to-some-https", "a.any.org", 301, "https://a.any.org/to-some-https"),
        ("/to-some-https", "a.any.org:8080", 301, "https://a.any.org:443/to-some-https"),
        ("/to-80", "www.example.com", 301, "http://www.example.com/to-80"),
        ("/to-80", "www.example.com:8080", 301, "http://www.example.com/to-80"),
        ("/to-80", "a.any.org:8080", 301, "http://a.any.org:80/to-80"),
        ("/to-host/x", "a.any.org:8080", 302, "http://other.example.org/to-host/x"),
        ("/to-path", "a.any.org:8080", 308, "http://a.any.org:8080/new"),
        ("/to-port", "www.example.com", 307, "http://www.example.com:8443/to-port"),
        ("/to-path/x?q=1", "www.example.com", 308, "http://www.example.com/new?q=1"),
        ("/to-query", "www.example.com", 308, "http://www.example.com/new?a=b#c"),
        ("/to-query?q=1", "www.example.com", 308, "http://www.example.com/new?a=b#c"),
        ("/to-fragment", "www.example.com", 308, "http://www.example.com/#/new"),
    ],
)
def test_a_redirect_changes_only_its_parts(get, path: str, host: str, status: int, location: str) -> None:
    answer = get(path, host=host)
    assert (answer.status, answer.header("location")) == (status, location)


def test_request_headers_are_set_added_and_removed(get) -> None:
    sent = [("X-Set", "old"), ("X-Add", "one"), ("X-Removed", "gone")]
    headers = get("/rule", headers=sent).seen["headers"]
    assert headers["x-set"] == ["100%"]
    assert ",".join(headers["x-add"]) == "one,%REQ(:path)%,two"
    assert "x-removed" not in headers
    assert headers["host"] == ["www.example.com"]


def test_response_headers_are_modified_on_the_way_back(get) -> None:
    answer = get("/rule")
    assert answer.header("x-set") == "100%"
    assert get("/answer").header("x-set") == "yes"


def test_a_backends_header_wins_over_its_rules(get) -> None:
    assert get("/both").seen["headers"]["x-who"] == ["backend"]


def test_the_backend_learns_where_the_request_came_from(get) -> None:
    headers = get("/elements", headers=[("X-Envoy-Internal", "true"), ("X-Request-Id", "mine")]).seen["headers"]
    assert ipaddress.ip_address(headers["x-forwarded-for"][0])  # its own, for a client on loopback
    assert headers["x-forwarded-proto"] == ["http"]
    assert len(headers["x-request-id"][0]) == 36


def test_nothing_of_envoys_own_is_shown(get) -> None:
    answer = get("/elements")
    assert [name for name, _ in answer.headers if name.lower().startswith("x-envoy")] == []
    assert "envoy" not in (answer.header("server") or "")


@pytest.mark.parametrize(
    ("path", "headers", "status"), [("/exact", [("under_score", "x")], 400), ("/elements%2Fx", [], 307)]
)
def test_ambiguous_requests_are_refused_or_redirected(get, path: str, headers: Any, status: int) -> None:
    assert get(path, headers=headers).status == status
