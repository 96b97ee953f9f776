"""Datagrams in a real Envoy."""

import itertools
import socket
from collections import Counter
from collections.abc import Callable

import pytest

from gateway_api.ir import xds as ir
from tests.envoy.gateways import KEY, clusters, endpoints, listener
from xds_server.translate.assemble import assemble
from xds_server.translate.datagrams import MAX_DATAGRAM

pytestmark = pytest.mark.envoy

A, B = (ir.ClusterName(f"service/default/{name}/53/udp") for name in ("a", "b"))
type Shares = tuple[tuple[ir.ClusterName, int], ...]
WEIGHTS: dict[str, Shares] = {
    "only": ((A, 1), (B, 0)),
    "weighted": ((A, 70), (B, 30)),
    "partly": ((A, 1), (ir.INVALID_BACKEND, 1)),
}


@pytest.fixture(scope="module")
def ports(free_port: Callable[[], int]) -> dict[str, int]:
    return {name: free_port() for name in WEIGHTS}


@pytest.fixture(scope="module")
def proxy(backends, ports: dict[str, int], start_proxy):
    def shared(destinations: Shares) -> ir.Datagrams:
        return ir.Datagrams(
            destinations=tuple(ir.Destination(cluster=cluster, weight=weight) for cluster, weight in destinations)
        )

    gateway = ir.GatewayIR(
        gateway=KEY,
        listeners=tuple(
            listener(f"udp-{ports[name]}", ports[name], port=53, datagrams=shared(weights))
            for name, weights in WEIGHTS.items()
        ),
        clusters=clusters(A, B, protocol="udp"),
    )
    return start_proxy(assemble(gateway, [endpoints(A, backends.udp["a"]), endpoints(B, backends.udp["b"])]))


class Client:
    """A socket that waits for its answers."""

    def __init__(self, port: int, *, address: str = "127.0.0.1", own_port: int = 0) -> None:
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.socket.settimeout(10)
        self.socket.bind((address, own_port))
        self.socket.connect(("127.0.0.1", port))

    def ask(self, payload: bytes = b"?") -> bytes:
        """The name of the backend that answered, and what it got."""
        self.socket.send(payload)
        return self.socket.recv(65536)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def asked(port: int, *, address: str = "127.0.0.1", own_port: int = 0) -> bytes:
    with Client(port, address=address, own_port=own_port) as one:
        return one.ask()[:1]


def test_datagrams_go_to_the_only_backend_with_a_weight(proxy, ports) -> None:
    assert {asked(ports["only"]) for _ in range(10)} == {b"a"}


def test_clients_are_shared_by_weight(proxy, ports) -> None:
    used = Counter(asked(ports["weighted"]) for _ in range(1000))
    assert 600 < used[b"a"] < 800, used


def test_clients_with_one_and_the_same_port_are_shared_by_weight(proxy, ports, free_port) -> None:
    addresses = (f"127.0.{i}.{j}" for i, j in itertools.product(range(1, 11), range(1, 101)))
    port = free_port()
    used = Counter(asked(ports["weighted"], address=address, own_port=port) for address in addresses)
    assert 590 < used[b"a"] < 810, used


def test_a_client_stays_where_it_is(proxy, ports) -> None:
    with Client(ports["weighted"]) as one:
        assert len({one.ask()[:1] for _ in range(20)}) == 1


def test_long_datagrams_pass_in_both_directions(proxy, ports) -> None:
    payload = b"x" * (MAX_DATAGRAM - 1)
    with Client(ports["only"]) as one:
        assert one.ask(payload) == b"a" + payload


def test_the_share_of_a_backend_that_is_not_there_is_dropped(proxy, ports) -> None:
    """Half the clients are answered, whoever waits longer for the others."""
    clients = [Client(ports["partly"]) for _ in range(200)]
    for one in clients:
        one.socket.send(b"?")
    # The backend answers in order, and the proxy has handed on all its first answers before it asks for the second.
    assert [asked(ports["only"]) for _ in range(2)] == [b"a", b"a"]
    answers = 0
    for one in clients:
        with one, one.socket:
            one.socket.setblocking(False)
            try:
                answers += one.socket.recv(10) == b"a?"
            except BlockingIOError:
                continue
    assert 60 < answers < 140
