"""A GRPCRoute, a real Envoy, and what a gRPC client sees of both."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from gateway_api.graph.build import build_graph
from gateway_api.graph.types import Settings
from gateway_api.ir import xds as ir
from gateway_api.lowering.gateway import lower_gateway
from k8s_watch.keys import ObjectKey
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
  rules:
    - matches: [{method: {service: test.Echo, method: Say}}, {method: {method: Anywhere}}]
      filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-route, value: said}]}}]
      backendRefs: [{name: web, port: 80}]
    - matches: [{method: {service: test.Echo, method: Gone}}]
      backendRefs: [{name: absent, port: 80}]
"""


class Echo(grpc.GenericRpcHandler):
    """Answers any method with what the route said, and ends with a status of its own on demand."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
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


@pytest.fixture(scope="module")
def call(backend: int, start_proxy, free_port: Callable[[], int]) -> Iterator[Callable[..., bytes]]:
    port = free_port()
    cluster = snapshot_of(WORLD, GATEWAY.format(port=port), ROUTE)
    lowered = lower_gateway(build_graph(cluster, Settings(bind_address="127.0.0.1")), ObjectKey("default", "eg"))
    places = [ir.Endpoint(address="127.0.0.1", port=backend)]
    proxy = start_proxy(
        assemble(lowered, [ir.Endpoints(cluster=c.name, endpoints=tuple(places)) for c in lowered.clusters])
    )
    proxy.wait_until_serving(port)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
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
