"""What a real Envoy tries again, and how often."""

import contextlib
import http.client
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer

import pytest

from gateway_api.ir import xds as ir
from tests.envoy.gateways import clusters, endpoints, forward, host, http_gateway, route
from tests.servers import QuietHandler, serving
from xds_server.translate.assemble import assemble

pytestmark = pytest.mark.envoy

FLAKY = ir.ClusterName("service/default/flaky/80")
RULES = {
    "/none": forward(FLAKY),
    "/empty": forward(FLAKY, retry=ir.Retry()),
    "/500": forward(FLAKY, retry=ir.Retry(codes=(500,), attempts=3, backoff=0.0)),
    "/slow": forward(FLAKY, timeout=30.0, try_timeout=1.0, retry=ir.Retry(attempts=1, backoff=0.01)),
    "/once": forward(FLAKY, retry=ir.Retry(codes=(500,), attempts=0)),
    "/late": forward(FLAKY, timeout=0.5, try_timeout=0.1, retry=ir.Retry(attempts=100)),
    "/whole": forward(FLAKY, timeout=0.2),
}


class Flaky(QuietHandler):
    """`/<anything>/<failure>/<n>`: the first n requests of a path fail so, later ones answer which they are."""

    seen: Counter[str]
    over: threading.Event

    def answer(self) -> None:
        self.seen[self.path] += 1
        *_, failure, times = self.path.split("/")
        if self.seen[self.path] > int(times):
            self.tell(200)
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
            self.tell(int(failure))

    def tell(self, status: int) -> None:
        self.reply(status, str(self.seen[self.path]).encode())

    def finish(self) -> None:
        with contextlib.suppress(ValueError, OSError):
            super().finish()


@pytest.fixture(scope="module")
def flaky() -> Iterator[int]:
    over = threading.Event()
    handler = type("Handler", (Flaky,), {"seen": Counter(), "over": over})
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as server:
        yield server.server_address[1]
        over.set()


@pytest.fixture(scope="module")
def get(flaky: int, start_proxy, free_port: Callable[[], int]):
    port = free_port()
    everything = host("*", *(route(path, action) for path, action in RULES.items()))
    gateway = http_gateway(port, everything, clusters=clusters(FLAKY))
    proxy = start_proxy(assemble(gateway, [endpoints(FLAKY, flaky)]))
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
