"""What an address that just went away costs, as long as its Service has another: nothing."""

import socket
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer

import pytest

from gateway_api.ir import xds as ir
from tests.envoy.gateways import KEY, clusters, endpoints, forward, host, http_chain, listener, route
from tests.servers import QuietHandler, serving
from xds_server.translate.assemble import assemble

pytestmark = pytest.mark.envoy

HTTP, TCP = ir.ClusterName("service/default/a/80"), ir.ClusterName("service/default/a/80/tcp")


class Counts(QuietHandler):
    """Answers how many bytes came."""

    def answer(self) -> None:
        self.reply(200, str(len(self.rfile.read(int(self.headers["Content-Length"])))).encode())


@pytest.fixture(scope="module")
def counts() -> Iterator[int]:
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Counts)) as server:
        yield server.server_address[1]


@pytest.fixture(scope="module")
def lost() -> Iterator[int]:
    """A port that refuses connections, and is nobody else's meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture(scope="module")
def ports(free_port: Callable[[], int]) -> dict[str, int]:
    return {"http": free_port(), "tcp": free_port()}


@pytest.fixture(scope="module")
def proxy(counts: int, lost: int, backends, ports: dict[str, int], start_proxy):
    bytes_ = ir.FilterChain(name="tcp", handler=ir.TcpChain(destinations=forward(TCP).destinations))
    gateway = ir.GatewayIR(
        gateway=KEY,
        listeners=(listener("http", ports["http"], http_chain()), listener("tcp", ports["tcp"], bytes_)),
        route_tables=(ir.RouteTable(name="http", virtual_hosts=(host("*", route("/", forward(HTTP))),)),),
        clusters=(*clusters(HTTP), *clusters(TCP, protocol="tcp")),
    )
    return start_proxy(assemble(gateway, [endpoints(HTTP, counts, lost), endpoints(TCP, backends.tcp["a"], lost)]))


def test_no_connection_is_refused_on_behalf_of_an_address_that_refuses(proxy, ports) -> None:
    assert {proxy.connect(ports["tcp"]) for _ in range(30)} == {b"a"}


@pytest.mark.parametrize("size", [100, 100_000, 250_000])
def test_what_is_uploaded_reaches_another_address(proxy, ports, size: int) -> None:
    body = b"x" * size
    answers = [proxy.request(ports["http"], "/", method="POST", body=body) for _ in range(50)]
    assert {(answer.status, answer.body) for answer in answers} == {(200, str(size).encode())}
