"""Backends that a real Envoy looks up by name."""

import json
import socketserver
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gateway_api.ir import xds as ir
from tests.envoy.gateways import KEY, forward, host, http_gateway, route
from tests.servers import serving
from xds_server.translate.assemble import assemble

pytestmark = pytest.mark.envoy

HERE, NOWHERE = (ir.ClusterName(f"xbackend/default/{name}") for name in ("here", "nowhere"))


class Names(socketserver.UDPServer):
    """DNS that knows one name: a.example.com is here."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Question)
        self.asked: set[str] = set()


class _Question(socketserver.BaseRequestHandler):
    """Spec: RFC 1035 section 4.1."""

    server: Any

    def handle(self) -> None:
        message, own = self.request
        labels, rest = [], message[12:]
        while length := rest[0]:
            labels.append(rest[1 : 1 + length].decode())
            rest = rest[1 + length :]
        name, kind = ".".join(labels), struct.unpack(">H", rest[1:3])[0]
        self.server.asked.add(name)
        known, is_a = name == "a.example.com", kind == 1
        question = message[12 : 12 + sum(len(label) + 1 for label in labels) + 5]
        answer = struct.pack(">HHHIH4B", 0xC00C, 1, 1, 60, 4, 127, 0, 0, 1) if known and is_a else b""
        head = message[:2] + struct.pack(">HHHHH", 0x8180 | (0 if known else 3), 1, 1 if answer else 0, 0, 0)
        own.sendto(head + question + answer, self.client_address)


@pytest.fixture
def names() -> Iterator[Names]:
    with serving(Names()) as server:
        yield server


@pytest.fixture
def get(backends, start_proxy, free_port: Callable[[], int], names: Names, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LOCALDOMAIN", "svc.cluster.local")  # as a pod searches
    port = free_port()
    gateway = http_gateway(
        port,
        host("*", route("/here", forward(HERE)), route("/nowhere", forward(NOWHERE))),
        clusters=(
            ir.Cluster(name=HERE, backend=KEY, port=backends.http["a"], hostname="a.example.com"),
            ir.Cluster(name=NOWHERE, backend=KEY, port=80, hostname="b.example.com"),
        ),
    )
    place = {"address": "127.0.0.1", "port_value": names.server_address[1]}
    resolver = {
        "@type": "type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
        "resolvers": [{"socket_address": place}],
    }
    by_them = {"typed_dns_resolver_config": {"name": "envoy.network.dns_resolver.cares", "typed_config": resolver}}
    proxy = start_proxy(assemble(gateway, []), "--config-yaml", json.dumps(by_them))
    return lambda path: proxy.request(port, path)


def test_a_name_is_looked_up_as_it_stands_and_one_that_nobody_has_costs_only_its_own_requests(get, names) -> None:
    assert get("/here").seen["backend"] == "a"
    assert get("/nowhere").status == 503
    assert names.asked == {"a.example.com", "b.example.com"}
