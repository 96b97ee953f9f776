"""A GRPCRoute, a real Envoy, and what a gRPC client sees of both."""

import base64
import http.client
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from gateway_api.graph.build import build_graph
from gateway_api.graph.types import GraphSettings
from gateway_api.lowering.gateway import lower_gateway
from gateway_api.lowering.scoping import scope_tables
from tests.envoy.gateways import KEY, endpoints
from tests.gateway_api.conftest import WORLD, snapshot_of
from xds_server.translate.assemble import assemble

pytestmark = pytest.mark.envoy

GATEWAY = """
kind: Gateway
metadata: {{name: eg}}
spec: {{gatewayClassName: eg, listeners: [{{name: http, port: {port}, protocol: HTTP}}]}}
"""

ROUTE = """
kind: GRPCRoute
metadata: {name: r}
spec:
  parentRefs: [{name: eg}]
  hostnames: [grpc.example]
  rules:
    - matches: [{method: {service: test.Echo, method: Say}}, {method: {method: Anywhere}}]
      filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-route, value: said}]}}]
      backendRefs: [{name: web, port: 80}]
    - matches: [{method: {service: test.Echo, method: Gone}}]
      backendRefs: [{name: absent, port: 80}]
"""


class Echo(grpc.GenericRpcHandler):
    """Answers any method with what the route said, and ends with a status of its own on demand."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        metadata = dict(handler_call_details.invocation_metadata)

        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            if request == b"fail":
                context.abort(grpc.StatusCode.FAILED_PRECONDITION, "as you wish")
            return metadata.get("x-route", "").encode()

        return grpc.unary_unary_rpc_method_handler(answer)


@pytest.fixture(scope="module")
def backend() -> Iterator[int]:
    server = grpc.server(ThreadPoolExecutor(2), handlers=[Echo()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(None).wait()


@pytest.fixture(scope="module", params=["never", "always"], ids=["whole", "scoped"])
def port(request, backend: int, start_proxy, free_port: Callable[[], int]) -> int:
    port = free_port()
    cluster = snapshot_of(WORLD, GATEWAY.format(port=port), ROUTE)
    lowered = lower_gateway(build_graph(cluster, GraphSettings(bind_address="127.0.0.1")), KEY)
    lowered = scope_tables(lowered, request.param, frozenset())
    start_proxy(assemble(lowered, [endpoints(cluster.name, backend) for cluster in lowered.clusters]))
    return port


@pytest.fixture(scope="module")
def call(port: int) -> Iterator[Callable[..., bytes]]:
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.default_authority", "grpc.example")]) as channel:
        yield lambda method, request=b"": channel.unary_unary(method)(request, timeout=10)


@pytest.mark.parametrize("method", ["/test.Echo/Say", "/any.Service/Anywhere"])
def test_a_method_reaches_its_backend_in_http2_with_the_changes_of_its_rule(call: Callable[..., bytes], method: str):
    assert call(method) == b"said"


@pytest.mark.parametrize(
    ("method", "request_", "status"),
    [
        ("/test.Echo/Say", b"fail", grpc.StatusCode.FAILED_PRECONDITION),
        ("/test.Echo/Gone", b"", grpc.StatusCode.UNAVAILABLE),
        ("/test.Echo/Unknown", b"", grpc.StatusCode.UNIMPLEMENTED),
        ("/test.Echo/Say/more", b"", grpc.StatusCode.UNIMPLEMENTED),
    ],
)
def test_what_cannot_be_served_has_the_status_that_grpc_has_for_it(
    call: Callable[..., bytes], method: str, request_: bytes, status: grpc.StatusCode
):
    with pytest.raises(grpc.RpcError) as failed:
        call(method, request_)
    assert failed.value.code() is status


GRPC_WEB = "application/grpc-web+proto"
IN_TRAILERS = 0x80


def frame(payload: bytes, flag: int = 0) -> bytes:
    return struct.pack(">BI", flag, len(payload)) + payload


def ask_from_a_browser(port: int, body: bytes, kind: str = GRPC_WEB) -> tuple[dict[str, str], bytes]:
    """Post to /test.Echo/Say over HTTP/1.1, without trailers; return the answer's headers, in small letters, and body.

    In scopes, the first request for a host in capitals, with a body, is one whose route has to be fetched first.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(
            "POST", "/test.Echo/Say", body, {"Content-Type": kind, "Accept": kind, "Host": "GRPC.EXAMPLE"}
        )
        answer = connection.getresponse()
        return {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def test_a_browser_speaks_grpc_web_to_a_backend_that_does_not(port: int):
    headers, body = ask_from_a_browser(port, frame(b""))
    assert headers["content-type"] == GRPC_WEB
    assert body.startswith(frame(b"said"))
    assert body[len(frame(b"said"))] == IN_TRAILERS
    assert b"grpc-status:0" in body


def test_a_browser_that_must_have_text_gets_it(port: int):
    headers, body = ask_from_a_browser(port, base64.b64encode(frame(b"")), "application/grpc-web-text")
    assert headers["content-type"].startswith("application/grpc-web-text")
    assert frame(b"said") in base64.b64decode(body)


def test_a_call_that_fails_tells_a_browser_why(port: int):
    headers, _ = ask_from_a_browser(port, frame(b"fail"))
    assert headers["grpc-status"] == str(grpc.StatusCode.FAILED_PRECONDITION.value[0])
