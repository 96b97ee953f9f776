"""A hostname passes between TLS listeners of one port while a real Envoy serves it: no request is lost."""

import asyncio
import ssl
import threading
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509

from gateway_api.ir import xds as ir
from tests.authority import Authority
from tests.envoy.gateways import KEY, clusters, endpoints, forward, host, listener, route
from tests.xds_server.serve.conftest import serving
from xds_server.snapshot.resource import Snapshot
from xds_server.translate.assemble import assemble

pytestmark = pytest.mark.envoy

A, B = (ir.ClusterName(f"service/default/{name}/80") for name in "ab")
AUTHORITY = Authority()
TRUSTING = ssl.create_default_context(cadata=AUTHORITY.certificate.decode())
CHAIN, PRIVATE = AUTHORITY.issue(x509.DNSName("a.test"))
SECRET = ir.TlsSecret(name="default/cert", certificate_chain=CHAIN, private_key=ir.PrivateBytes(PRIVATE))
ELSEWHERE = route("/", ir.Respond(status=421, closes=True))
OTHERS = [host(f"{n}.test", route("/", forward(A))) for n in range(1000)]
"""They make a proxy take its time for a table."""


def chain(hostname: str) -> ir.FilterChain:
    handler, tls = ir.HttpChain(route_table=hostname), ir.DownstreamTls(secrets=(SECRET.name,))
    return ir.FilterChain(name=hostname, handler=handler, server_names=(hostname,), tls=tls)


def snapshot(port: int, places: dict[str, int], *, own: bool) -> Snapshot:
    """Backend a answers for a.test over the listener for *.test; over its `own`, b."""
    shared = ir.VirtualHost("a.test", (ELSEWHERE,), "a.test") if own else host("a.test", route("/", forward(A)))
    tables = {
        "*.test": (shared, *OTHERS),
        **({"a.test": (host("a.test", route("/", forward(B))), *OTHERS)} if own else {}),
    }
    gateway = ir.GatewayIR(
        gateway=KEY,
        listeners=(listener("tcp-443", port, *map(chain, tables)),),
        route_tables=tuple(ir.RouteTable(name=name, virtual_hosts=hosts) for name, hosts in tables.items()),
        clusters=clusters(A, B),
        secrets=(SECRET,),
    )
    return assemble(gateway, [endpoints(A, places["a"]), endpoints(B, places["b"])])


CLIENTS = 4
SHARED, OVER_ITS_OWN = (200, "a"), (200, "b")
LEFT_BEHIND = 421, None
"""Who had connected before the hostname got its listener, and asked after that."""


async def test_a_hostname_gets_a_listener_of_its_own_and_loses_it(
    backends, free_port: Callable[[], int], local_envoy
) -> None:
    port, over = free_port(), threading.Event()
    clients: list[list[tuple[int, str | None]]] = [[] for _ in range(CLIENTS)]

    def ask(proxy: Any) -> tuple[int, str | None]:
        """Over a connection of its own."""
        answer = proxy.request(port, "/", host="a.test", tls=TRUSTING, server_name="a.test")
        return answer.status, answer.header("x-backend")

    def load(proxy: Any, answers: list[tuple[int, str | None]]) -> None:
        while not over.is_set():
            answers.append(ask(proxy))

    async with serving() as running:
        _, xds = await running.server.port.newer_than(0)
        running.cache.publish(KEY, snapshot(port, backends.http, own=False))
        with local_envoy(xds) as proxy:
            await asyncio.to_thread(proxy.wait_until_serving, port)
            async with asyncio.TaskGroup() as tasks:
                for answers in clients:
                    tasks.create_task(asyncio.to_thread(load, proxy, answers))
                try:
                    for turn in range(20):
                        running.cache.publish(KEY, snapshot(port, backends.http, own=turn % 2 == 0))
                        while await asyncio.to_thread(ask, proxy) != (SHARED if turn % 2 else OVER_ITS_OWN):
                            pass
                finally:
                    over.set()
    between = {three for answers in clients for three in zip(answers, answers[1:], answers[2:], strict=False)}
    lost = {three for three in between if three[1] not in (SHARED, OVER_ITS_OWN)}
    assert lost <= {(SHARED, LEFT_BEHIND, OVER_ITS_OWN)}
