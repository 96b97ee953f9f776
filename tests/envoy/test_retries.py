"""What a real Envoy tries again, and how often."""

import contextlib
import http.client
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gateway_api.ir import xds as ir
from k8s_watch.keys import ObjectKey
from xds_server.translate.assemble import assemble

pytestmark = pytest.mark.envoy

KEY = ObjectKey("default", "eg")
FLAKY = ir.ClusterName("service/default/flaky/80")
RULES = {
    "/none": ir.Forward(destinations=(ir.Destination(cluster=FLAKY, weight=1),)),
    "/empty": ir.Forward(destinations=(ir.Destination(cluster=FLAKY, weight=1),), retry=ir.Retry()),
    "/500": ir.Forward(
        destinations=(ir.Destination(cluster=FLAKY, weight=1),),
        retry=ir.Retry(codes=(500,), attempts=3, backoff=0.0),
    ),
    "/slow": ir.Forward(
        destinations=(ir.Destination(cluster=FLAKY, weight=1),),
        timeout=30.0,
        try_timeout=1.0,
        retry=ir.Retry(attempts=1, backoff=0.01),
    ),
    "/once": ir.Forward(
        destinations=(ir.Destination(cluster=FLAKY, weight=1),), retry=ir.Retry(codes=(500,), attempts=0)
    ),
    "/late": ir.Forward(
        destinations=(ir.Destination(cluster=FLAKY, weight=1),),
        timeout=0.5,
        try_timeout=0.1,
        retry=ir.Retry(attempts=100),
    ),
    "/whole": ir.Forward(destinations=(ir.Destination(cluster=FLAKY, weight=1),), timeout=0.2),
}


class Flaky(BaseHTTPRequestHandler):
    """`/<anything>/<failure>/<n>`: the first n requests of a path fail so, later ones answer which they are."""

    protocol_version = "HTTP/1.1"
    seen: Counter[str]
    over: threading.Event

    def do_GET(self) -> None:
        self.seen[self.path] += 1
        *_, failure, times = self.path.split("/")
        if self.seen[self.path] > int(times):
            self.answer(200)
        elif failure == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        elif failure == "begin":
            self.send_response(200)
            self.send_header("Content-Length", "9")
            self.end_headers()
            self.over.wait()
            self.close_connection = True
        elif failure == "hang":
            self.over.wait()
            self.close_connection = True
        else:
            self.answer(int(failure))

    def answer(self, status: int) -> None:
        body = str(self.seen[self.path]).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def finish(self) -> None:
        with contextlib.suppress(ValueError, OSError):
            super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class named it
        """Say nothing: tests read the answers."""


@pytest.fixture(scope="module")
def flaky() -> Iterator[int]:
    over = threading.Event()
    handler = type("Handler", (Flaky,), {"seen": Counter(), "over": over})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    over.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def get(flaky: int, start_proxy, free_port: Callable[[], int]):
    port = free_port()
    routes = tuple(
        ir.Route(name=path, source=KEY, match=ir.Match(path=ir.PathMatch(kind="prefix", value=path)), action=action)
        for path, action in RULES.items()
    )
    chain = ir.FilterChain(name="http-80", handler=ir.HttpChain(route_table="http-80"))
    gateway = ir.GatewayIR(
        gateway=KEY,
        listeners=(
            ir.Listener(name="tcp-80", port=80, bind_port=port, bind_address="127.0.0.1", filter_chains=(chain,)),
        ),
        route_tables=(ir.RouteTable(name="http-80", virtual_hosts=(ir.VirtualHost(hostname="*", routes=routes),)),),
        clusters=(ir.Cluster(name=FLAKY, backend=KEY, port=80),),
    )
    places = [ir.Endpoints(cluster=FLAKY, endpoints=(ir.Endpoint(address="127.0.0.1", port=flaky),))]
    proxy = start_proxy(assemble(gateway, places))
    return lambda path: proxy.request(port, path)


@pytest.mark.parametrize(
    ("path", "status", "tries"),
    [
        ("/500/500/2", 200, b"3"),
        ("/500/500/4", 500, b"4"),
        ("/500/503/1", 503, b"1"),
        ("/500/reset/2", 200, b"3"),
        ("/empty/500/1", 500, b"1"),
        ("/empty/reset/2", 200, b"3"),
        ("/none/500/1", 500, b"1"),
        ("/slow/hang/1", 200, b"2"),
        ("/once/500/1", 500, b"1"),
    ],
)
def test_what_a_rule_names_is_tried_again_so_often(get, path: str, status: int, tries: bytes) -> None:
    answer = get(path)
    assert (answer.status, answer.body) == (status, tries)


@pytest.mark.parametrize(
    ("path", "status"), [("/none/reset/1", 503), ("/empty/reset/9", 503), ("/slow/hang/9", 504), ("/once/reset/1", 503)]
)
def test_what_fails_for_too_long_fails(get, path: str, status: int) -> None:
    assert get(path).status == status


def test_an_answer_that_has_begun_ends_with_the_request(get) -> None:
    with pytest.raises(http.client.IncompleteRead):
        get("/whole/begin/1")


def test_the_tries_end_with_the_request(get) -> None:
    assert get("/late/hang/99").status == 504
