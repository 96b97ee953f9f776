"""What mirrors, CORS policies and split routes do in a real Envoy."""

import contextlib
import queue
import select
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from itertools import islice

import pytest

from gateway_api.ir import xds as ir
from gateway_api.lowering.matches import preflight_of
from tests.envoy import gateways
from tests.envoy.gateways import clusters, endpoints, host, http_gateway, prefix, route
from tests.servers import QuietHandler, serving
from xds_server.translate.assemble import assemble

pytestmark = pytest.mark.envoy

A = ir.ClusterName("service/default/a/80")
COPIES, MORE_COPIES, UNANSWERED = (
    ir.ClusterName(f"service/default/{name}/80/mirror") for name in ("copies", "more-copies", "unanswered")
)

type Copies = queue.Queue[tuple[str, dict[str, str]]]
"""Path, and headers by lower-case name, of each request that came."""


def forward(**fields: object) -> ir.Forward:
    return gateways.forward(A, **fields)


def rewritten(to: str, **fields: object) -> ir.Forward:
    return forward(path=ir.PathRewrite(kind="full", value=to), **fields)


LISTED = ir.Cors(
    origins=(
        ir.Origin(scheme="https", host="www.foo.com", port=443),
        ir.Origin(scheme="https", host="*.bar.com", port=443),
        ir.Origin(scheme="http", host="*", port=8080),
    ),
    methods=("GET", "OPTIONS"),
    headers=("x-header-1", "x-header-2"),
    exposed=("x-header-3", "x-%HOSTNAME%"),
    credentials=True,
    max_age=3600,
)
EXPOSED = "x-header-3, x-%HOSTNAME%"
ANY = ir.Cors(any_origin=True, methods=("*",), headers=("*",))
SHARES = (
    ir.Share(
        weight=500,
        action=ir.Redirect(status=302, host="new.example.org"),
        response_headers=ir.HeaderMods(set=(("x-moved", "backend"),)),
    ),
    ir.Share(weight=0, action=ir.Respond(status=418)),
    ir.Share(weight=255, action=rewritten("/rewritten")),
    ir.Share(weight=245, action=forward(host="plain.example.org", mirrors=(ir.Mirror(cluster=COPIES),))),
)
THIRDS = (
    ir.Share(weight=1, action=ir.Redirect(status=302, host="new.example.org")),
    ir.Share(weight=1, action=forward()),
    ir.Share(weight=1, action=rewritten("/last", mirrors=(ir.Mirror(cluster=COPIES, denominator=2),))),
)
PUT = ir.Match(path=prefix("/put"), method="PUT")
MOVED = ir.Match(path=prefix("/moved"))
NOWHERE = (ir.Destination(cluster=ir.INVALID_BACKEND, weight=1),)

ACTIONS: dict[str, ir.Action] = {
    "/mirror": forward(mirrors=(ir.Mirror(cluster=COPIES), ir.Mirror(cluster=MORE_COPIES))),
    "/unanswered": forward(mirrors=(ir.Mirror(cluster=UNANSWERED),)),
    "/third": forward(mirrors=(ir.Mirror(cluster=COPIES, denominator=3),)),
    "/listed": forward(cors=LISTED),
    "/any": forward(cors=ANY),
    "/credentials": forward(cors=ir.Cors(any_origin=True, methods=("*",), headers=("*",), credentials=True)),
    "/nobody": forward(cors=ir.Cors()),
    "/split": ir.Split(shares=SHARES),
    "/thirds": ir.Split(shares=THIRDS),
    "/alone": ir.Split(shares=(ir.Share(weight=1, action=ir.Redirect(status=301, host="new.example.org")),)),
}


@pytest.fixture(scope="module")
def copies() -> Iterator[Callable[[], tuple[int, Copies]]]:
    """Start a server that keeps what it gets: its port, and the queue."""
    with contextlib.ExitStack() as running:

        def start() -> tuple[int, Copies]:
            came: Copies = queue.Queue()

            class Keeper(QuietHandler):
                def answer(self) -> None:
                    came.put((self.path, {name.lower(): value for name, value in self.headers.items()}))
                    self.reply(500)

            server = running.enter_context(serving(ThreadingHTTPServer(("127.0.0.1", 0), Keeper)))
            return server.server_address[1], came

        yield start


@pytest.fixture(scope="module")
def silent() -> Iterator[socket.socket]:
    """A server that lets connections in and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as server:
        server.setblocking(False)
        yield server


@pytest.fixture(scope="module")
def world(backends, copies, silent, start_proxy, free_port):
    """The request function of a proxy that serves ACTIONS, and what each of the two mirrors got."""
    (here, came), (there, came_too) = copies(), copies()
    modified = ir.HeaderMods(set=(("x-rule", "rule"),))
    routes = [
        route(path, action, request_headers=modified, response_headers=modified) for path, action in ACTIONS.items()
    ]
    routes += [ir.Route(name="/put", match=match, action=forward(cors=ANY)) for match in (PUT, preflight_of(PUT))]
    routes += [
        ir.Route(name="/moved", match=match, action=action)
        for match, action in (
            (preflight_of(MOVED), ir.Forward(destinations=NOWHERE, cors=LISTED)),
            (MOVED, ir.Redirect(status=302, host="new.example.org", cors=LISTED)),
        )
    ]
    port = free_port()
    ports = {A: backends.http["a"], COPIES: here, MORE_COPIES: there, UNANSWERED: silent.getsockname()[1]}
    gateway = http_gateway(
        port,
        host("*", *routes),
        clusters=(*clusters(A), *clusters(COPIES, MORE_COPIES, UNANSWERED, mirror=True)),
    )
    proxy = start_proxy(assemble(gateway, [endpoints(name, of) for name, of in ports.items()]))
    return lambda path, **fields: proxy.request(port, path, **fields), came, came_too


def copies_of(came: Copies, wanted: str) -> Iterator[dict[str, str]]:
    """The headers of copies as they come; what another test's last requests left is passed over."""
    while True:
        path, headers = came.get(timeout=30)
        if path == wanted:
            yield headers


def test_each_mirror_gets_the_request_as_the_backend_does(world) -> None:
    get, came, came_too = world
    answer = get("/mirror/x?q=1", host="www.example.com:8080", headers=[("x-mine", "1")])
    assert answer.seen["backend"] == "a"
    for copy in (came, came_too):
        headers = next(copies_of(copy, "/mirror/x?q=1"))
        assert (headers["host"], headers["x-mine"], headers["x-rule"]) == ("www.example.com:8080", "1", "rule")


def test_a_mirror_that_does_not_answer_costs_a_limited_number_of_connections(world, silent: socket.socket) -> None:
    get, _, _ = world
    for _ in range(1200):
        assert get("/unanswered").status == 200
    with contextlib.ExitStack() as connections:
        held = 0
        while select.select([silent], [], [], 0)[0]:
            connections.enter_context(silent.accept()[0])
            held += 1
    assert 1000 < held < 1100


def test_a_mirror_may_get_a_share(world) -> None:
    get, came, _ = world
    sent = 0
    while came.qsize() < 30:
        assert get("/third").status == 200
        sent += 1
    assert 45 < sent < 200
    while came.qsize():
        assert came.get()[0] == "/third"


def test_a_mirror_gets_its_part_of_a_share(world) -> None:
    get, came, _ = world
    sent = 0
    while came.qsize() < 30:
        answer = get("/thirds")
        sent += answer.status == 200 and answer.seen["path"] == "/last"
        assert sent < 100
    assert sent > 38
    while came.qsize():
        assert came.get()[0] == "/last"


def test_each_share_of_a_split_is_as_large_as_its_weight(world) -> None:
    get, came, _ = world
    ways: Counter[str] = Counter()
    for _ in range(400):
        answer = get("/split/x")
        if answer.status == 302:
            assert answer.header("location") == "http://new.example.org/split/x"
            assert (answer.header("x-rule"), answer.header("x-moved")) == ("rule", "backend")
            ways["redirected"] += 1
        elif answer.seen["path"] == "/rewritten":
            assert answer.seen["headers"]["host"] == ["www.example.com"]
            ways["rewritten"] += 1
        else:
            assert answer.seen["path"] == "/split/x"
            assert answer.seen["headers"]["host"] == ["plain.example.org"]
            ways["plain"] += 1
    assert 150 < ways["redirected"] < 250
    assert 60 < ways["rewritten"] < 145
    assert 60 < ways["plain"] < 145
    hosts = [headers["host"] for headers in islice(copies_of(came, "/split/x"), ways["plain"])]
    assert set(hosts) == {"plain.example.org"}


def test_a_lone_share_gets_every_request(world) -> None:
    get, _, _ = world
    assert {get("/alone").header("location") for _ in range(20)} == {"http://new.example.org/alone"}


ASK = "access-control-request-"
ALLOW = "access-control-allow-"


@pytest.mark.parametrize(
    ("path", "origin", "allowed"),
    [
        ("/listed", "https://www.foo.com", True),
        ("/listed", "https://WWW.foo.com", True),
        ("/listed", "https://www.foo.com:443", True),
        ("/listed", "https://www.foo.com:444", False),
        ("/listed", "http://www.foo.com", False),
        ("/listed", "https://wwwxfoo.com", False),
        ("/listed", "https://a.www.foo.com", False),
        ("/listed", "https://www.foo.com.evil.org", False),
        ("/listed", "https://www.bar.com", True),
        ("/listed", "https://xpto.www.bar.com", True),
        ("/listed", "https://bar.com", False),
        ("/listed", "https://foobar.com", False),
        ("/listed", "https://evil.org/.bar.com", False),
        ("/listed", "https://evil.org:1.bar.com", False),
        ("/listed", "http://any.org:8080", True),
        ("/listed", "http://[::1]:8080", True),
        ("/listed", "http://any.org", False),
        ("/listed", "null", False),
        ("/any", "https://foobar.com:12345", True),
        ("/any", "null", True),
        ("/nobody", "https://www.foo.com", False),
        ("/nobody", "*", False),
        ("/listed", "*", False),
    ],
)
def test_only_allowed_origins_are_let_in(world, path: str, origin: str, allowed: bool) -> None:
    get, _, _ = world
    expected = origin if allowed else None
    preflight = get(path, method="OPTIONS", headers=[("Origin", origin), (f"{ASK}method", "GET")])
    assert (preflight.status, preflight.header(f"{ALLOW}origin")) == (200, expected)
    simple = get(path, headers=[("Origin", origin)])
    assert (simple.seen["backend"], simple.header(f"{ALLOW}origin")) == ("a", expected)


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("https://www.foo.com", True), ("https://a.bar.com", True), ("http://any.org", False), ("https://x.org", False)],
)
def test_pages_of_allowed_origins_may_follow_a_redirect(world, origin: str, allowed: bool) -> None:
    get, _, _ = world
    expected = origin if allowed else None
    preflight = get("/moved", method="OPTIONS", headers=[("Origin", origin), (f"{ASK}method", "GET")])
    assert (preflight.status, preflight.header(f"{ALLOW}origin")) == (200, expected)
    moved = get("/moved/x", headers=[("Origin", origin)])
    assert (moved.status, moved.header("location")) == (302, "http://new.example.org/moved/x")
    assert moved.header(f"{ALLOW}origin") == expected
    assert moved.header(f"{ALLOW}credentials") == ("true" if allowed else None)
    assert moved.header("access-control-expose-headers") == (EXPOSED if allowed else None)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/listed", ["GET, OPTIONS", "x-header-1, x-header-2", "true", EXPOSED, "3600"]),
        ("/any", ["PATCH", "x-a, x-b", None, None, "5"]),
        ("/credentials", ["PATCH", "x-a, x-b", "true", None, "5"]),
        ("/nobody", [None, None, None, None, "5"]),
    ],
)
def test_a_preflight_says_what_may_be_asked(world, path: str, said: list[str | None]) -> None:
    get, _, _ = world
    asked = [("Origin", "https://www.foo.com"), (f"{ASK}method", "PATCH"), (f"{ASK}headers", "x-a, x-b")]
    answer = get(path, method="OPTIONS", headers=asked)
    assert (answer.status, answer.body) == (200, b"")
    names = ["allow-methods", "allow-headers", "allow-credentials", "expose-headers", "max-age"]
    assert [answer.header(f"access-control-{name}") for name in names] == said


def test_only_preflights_of_a_method_are_taken_with_it(world) -> None:
    get, _, _ = world
    asked = [("Origin", "https://www.foo.com"), (f"{ASK}method", "PUT")]
    assert get("/put", method="OPTIONS", headers=asked).header(f"{ALLOW}methods") == "PUT"
    assert get("/put", method="PUT", headers=asked[:1]).header(f"{ALLOW}origin") == "https://www.foo.com"
    for other in (asked[:1], asked[1:], [asked[0], (f"{ASK}method", "GET")]):
        assert get("/put", method="OPTIONS", headers=other).status == 404


def test_without_an_origin_nothing_is_said(world) -> None:
    get, _, _ = world
    assert [name for name, _ in get("/any").headers if name.lower().startswith("access-control")] == []
