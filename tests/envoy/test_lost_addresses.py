"""What an address that just went away costs, as long as its Service has another: nothing."""

import socket
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from gateway_api.ir import xds as ir
from k8s_watch.keys import ObjectKey
from xds_server.translate.assemble import assemble

pytestmark = pytest.mark.envoy

KEY = ObjectKey("default", "eg")
HTTP, TCP = ir.ClusterName("service/default/a/80"), ir.ClusterName("service/default/a/80/tcp")


class Counts(BaseHTTPRequestHandler):
    """Answers how many bytes came."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = str(len(self.rfile.read(int(self.headers["Content-Length"])))).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class named it
        """Say nothing: tests read the answers."""


@pytest.fixture(scope="module")
def counts() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Counts)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


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
    def to(cluster: ir.ClusterName) -> tuple[ir.Destination, ...]:
        return (ir.Destination(cluster=cluster, weight=1),)

    def listener(name: str, handler: ir.HttpChain | ir.TcpChain) -> ir.Listener:
        chain = ir.FilterChain(name=name, handler=handler)
        return ir.Listener(name=name, port=80, bind_port=ports[name], bind_address="127.0.0.1", filter_chains=(chain,))

    def places(cluster: ir.ClusterName, *of: int) -> ir.Endpoints:
        return ir.Endpoints(
            cluster=cluster, endpoints=tuple(ir.Endpoint(address="127.0.0.1", port=port) for port in of)
        )

    everything = ir.Match(path=ir.PathMatch(kind="prefix", value="/"))
    route = ir.Route(name="r", source=KEY, match=everything, action=ir.Forward(destinations=to(HTTP)))
    gateway = ir.GatewayIR(
        gateway=KEY,
        listeners=(
            listener("http", ir.HttpChain(route_table="http-80")),
            listener("tcp", ir.TcpChain(destinations=to(TCP))),
        ),
        route_tables=(ir.RouteTable(name="http-80", virtual_hosts=(ir.VirtualHost(hostname="*", routes=(route,)),)),),
        clusters=(
            ir.Cluster(name=HTTP, backend=KEY, port=80),
            ir.Cluster(name=TCP, backend=KEY, port=80, protocol="tcp"),
        ),
    )
    return start_proxy(assemble(gateway, [places(HTTP, counts, lost), places(TCP, backends.tcp["a"], lost)]))


def test_no_connection_is_refused_on_behalf_of_an_address_that_refuses(proxy, ports) -> None:
    assert {proxy.connect(ports["tcp"]) for _ in range(30)} == {b"a"}


@pytest.mark.parametrize("size", [100, 100_000, 250_000])
def test_what_is_uploaded_reaches_another_address(proxy, ports, size: int) -> None:
    body = b"x" * size
    answers = [proxy.request(ports["http"], "/", method="POST", body=body) for _ in range(50)]
    assert {(answer.status, answer.body) for answer in answers} == {(200, str(size).encode())}
