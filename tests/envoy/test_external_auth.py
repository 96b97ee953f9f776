"""Requests that somebody else must allow, in a real Envoy: over HTTP and over gRPC."""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import ThreadingHTTPServer
from typing import Any, Literal, NamedTuple

import grpc
import pytest
from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.service.auth.v3 import external_auth_pb2 as auth  # type: ignore[import-untyped]
from envoy.service.auth.v3.external_auth_pb2_grpc import (  # type: ignore[import-untyped]
    AuthorizationServicer,
    add_AuthorizationServicer_to_server,
)

from gateway_api.ir import xds as ir
from gateway_api.lowering.scoping import scope_tables
from tests.envoy.conftest import Answer, Proxy
from tests.envoy.gateways import clusters, endpoints, forward, host, http_gateway, route
from tests.servers import QuietHandler, serving
from xds_server.translate.assemble import assemble

pytestmark = pytest.mark.envoy

A, HTTP, GRPC, GONE = (ir.ClusterName(f"service/default/{name}/80") for name in ("a", "http", "grpc", "gone"))
GOOD = ("Authorization", "good")


def ask(cluster: ir.ClusterName = HTTP, **fields: Any) -> ir.ExternalAuth:
    protocol: Literal["http", "grpc"] = "grpc" if cluster == GRPC else "http"
    return ir.ExternalAuth(cluster=cluster, authority="auth.default:80", protocol=protocol, **fields)


TO_A = forward(A)
RULES: dict[str, tuple[ir.ExternalAuth | None, ir.Action]] = {
    "/open": (None, TO_A),
    "/http": (ask(), TO_A),
    "/headers": (ask(path="/check", request_headers=("x-mine",), response_headers=("x-user", "content-type")), TO_A),
    "/body": (ask(max_body=8), TO_A),
    "/grpc": (ask(GRPC), TO_A),
    "/grpc-headers": (ask(GRPC, request_headers=("authorization",), max_body=8), TO_A),
    "/gone": (ask(GONE), TO_A),
    "/redirect": (ask(), ir.Redirect(status=302, host="other.example.org")),
    "/session": (
        ask(),
        ir.Forward(
            destinations=(
                ir.Destination(cluster=A, weight=1, session=ir.Session(kind="cookie", name="s-a")),
                ir.Destination(cluster=GONE, weight=0, session=ir.Session(kind="cookie", name="s-gone")),
            ),
        ),
    ),
}


class Seen:
    """What the last authorizer asked saw."""

    request: dict[str, Any] | None = None


class Authorizer(QuietHandler):
    seen: Seen

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.seen.request = {"method": self.command, "path": self.path, "headers": headers, "body": body}
        status = 200 if headers.get("authorization") == "good" else 401
        self.reply(status, b"no", x_user="me", x_other="too", content_type="text/auth", host="evil")


def told(name: str, value: str, *, over: bool = True) -> HeaderValueOption:
    """A header, `over` one of its name."""
    action = HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD if over else HeaderValueOption.APPEND_IF_EXISTS_OR_ADD
    return HeaderValueOption(header=HeaderValue(key=name, value=value), append_action=action)


BROKEN = "x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"
NEXT = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nmine"
"""What a client would take for the answer to its next request."""

ODD_ANSWERS = {
    "a header": auth.CheckResponse(ok_response=auth.OkHttpResponse(response_headers_to_add=[told("x-told", "1")])),
    "a length": auth.CheckResponse(
        ok_response=auth.OkHttpResponse(response_headers_to_add=[told("content-length", "3")])
    ),
    "two lengths": auth.CheckResponse(
        ok_response=auth.OkHttpResponse(response_headers_to_add=[told("content-length", "3", over=False)])
    ),
    **{
        f"status {code}": auth.CheckResponse(
            ok_response=auth.OkHttpResponse(response_headers_to_add=[told(":status", code)])
        )
        for code in ("204", "304", "100")
    },
    "a line break in an answer": auth.CheckResponse(
        ok_response=auth.OkHttpResponse(response_headers_to_add=[told("x-told", BROKEN)])
    ),
    "a line break in a request": auth.CheckResponse(ok_response=auth.OkHttpResponse(headers=[told("x-told", BROKEN)])),
    "a line break in a name": auth.CheckResponse(
        ok_response=auth.OkHttpResponse(headers=[told("x-told: 1\r\nhost", "evil")])
    ),
    "a denial with a line break": auth.CheckResponse(
        status={"code": 7}, denied_response=auth.DeniedHttpResponse(headers=[told("x-told", BROKEN)])
    ),
    **{
        f"a denial with {code}": auth.CheckResponse(
            status={"code": 7}, denied_response=auth.DeniedHttpResponse(status={"code": code}, body=NEXT)
        )
        for code in (100, 101, 204, 205, 304)
    },
}
"""What a gRPC authorizer answers, by what the header x-odd asks for."""


class GrpcAuthorizer(AuthorizationServicer):
    def __init__(self, seen: Seen) -> None:
        self.seen = seen

    def Check(self, request: auth.CheckRequest, context: object) -> auth.CheckResponse:  # noqa: N802  of the protocol
        asked = request.attributes.request.http
        self.seen.request = {"headers": dict(asked.headers), "body": asked.raw_body}
        if "x-odd" in asked.headers:
            return ODD_ANSWERS[asked.headers["x-odd"]]
        if asked.headers.get("authorization") != "good":
            return auth.CheckResponse(status={"code": 7}, denied_response=auth.DeniedHttpResponse(body="no"))
        says = {"x-user": "me", "content-length": "0", "transfer-encoding": "chunked"}
        headers = [HeaderValueOption(header=HeaderValue(key=name, value=value)) for name, value in says.items()]
        removed = [asked.headers["x-remove"]] if "x-remove" in asked.headers else []
        return auth.CheckResponse(ok_response=auth.OkHttpResponse(headers=headers, headers_to_remove=removed))


@pytest.fixture(scope="module")
def seen() -> Seen:
    return Seen()


@pytest.fixture(scope="module")
def authorizers(seen: Seen) -> Iterator[tuple[int, int]]:
    """Their ports: HTTP, gRPC."""
    handler = type("Handler", (Authorizer,), {"seen": seen})
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as server, ThreadPoolExecutor(2) as threads:
        grpc_server = grpc.server(threads)
        add_AuthorizationServicer_to_server(GrpcAuthorizer(seen), grpc_server)
        port = grpc_server.add_insecure_port("127.0.0.1:0")
        grpc_server.start()
        yield server.server_address[1], port
        grpc_server.stop(grace=None).wait()


class At(NamedTuple):
    """Where to ask."""

    proxy: Proxy
    port: int


@pytest.fixture(scope="module", params=["never", "always"], ids=["whole", "scoped"])
def at(request, backends, authorizers, start_proxy, free_port: Callable[[], int]) -> At:
    """With a table that is used as a whole, and with one in scopes."""
    port = free_port()
    routes = [route(path, action, external_auth=asked) for path, (asked, action) in RULES.items()]
    gateway = http_gateway(
        port,
        host("www.example.com", *routes),
        clusters=(*clusters(A, HTTP, GONE), *clusters(GRPC, protocol="http2")),
    )
    ports = {A: backends.http["a"], HTTP: authorizers[0], GRPC: authorizers[1], GONE: free_port()}
    places = [endpoints(name, to) for name, to in ports.items()]
    return At(start_proxy(assemble(scope_tables(gateway, request.param, frozenset()), places)), port)


@pytest.fixture
def get(at: At) -> Callable[..., Answer]:
    return lambda path, **fields: at.proxy.request(at.port, path, **fields)


def test_a_route_that_must_be_fetched_first_is_asked_for_too(get) -> None:
    """The first request for a host in capitals, with a body: what Envoy would let slip by a disabled filter."""
    answer = get("/http", method="PUT", host="WWW.example.com", body=b"hello")
    assert (answer.status, answer.body) == (401, b"no")


@pytest.mark.parametrize("path", ["/http", "/headers", "/body", "/redirect", "/session"])
def test_what_is_denied_is_answered_by_the_authorizer(get, path: str) -> None:
    answer = get(path)
    assert (answer.status, answer.body) == (401, b"no")
    assert get(path, headers=[("Cookie", "s-00000000=x")]).status == 401


@pytest.mark.parametrize("path", ["/grpc", "/grpc-headers"])
def test_what_is_denied_over_grpc_is_answered_by_the_authorizer(get, path: str) -> None:
    answer = get(path)
    assert (answer.status, answer.body) == (403, b"no")


@pytest.mark.parametrize("path", ["/http", "/headers", "/body", "/grpc", "/grpc-headers", "/session"])
def test_what_is_allowed_reaches_the_backend_with_what_the_authorizer_adds(get, path: str) -> None:
    sent = get(path, headers=[GOOD]).seen
    assert sent["headers"]["x-user"] == ["me"]
    assert sent["headers"]["host"] == ["www.example.com"]


def test_who_is_not_protected_is_not_asked_for(get, seen: Seen) -> None:
    seen.request = None
    assert get("/open").status == 200
    assert seen.request is None


def test_a_redirect_is_for_those_who_are_allowed(get) -> None:
    assert get("/redirect", headers=[GOOD]).header("location") == "http://other.example.org/redirect"


def test_an_authorizer_that_does_not_answer_denies(get) -> None:
    assert get("/gone", headers=[GOOD]).status == 503


def test_an_authorizer_sees_what_it_always_sees_and_no_more(get, seen: Seen) -> None:
    get("/http/x?q=1", method="PUT", headers=[GOOD, ("X-Mine", "1")], body=b"hello")
    headers = {name for name in seen.request["headers"] if not name.startswith("x-envoy-")}
    assert headers == {"host", "authorization", "content-length"}
    assert (seen.request["method"], seen.request["path"]) == ("PUT", "/http/x?q=1")
    assert (seen.request["headers"]["content-length"], seen.request["body"]) == ("0", b"")


def test_an_authorizer_sees_the_headers_that_it_may_below_its_path(get, seen: Seen) -> None:
    get("/headers", headers=[GOOD, ("X-Mine", "1"), ("X-Not", "2")])
    assert seen.request["path"] == "/check/headers"
    assert (seen.request["headers"].get("x-mine"), seen.request["headers"].get("x-not")) == ("1", None)


def test_a_backend_sees_all_of_the_answer_but_what_is_about_the_answer(get) -> None:
    headers = get("/http", method="PUT", headers=[GOOD, ("Content-Type", "text/mine")], body=b"hello").seen["headers"]
    assert (headers["x-user"], headers["x-other"]) == (["me"], ["too"])
    assert (headers["content-type"], headers["content-length"]) == (["text/mine"], ["5"])


def test_a_backend_sees_what_is_named_of_the_answer(get) -> None:
    headers = get("/headers", headers=[GOOD]).seen["headers"]
    assert (headers["x-user"], headers["content-type"]) == (["me"], ["text/auth"])
    assert "x-other" not in headers


def test_a_client_cannot_say_what_the_authorizer_says(get) -> None:
    assert get("/http", headers=[GOOD, ("X-User", "root")]).seen["headers"]["x-user"] == ["me"]


@pytest.mark.parametrize("path", ["/body", "/grpc-headers"])
def test_a_body_is_shown_as_it_is_up_to_its_limit_and_denied_beyond(get, seen: Seen, path: str) -> None:
    body = b"1234\x00\xff\xc3("
    assert get(path, method="PUT", headers=[GOOD], body=body).status == 200
    assert seen.request["body"] == body
    assert get(path, method="PUT", headers=[GOOD], body=b"123456789").status == 413


@pytest.mark.parametrize("headers", [[], [("X-Remove", "content-length")]])
def test_a_grpc_authorizer_does_not_say_where_a_request_ends(get, headers: list[tuple[str, str]]) -> None:
    """What is left of the body would be the next request on a connection that clients share."""
    sent = get("/grpc", method="PUT", headers=[GOOD, *headers], body=b"hello").seen["headers"]
    assert (sent["content-length"], sent.get("transfer-encoding")) == (["5"], None)


def test_a_grpc_authorizer_sees_all_headers_or_those_that_it_may(get, seen: Seen) -> None:
    get("/grpc", headers=[GOOD, ("X-Mine", "1")])
    assert seen.request["headers"]["x-mine"] == "1"
    get("/grpc-headers", headers=[GOOD, ("X-Mine", "1")])
    assert "x-mine" not in seen.request["headers"]


def test_a_grpc_authorizer_adds_headers_to_answers(get) -> None:
    answer = get("/grpc", headers=[("X-Odd", "a header")])
    assert (answer.status, answer.header("x-told")) == (200, "1")


@pytest.fixture
def all_bytes(at: At) -> Callable[[str], tuple[bytes, bytes]]:
    """Status line and headers, and all else that a client reads on a connection with one request."""

    def ask_for(odd: str) -> tuple[bytes, bytes]:
        with socket.create_connection(("127.0.0.1", at.port), timeout=10) as client:
            asked = f"GET /grpc HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\nX-Odd: {odd}\r\n\r\n"
            client.sendall(asked.encode())
            head, _, body = client.makefile("rb").read().partition(b"\r\n\r\n")
            return head.lower(), body

    return ask_for


@pytest.mark.parametrize("odd", ["a header", "a length", "two lengths"])
def test_a_grpc_authorizer_does_not_say_how_long_an_answer_is(all_bytes, odd: str) -> None:
    """What is left of the body would be the next answer on a connection that clients share."""
    head, body = all_bytes(odd)
    assert f"content-length: {len(body)}\r\n".encode() in head
    assert body


@pytest.mark.parametrize("status", ["204", "304", "100"])
def test_a_grpc_authorizer_does_not_make_a_body_the_next_answer(all_bytes, status: str) -> None:
    head, body = all_bytes(f"status {status}")
    assert (head.split()[1], body) == (b"500", b"")


def test_an_answer_without_a_body_passes(get) -> None:
    assert get("/grpc/nothing", headers=[GOOD]).status == 204


@pytest.mark.parametrize("odd", [odd for odd in ODD_ANSWERS if "line break" in odd])
def test_a_line_break_of_a_grpc_authorizer_ends_no_header(all_bytes, odd: str) -> None:
    head, body = all_bytes(odd)
    assert (head.split()[1], body) == (b"500", b"")


@pytest.mark.parametrize(("status", "answered"), [(100, b"500"), (101, b"500"), (204, b"204"), (304, b"304")])
def test_a_denial_with_a_status_that_has_no_body_has_none(all_bytes, status: int, answered: bytes) -> None:
    head, body = all_bytes(f"a denial with {status}")
    assert (head.split()[1], body) == (answered, b"")


def test_a_denial_with_another_status_has_its_body(all_bytes) -> None:
    head, body = all_bytes("a denial with 205")
    assert body == NEXT.encode()
    assert f"content-length: {len(body)}\r\n".encode() in head
